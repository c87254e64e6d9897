"""What a worker of a Dask cluster holds: the networks of runs, made once and run batch by batch.

Imported by workers: the package has to be installed there, with the same versions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from distributed import WorkerPlugin, get_worker

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.cluster_versions import differences, versions


class Network(Protocol):
    """Runs choices; see :class:`hawx_onnx.search.measurer.Network`."""

    def prepare(self, choices: Sequence[Any]) -> None:
        """Tells which choices are about to be run."""

    def scores(self, choice: Any, batch: int) -> np.ndarray:  # noqa: ANN401 - the search's own
        """Scores of the samples of a batch."""

    def forget(self, batch: int) -> None:
        """Tells that a batch is done with."""


# Makes a network with so many threads.
Make = Callable[[int], Network]


class Held(WorkerPlugin):  # type: ignore[misc]
    """Brings a network to every worker, once, and to workers that join later.

    Args:
        name: Digest of the content.
        content: Pickled ``Make``.
        made_with: The client's versions.
        threads: Threads of a run; 0 takes as many as the worker may use.
    """

    def __init__(
        self, name: str, content: bytes, made_with: Mapping[str, str], threads: int
    ) -> None:
        self.name = name
        self._content: bytes | None = content
        self._made_with, self._threads = dict(made_with), threads

    def setup(self, worker: Any) -> None:  # noqa: ANN401 - Dask brings no types
        """Called on the worker; nothing is made before it is needed."""
        self._threads = self._threads or int(worker.state.nthreads)
        # A network takes one call at a time; its threads are within onnxruntime.
        self._lock = threading.Lock()
        self._make: Make | None = None
        self._network: Network | None = None
        self._run = ""

    def scores(self, run: str, batch: int, choices: Sequence[Any]) -> list[np.ndarray]:
        """Scores of the samples of a batch under each choice, for one run of a search."""
        with self._lock:
            network = self._of(run)
            network.prepare(choices)
            try:
                return [network.scores(choice, batch) for choice in choices]
            finally:
                network.forget(batch)

    def _of(self, run: str) -> Network:
        if self._make is None:
            # Again for each network: workers that join later were not asked before.
            found = differences(versions(), self._made_with)
            if found:
                raise LibraryError(
                    f"a worker has {found[0]}",
                    where=get_worker().address,
                    mend="install the same versions on all workers as here",
                )
            import pickle

            assert self._content is not None
            self._make, self._content = pickle.loads(self._content), None
        if self._network is None or self._run != run:
            # Fresh for each run: no search shall gain from what another one ran.
            self._network = self._make(self._threads)
            self._run = run
        return self._network


def scores(name: str, run: str, batch: int, choices: Sequence[Any]) -> list[np.ndarray]:
    """The task: a function of its arguments alone, so that it can be done again anywhere."""
    held: Held = get_worker().plugins[name]
    return held.scores(run, batch, choices)
