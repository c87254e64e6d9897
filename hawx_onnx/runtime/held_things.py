"""What a worker holds, and how it gets there: in pickles whose large parts lie apart.

What several things have in common, such as the model, so travels once.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from hawx_onnx.one_order import one_order

# Bytes of an array from which on it lies apart: tables of multipliers do.
LARGE = 2**16


def pickled(
    thing: object, parts: dict[str, bytes], kind: type[pickle.Pickler] = pickle.Pickler
) -> bytes:
    """Pickles a thing.

    Args:
        thing: What is pickled; its models and large arrays are not to be written to.
        parts: Digest -> pickle; those that the thing needs are put in where they are missing.
        kind: What does it.
    """
    digests: dict[int, tuple[object, str]] = {}

    class Pickler(kind):  # type: ignore[misc, valid-type]
        def persistent_id(self, one: Any) -> str | None:  # noqa: ANN401
            if not _lies_apart(one):
                return None
            if id(one) not in digests:
                content = pickle.dumps(one, pickle.HIGHEST_PROTOCOL)
                digest = hashlib.blake2b(content, digest_size=16).hexdigest()
                parts.setdefault(digest, content)
                digests[id(one)] = one, digest
            return digests[id(one)][1]

    out = io.BytesIO()
    Pickler(out, protocol=pickle.HIGHEST_PROTOCOL).dump(thing)
    return out.getvalue()


def unpickled(content: bytes, part: Callable[[str], object]) -> Any:  # noqa: ANN401
    """The thing of a pickle.

    Args:
        content: What :func:`pickled` gave.
        part: Gives the part of a digest.
    """

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: str) -> object:
            return part(pid)

    return Unpickler(io.BytesIO(content)).load()


def _lies_apart(one: object) -> bool:
    if type(one) is np.ndarray:
        return one.nbytes >= LARGE and not one.dtype.hasobject
    return isinstance(one, onnx.ModelProto)


class Holder:
    """Makes a thing when it is first needed, afresh for each run; takes one call at a time.

    Args:
        load: Gives what makes the thing.
        threads: Threads that it is made for.
    """

    def __init__(self, load: Callable[[], Callable[[int], Any]], threads: int) -> None:
        # Threads of a thing are within onnxruntime.
        self._lock = threading.Lock()
        self._load, self._threads = load, threads
        self._make: Callable[[int], Any] | None = None
        self._thing: Any = None
        self._run: str | None = None

    def call(self, run: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:  # noqa: ANN401
        """``function(thing, *args)``."""
        with self._lock, one_order():
            if self._make is None:
                self._make = self._load()
            if self._run != run:
                self._thing = None  # not held while the next one is made
                self._thing, self._run = self._make(self._threads), run
            return function(self._thing, *args)
