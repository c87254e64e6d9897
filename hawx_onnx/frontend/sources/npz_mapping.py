"""Arrays of an ``.npz`` file mapped from it, where they are stored as they are."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path

import numpy as np

from hawx_onnx.frontend.sources.mapped_rows import MappedRows

# Smaller arrays are read.
LEAST_BYTES = 64 * 2**20
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
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
    read = _READERS.get(np.lib.format.read_magic(file))
    if read is None:
        return None
    shape, fortran, dtype = read(file)
    if dtype.hasobject or fortran or not shape:
        return None
    if file.tell() + math.prod(shape) * dtype.itemsize > path.stat().st_size:
        return None
    return MappedRows(file, dtype, shape, file.tell())
