"""Arrays from files that strangers wrote: no pickles, no more memory than the file says it needs.

numpy parses the header of an array as Python text, for which it raises whatever its tokenizer
does, and allocates what the header claims before it reads; an entry of an archive may unpack to a
thousand times its size. So the header is read and held against the bytes that are there first.
"""

from __future__ import annotations

import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def most_bytes() -> int:
    """Bytes of one array beyond which it is refused unread: the memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 64 << 30


class ArrayFileError(ValueError):
    """The file holds no array, or none that can be read; the text says why."""


@contextmanager
def told() -> Iterator[None]:
    """Turns everything that zipfile and numpy raise on damaged files into `ArrayFileError`."""
    try:
        yield
    except (ArrayFileError, FileNotFoundError):
        raise
    except MemoryError as error:
        raise ArrayFileError("there is not enough memory for it") from error
    except (
        *(OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError),
        *(SyntaxError, RecursionError, OverflowError, NotImplementedError, RuntimeError),
        *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
    ) as error:
        text = " ".join(str(error).split())[:200]
        raise ArrayFileError(text or type(error).__name__) from error


def read_array(stream: IO[bytes], size: int) -> Array:
    """Reads an array in numpy's format.

    Args:
        stream: At its beginning.
        size: Bytes that the stream holds, header and all.

    Raises:
        ArrayFileError: It is damaged, holds Python objects, or claims other than ``size`` bytes.
    """
    with told(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ArrayFileError(f"it has the unknown format version {version}")
        parse = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = parse(stream)
        if dtype.hasobject:
            raise ArrayFileError("it holds pickled Python objects, which are never loaded")
        left, needed = size - stream.tell(), math.prod(shape) * dtype.itemsize
        if any(extent < 0 for extent in shape) or needed != left:
            raise ArrayFileError(f"its header tells {needed} bytes of {left}")
        if needed > most_bytes():
            raise ArrayFileError(f"it takes {needed} bytes, more than there are in memory")
        data = stream.read(needed)
        if len(data) != needed:
            raise ArrayFileError("it ends too soon")
        # A copy that can be written to, as numpy.load gives.
        array = np.frombuffer(bytearray(data), dtype=dtype)
        return array.reshape(shape, order="F" if fortran else "C")


def load_npy(path: Path) -> Array:
    """Reads an ``.npy`` file.

    Raises:
        FileNotFoundError: There is none.
        ArrayFileError: As :func:`read_array`.
    """
    with told(), path.open("rb") as stream:
        return read_array(stream, path.stat().st_size)


class Archive:
    """An open ``.npz`` file; a context manager.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is none.
        ArrayFileError: It is no archive.
    """

    def __init__(self, path: Path) -> None:
        with told():
            self._zip = zipfile.ZipFile(path)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in the file's order; one may stand there twice."""
        return [name.removesuffix(".npy") for name in self._zip.namelist()]

    def read(self, name: str) -> Array:
        """Reads one array.

        Raises:
            ArrayFileError: There is none of this name, or as :func:`read_array`.
        """
        with told():
            entry = f"{name}.npy" if f"{name}.npy" in self._zip.NameToInfo else name
            info = self._zip.getinfo(entry)
            with self._zip.open(info) as stream:
                return read_array(stream, info.file_size)
