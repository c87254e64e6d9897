"""What a worker of a Dask cluster holds: things that functions are run on.

Imported by workers: the package has to be installed there, with the same versions.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from distributed import WorkerPlugin, get_worker

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.cluster_versions import differences, versions
from hawx_onnx.runtime.held_things import Holder, unpickled


class Parts(WorkerPlugin):  # type: ignore[misc]
    """Brings large parts of things to every worker, once, and to workers that join later.

    Args:
        name: Its own.
        contents: Digest -> pickle.
    """

    def __init__(self, name: str, contents: Mapping[str, bytes]) -> None:
        self.name = name
        self._contents = dict(contents)
        self._found: dict[str, object] = {}

    def __contains__(self, digest: str) -> bool:
        return digest in self._contents or digest in self._found

    def part(self, digest: str) -> object:
        """The part of a digest."""
        if digest not in self._found:
            self._found[digest] = pickle.loads(self._contents[digest])
            del self._contents[digest]
        return self._found[digest]


class Held(WorkerPlugin):  # type: ignore[misc]
    """Brings a thing to every worker.

    Args:
        name: What tasks ask for it by.
        content: Pickled ``Make``, large parts apart.
        parts: What names of its ``Parts`` begin with.
        made_with: The client's versions.
        threads: Threads of a run; 0 takes as many as the worker may use.
    """

    def __init__(
        self, name: str, content: bytes, parts: str, made_with: Mapping[str, str], threads: int
    ) -> None:
        self.name = name
        self._content, self._parts = content, parts
        self._made_with, self._threads = dict(made_with), threads

    def setup(self, worker: Any) -> None:  # noqa: ANN401 - Dask brings no types
        """Called on the worker; nothing is made before it is needed."""
        self.holder = Holder(self._load, self._threads or int(worker.state.nthreads))

    def _load(self) -> Any:  # noqa: ANN401
        # Again for each thing: workers that join later were not asked before.
        found = differences(versions(), self._made_with)
        if found:
            raise LibraryError(
                f"a worker has {found[0]}",
                where=get_worker().address,
                mend="install the same versions on all workers as here",
            )
        return unpickled(self._content, self._part)

    def _part(self, digest: str) -> object:
        plugins = get_worker().plugins
        names = [name for name in plugins if name.startswith(self._parts)]
        return next(plugins[name].part(digest) for name in names if digest in plugins[name])


def call(name: str, run: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """The task: what a function makes of what is held, and of its arguments."""
    held: Held = get_worker().plugins[name]
    return held.holder.call(run, function, args)
