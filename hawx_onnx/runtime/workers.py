"""Processes that run functions of what they hold: a Dask cluster's, or some on this machine.

What functions are run on travels once to each process. A function's result depends on what is held
and on its arguments alone, so that it can be done again anywhere.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")
# Makes what functions are run on, for so many threads.
Make = Callable[[int], Any]
# Tasks for each worker that are asked for ahead: results are held until they are wanted.
AHEAD = 3


class Task(Protocol):
    """A function that is run somewhere; what nobody refers to any more is not run."""

    def done(self) -> bool:
        """Whether it was run."""


class Workers(Protocol):
    """Processes that hold things, and run functions of them."""

    @property
    def count(self) -> int:
        """How many there are now."""

    def hold(self, make: Make) -> str:
        """Sends what makes a thing to every worker; what is held already is not sent again.

        Large parts, such as models and tables, are sent once, whatever they are parts of.

        Returns:
            The name that tasks ask for it by.
        """

    def release(self, name: str) -> None:
        """Has workers drop a thing; its large parts stay."""

    def submit(self, name: str, run: str, function: Callable[..., Any], *args: object) -> Task:
        """Asks for ``function(thing, *args)``.

        Args:
            name: Of the thing.
            run: Things are made afresh for each run, so that no run gains from another one.
            function: One that workers can import; its results depend on its arguments alone.
            *args: Its other arguments.
        """

    def result(self, task: Any) -> Any:  # noqa: ANN401 - whatever the function gives
        """Waits for a result, even where the worker that was to give it is lost.

        Raises:
            HawxError: What the function raised; LibraryError where all workers were lost.
        """

    def close(self) -> None:
        """Frees what workers hold."""


@contextlib.contextmanager
def started(address: str | None, processes: int = 0, threads: int = 0) -> Iterator[Workers | None]:
    """Workers for as long as they are used; None where all is run in this process.

    Args:
        address: Of a Dask scheduler, or None.
        processes: How many to begin on this machine where there is no address.
        threads: Threads of a run; 0 takes as many as there are for each worker.

    Raises:
        HawxError: There are no workers at the address, or not such that can be used.
    """
    found: Workers | None = None
    if address is not None:
        from hawx_onnx.runtime.cluster import Cluster

        found = Cluster(address, threads)
    elif processes:
        from hawx_onnx.runtime.processes import Processes

        found = Processes(processes, threads)
    try:
        yield found
    finally:
        if found is not None:
            found.close()


@contextlib.contextmanager
def held(workers: Workers | None, here: object, make: Make) -> Iterator[Runs]:
    """Something that functions are run on: by workers, or in this process.

    Args:
        workers: None runs functions on ``here``.
        here: What ``make`` makes.
        make: Sent to workers.
    """
    if workers is None:
        yield Runs(None, "", here)
        return
    name = workers.hold(make)
    try:
        yield Runs(workers, name, here)
    finally:
        workers.release(name)


class Runs:
    """Runs functions on something that is held; see :func:`held`."""

    def __init__(self, workers: Workers | None, name: str, here: object) -> None:
        self._workers, self._name, self._here = workers, name, here

    def parts(self, items: Sequence[Result], rounds: int) -> list[Sequence[Result]]:
        """Cuts items that tasks have in turn, so that there is something to do for all workers.

        The first ones of a network take longest: each task gets some of every part of it.

        Args:
            items: One or more.
            rounds: How many tasks there are besides for each part.
        """
        if self._workers is None:
            return [items]
        wanted = -(-2 * max(1, self._workers.count) // max(1, rounds))
        count = max(1, min(wanted, len(items)))
        return [items[start::count] for start in range(count)]

    def each(
        self, function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[Result]:
        """Yields ``function(thing, *args)``.for each of the arguments, in their order."""
        if self._workers is None:
            for args in tasks:
                yield function(self._here, *args)
            return
        asked: deque[Task] = deque()
        for args in tasks:
            asked.append(self._workers.submit(self._name, "", function, *args))
            if len(asked) > AHEAD * max(1, self._workers.count):
                yield self._workers.result(asked.popleft())
        while asked:
            yield self._workers.result(asked.popleft())
