"""Sessions over models in memory, large ones without further copies of their weights.

A serialised model is a copy, and onnxruntime parses it into another one. Where that matters the
constants are written into files, once for each content, which all sessions map.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx

from hawx_onnx.frontend.copies import exposed, without_weights
from hawx_onnx.runtime.library import create_session
from hawx_onnx.scratch import temporary_folder, told

# Smaller models are handed over as bytes, which is quicker.
LARGE = 2**28
APART = 4096  # bytes of a tensor that gets a file of its own
_numbers = itertools.count()


def session_of(
    model: onnx.ModelProto,
    expose: Sequence[str] = (),
    **options: Any,  # noqa: ANN401 - those of create_session
) -> Any:  # noqa: ANN401 - onnxruntime brings no types
    """Makes a session over a model.

    Args:
        model: The model, of up to 2 GiB.
        expose: Tensors that become outputs besides its own.
        **options: Those of ``create_session``.
    """
    with source_of(model, expose) as source:
        if isinstance(source, str):
            options.update(lean=True, arena=False)  # an arena grows in powers of two
        return create_session(source, **options)


@contextlib.contextmanager
def source_of(model: onnx.ModelProto, expose: Sequence[str] = ()) -> Iterator[bytes | str]:
    """What a session is made of: the serialised model, or the path of a file for a large one."""
    if model.ByteSize() < LARGE:
        yield (exposed(model, expose) if expose else model).SerializeToString()
        return
    path = _folder() / f"model-{next(_numbers)}.onnx"
    try:
        with told(path.parent):
            path.write_bytes(_apart(model, expose, path.parent).SerializeToString())
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _store() -> Any:  # noqa: ANN401 - a TemporaryDirectory
    """Weights of large models as files, until the process ends."""
    return temporary_folder()


def _folder() -> Path:
    return Path(_store().name)


def _apart(model: onnx.ModelProto, expose: Sequence[str], folder: Path) -> onnx.ModelProto:
    """A copy of a model whose large constants lie in files of a folder."""
    light = exposed(without_weights(model, APART), expose)
    for tensor, own in zip(model.graph.initializer, light.graph.initializer, strict=True):
        if own.data_location != onnx.TensorProto.EXTERNAL:
            continue
        content = tensor.raw_data
        file = folder / f"{hashlib.blake2b(content, digest_size=20).hexdigest()}.bin"
        if not file.exists():
            file.write_bytes(content)
        del own.external_data[:]
        for key, value in (("location", file.name), ("offset", 0), ("length", len(content))):
            own.external_data.add(key=key, value=str(value))
    return light
