"""Worker processes on this machine, by the standard library alone."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from hawx_onnx.errors import HawxError, LibraryError
from hawx_onnx.runtime.held_things import Holder, pickled, unpickled
from hawx_onnx.runtime.workers import Make
from hawx_onnx.scratch import temporary_folder

log = logging.getLogger(__name__)

FLAG = "--workers"
# How often processes are replaced, without a result in between, before that is given up.
MOST_LOSSES = 3


class Processes:
    """Processes that run functions of what they hold; see ``Workers``.

    What they hold lies in files of a temporary folder. Processes that are lost are replaced, and
    their tasks are run again. They end with this process, however it ends.

    Args:
        count: How many.
        threads: Threads of a run; 0 shares the cores out.
    """

    def __init__(self, count: int, threads: int = 0) -> None:
        self.count = count
        self._threads = threads or max(1, cores() // count)
        self._store = temporary_folder()
        self._folder = Path(self._store.name)
        self._held: set[str] = set()
        self._tasks: WeakSet[_Task] = WeakSet()
        self._losses = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        # Nothing is ever sent: that the other end is gone tells processes to end.
        self._reading, self._writing = context.Pipe(duplex=False)
        begin = (self._reading, str(self._folder))
        self._pool = ProcessPoolExecutor(self.count, context, _begin, begin)

    def hold(self, make: Make) -> str:
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        parts: dict[str, bytes] = {}
        content = pickled(make, parts)
        name = hashlib.sha256(content).hexdigest()[:16]
        for file, data in {**parts, name: content}.items():
            path = self._folder / file
            if not path.exists():
                path.write_bytes(data)
        self._held.add(name)
        return name

    def release(self, name: str) -> None:
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        # With the next task, processes drop what is not held any more.
        self._held.discard(name)

    def submit(self, name: str, run: str, function: Callable[..., Any], *args: object) -> _Task:
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        work = partial(
            _call, str(self._folder), frozenset(self._held), self._threads, name, run, function
        )
        task = _Task(work, args)
        self._tasks.add(task)
        self._send(task)
        return task

    def _send(self, task: _Task) -> None:
        with _no_interrupts():  # processes are begun as tasks come in
            try:
                task.future = self._pool.submit(task.work, *task.args)
            except BrokenProcessPool as error:
                task.future = Future()
                task.future.set_exception(error)

    def result(self, task: _Task) -> Any:  # noqa: ANN401 - whatever the function gives
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        while isinstance(lost := task.future.exception(), BrokenProcessPool):
            self._replace(lost)
        self._losses = 0
        if lost is None or isinstance(lost, HawxError):
            return task.future.result()
        text = f"{type(lost).__name__}: {' '.join(str(lost).split())[:300]}"
        raise LibraryError(
            f"a process failed: {text}",
            where=f"{FLAG} {self.count}",
            mend="`-vv` shows where; without the flag all is run in one process",
        ) from lost

    def _replace(self, error: BrokenProcessPool) -> None:
        """Begins new processes, and all tasks again that have no result."""
        self._losses += 1
        if self._losses > MOST_LOSSES:
            raise LibraryError(
                "worker processes end again and again, for want of memory perhaps",
                where=f"{FLAG} {self.count}",
                mend="take fewer, and let a script begin under `if __name__ == '__main__':`; "
                "--resume goes on from what was measured",
            ) from error
        log.warning("a worker process was killed: its work is done again")
        self._end()
        self._start()
        for task in list(self._tasks):
            if not task.done() or isinstance(task.future.exception(), BrokenProcessPool):
                self._send(task)

    def _end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._writing.close()
        self._pool.shutdown(wait=True)
        self._reading.close()

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        self._end()
        self._store.cleanup()


class _Task:
    """A function that a process runs, and can run again; dropped, it is not begun any more."""

    future: Future[Any]

    def __init__(self, work: Callable[..., Any], args: tuple[object, ...]) -> None:
        self.work, self.args = work, args

    def done(self) -> bool:
        """Whether it was run."""
        return self.future.done()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self.future.cancel()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Holds Ctrl-C back: processes begun meanwhile never get it, as this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What runs in the processes.

_holders: dict[str, Holder] = {}
_parts: dict[str, object] = {}


def _begin(reading: Any, folder: str) -> None:  # noqa: ANN401 - a connection
    """Called as a process begins; it will end with the one that began it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = folder  # removed by the process that made it
    threading.Thread(target=_end_with, args=(reading,), daemon=True).start()


def _end_with(reading: Any) -> None:  # noqa: ANN401
    with contextlib.suppress(OSError):
        reading.poll(None)
    os._exit(1)


def _call(
    folder: str,
    held: frozenset[str],
    threads: int,
    name: str,
    run: str,
    function: Callable[..., Any],
    *args: object,
) -> Any:  # noqa: ANN401 - whatever the function gives
    """The task: what a function makes of what is held, and of its arguments."""
    for gone in _holders.keys() - held:
        del _holders[gone]
    if name not in _holders:
        _holders[name] = Holder(partial(_load, Path(folder), name), threads)
    return _holders[name].call(run, function, args)


def _load(folder: Path, name: str) -> Any:  # noqa: ANN401
    def part(digest: str) -> object:
        if digest not in _parts:
            _parts[digest] = pickle.loads((folder / digest).read_bytes())
        return _parts[digest]

    return unpickled((folder / name).read_bytes(), part)
