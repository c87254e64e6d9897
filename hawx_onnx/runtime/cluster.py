"""A Dask cluster: reached within seconds or not at all, its workers checked, its work asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

from hawx_onnx.cluster_address import FLAG
from hawx_onnx.errors import ConfigError, HawxError, LibraryError
from hawx_onnx.runtime import cluster_versions
from hawx_onnx.runtime.cluster_versions import differences, versions
from hawx_onnx.runtime.held_things import pickled
from hawx_onnx.runtime.workers import Make

log = logging.getLogger(__name__)

# Seconds to reach the scheduler, and for a first worker.
REACH = 5.0
# Seconds to wait for workers where all were lost.
PATIENCE = 60.0
# Seconds between two looks at the cluster while waiting for a result.
LOOK = 5.0
EXTRA = "pip install 'hawx-onnx[dask]'"


class Cluster:
    """The workers behind a scheduler.

    Args:
        address: ``tcp://HOST:PORT``.
        threads: Threads of a run on a worker; 0 takes as many as the worker may use.

    Attributes:
        sent: Bytes that were sent to each worker, to make things of.

    Raises:
        ConfigError: Nobody answers there, there is no worker, or Dask is not installed.
        LibraryError: A worker has other versions than this process.
    """

    def __init__(self, address: str, threads: int = 0) -> None:
        self.address, self._threads = address, threads
        self._client = _client(address)
        self._held: list[str] = []
        self._parts: set[str] = set()
        self._numbers = itertools.count()
        self.sent = 0
        try:
            self._wait_for_a_worker()
            self._compare()
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        """How many workers there are now."""
        return len(self._client.nthreads())

    def ask(self, function: Callable[[], Any]) -> dict[str, Any]:
        """What a function returns or raises on each worker, by the worker's address."""
        return dict(self._client.run(function, on_error="return"))

    def hold(self, make: Make) -> str:
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        import cloudpickle

        from hawx_onnx.runtime.cluster_worker import Held, Parts

        parts: dict[str, bytes] = {}
        content = pickled(make, parts, cloudpickle.Pickler)
        # By this client: another one's end shall not take it away.
        own = f"hawx-{self._client.id}"
        name = f"{own}-{hashlib.sha256(content).hexdigest()[:16]}"
        if name not in self._held:
            new = {digest: parts[digest] for digest in parts.keys() - self._parts}
            size = len(content) + sum(len(part) for part in new.values())
            log.info("sending %d bytes to each worker", size)
            if new:
                self._plug_in(Parts(f"{own}-parts-{next(self._numbers)}", new))
            self._plug_in(Held(name, content, f"{own}-parts-", versions(), self._threads))
            self._parts |= new.keys()
            self.sent += size
        return name

    def _plug_in(self, plugin: Any) -> None:  # noqa: ANN401 - Dask brings no types
        self._client.register_plugin(plugin, name=plugin.name)
        self._held.append(plugin.name)

    def release(self, name: str) -> None:
        """As of :class:`hawx_onnx.runtime.workers.Workers`."""
        self._held.remove(name)
        # Workers drop it when they come to it; where they are lost, there is nothing to drop.
        with contextlib.suppress(Exception):
            self._client.unregister_worker_plugin(name)

    def submit(self, name: str, run: str, function: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401
        """As of :class:`hawx_onnx.runtime.workers.Workers`: a Dask future."""
        import dask

        from hawx_onnx.runtime.cluster_worker import call

        # What a layer's taps read may be megabytes, which Dask warns of.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
            return self._client.submit(call, name, run, function, args, pure=False)

    def result(self, future: Any) -> Any:  # noqa: ANN401 - Dask brings no types
        """Waits for a result, as long as there are workers or soon will be.

        Raises:
            HawxError: What the worker raised; LibraryError where the cluster was lost.
        """
        try:
            self._wait(future)
            return future.result()
        except HawxError:
            raise
        except CancelledError as error:
            raise self._lost("was lost, and its results") from error
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise self._lost(f"failed: {text}") from error

    def _wait(self, future: Any) -> None:  # noqa: ANN401
        """Returns once a future is settled; raises where there were no workers for long."""
        from distributed import TimeoutError as Late

        seen = time.monotonic()
        while True:
            with contextlib.suppress(Late):
                future.exception(timeout=LOOK)
                return
            if self._client.status != "running":
                raise self._lost("was lost: its scheduler does not answer")
            if self.count:
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                raise self._lost(f"has had no worker for {PATIENCE:g} s")

    def close(self) -> None:
        """Frees what workers hold and leaves."""
        with contextlib.suppress(Exception):
            for name in self._held:
                self._client.unregister_worker_plugin(name)
        self._client.close(timeout=REACH)

    def _lost(self, what: str) -> LibraryError:
        return LibraryError(
            f"the cluster {what}",
            where=self.address,
            mend="look at its workers; --resume goes on from what was measured",
        )

    def _wait_for_a_worker(self) -> None:
        until = time.monotonic() + REACH
        while not self._client.nthreads():
            if time.monotonic() > until:
                raise ConfigError(
                    "the scheduler has no worker",
                    where=f"{FLAG} {self.address}",
                    mend=f"start some: dask worker {self.address} --nthreads 1",
                )
            time.sleep(0.1)

    def _compare(self) -> None:
        """Refuses workers with other versions, or without the package."""
        here = versions()
        for worker, there in self.ask(cluster_versions.versions).items():
            if isinstance(there, BaseException):
                what = [f"no hawx-onnx: {type(there).__name__}: {there}"]
            else:
                what = differences(there, here)
            if what:
                raise LibraryError(
                    f"a worker has {what[0]}",
                    where=str(worker),
                    mend="install the same versions on all workers as here",
                )


def _client(address: str) -> Any:  # noqa: ANN401 - Dask brings no types
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ConfigError("needs Dask", where=FLAG, mend=EXTRA) from error
    # Errors come to the user as ours, in one line.
    for part in ("distributed", "distributed.client", "distributed.comm"):
        logging.getLogger(part).setLevel(logging.CRITICAL)
    begun = time.monotonic()
    try:
        # A client waits for ever at an open port that says nothing. In a thread, since a notebook
        # has an event loop already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _answer(address)).result()
        left = max(1.0, REACH - (time.monotonic() - begun))
        return distributed.Client(address, timeout=left, set_as_default=False)
    except (OSError, ValueError, RuntimeError, TimeoutError, asyncio.TimeoutError) as error:
        raise ConfigError(
            f"no Dask scheduler answers within {REACH:g} s",
            where=f"{FLAG} {address}",
            mend="start one with `dask scheduler`, or leave the flag out to run on this machine",
        ) from error


async def _answer(address: str) -> None:
    """Returns once somebody at an address speaks as Dask does."""
    from distributed.comm.core import connect
    from distributed.security import Security

    keys = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=REACH, **keys), REACH)
    await comm.close()
