"""Arrays of an ``.npz`` file mapped from it, where they are stored as they are."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path

from hawx_onnx.frontend.sources.mapped_rows import MappedRows
from hawx_onnx.numpy_files import read_header

# Smaller arrays are read.
LEAST_BYTES = 64 * 2**20
_HEADER = struct.Struct("<4s5H3I2H")


def mapped(path: Path, name: str, least: int = LEAST_BYTES) -> MappedRows | None:
    """An array of the file, left there; None where it is compressed, small, or no plain array.

    What is damaged is left to whoever reads it and says so.

    Args:
        path: What ``numpy.savez`` wrote; ``savez_compressed`` compresses.
        name: Of the array.
        least: Bytes from which an array is left where it is.
    """
    try:
        return _mapped(path, name, least)
    except (OSError, ValueError, KeyError, SyntaxError, struct.error, zipfile.BadZipFile):
        return None


def _mapped(path: Path, name: str, least: int) -> MappedRows | None:
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size < least:
            return None
    file = path.open("rb")
    file.seek(entry.header_offset)
    # The sizes of name and extra field in front of the content are not those of the directory.
    *_, name_size, extra_size = _HEADER.unpack(file.read(_HEADER.size))
    file.seek(name_size + extra_size, 1)
    shape, fortran, dtype = read_header(file, entry.file_size)
    if fortran or not shape:
        return None
    if file.tell() + math.prod(shape) * dtype.itemsize > path.stat().st_size:
        return None
    return MappedRows(file, dtype, shape, file.tell())
