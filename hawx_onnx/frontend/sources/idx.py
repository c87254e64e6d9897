"""Samples from a folder in the IDX format of MNIST, plain or compressed with gzip."""

from __future__ import annotations

import gzip
import io
import logging
import math
import zlib
from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.numpy_files import most_bytes

_LOG = logging.getLogger(__name__)
_PREFIXES = {"train": "train", "test": "t10k"}
# Type codes of the IDX header; values are stored big-endian.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_folder(folder: Path) -> bool:
    """Tells whether the folder holds MNIST image files."""
    return any(_find(folder, prefix, "images", 3) for prefix in _PREFIXES.values())


def load(folder: Path) -> RawData:
    """Returns the training and test images of the folder; either may be absent.

    Raises:
        DataError: If a file is damaged.
    """
    parts: dict[str, RawPart] = {}
    for part, prefix in _PREFIXES.items():
        images = _find(folder, prefix, "images", 3)
        if images is None:
            continue
        labels = _find(folder, prefix, "labels", 1)
        if labels is None:
            _LOG.warning("%s: no label file beside it, so the samples are unlabelled", images)
        parts[part] = RawPart(
            x=read_idx(images),
            y=read_idx(labels) if labels else None,
            x_where=str(images),
            y_where=str(labels),
        )
    if len(parts) == 1:
        parts = {"all": next(iter(parts.values()))}
    return RawData(name=str(folder), note=f"IDX files of {folder.name}", parts=parts)


def read_idx(path: Path) -> Array:
    """Reads one IDX file.

    Raises:
        DataError: If the file is damaged or no IDX file.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = _unpacked(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(path), mend="fetch the file again"
        ) from error
    return _parse(content, path)


def _unpacked(content: bytes) -> bytes:
    """Unpacks what the header promises and one byte more, whatever else there is."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        head = stream.read(4)
        sizes = stream.read(4 * head[3]) if len(head) == 4 else b""
        wanted = math.prod(int(n) for n in np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4"))
        width = np.dtype(_TYPES[head[2]]).itemsize if len(head) == 4 and head[2] in _TYPES else 0
        return head + sizes + stream.read(min(wanted * width, most_bytes()) + 1)


def _parse(content: bytes, path: Path) -> Array:
    """Decodes header and values."""
    mend = "fetch the file again; it must be an IDX file such as those of MNIST"
    head = content[:4]
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
        raise DataError("does not begin with an IDX header", where=str(path), mend=mend)
    start = 4 + 4 * head[3]
    if len(content) < start:
        raise DataError("ends within its IDX header", where=str(path), mend=mend)
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", count=head[3], offset=4))
    dtype = np.dtype(_TYPES[head[2]])
    # Sizes from a damaged header can be huge: multiply them as Python integers.
    wanted = dtype.itemsize
    for extent in shape:
        wanted *= extent
    if len(content) - start != wanted:
        raise DataError(
            f"has {len(content) - start} bytes of values, its header promises {wanted} "
            f"for shape {list(shape)}",
            where=str(path),
            mend=mend,
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _find(folder: Path, prefix: str, kind: str, rank: int) -> Path | None:
    """Returns the file of that kind under one of its usual names."""
    for separator in "-.":
        for suffix in ("", ".gz"):
            path = folder / f"{prefix}-{kind}{separator}idx{rank}-ubyte{suffix}"
            if path.is_file():
                return path
    return None
