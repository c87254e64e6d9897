"""Arrays of damaged and hostile files are refused before memory is taken for them."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from hawx_onnx import numpy_files
from hawx_onnx.numpy_files import Archive, ArrayFileError, load_npy, read_array


def packed(array, **kinds) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **kinds)
    return stream.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    content = text.encode()
    return b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + data


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 4), np.uint8),
        np.array(3.5, ">f4"),
        np.array("signed"),
    ],
    ids=["int16", "columns first", "empty", "big-endian scalar", "text"],
)
def test_arrays_are_those_that_numpy_reads(tmp_path, array):
    path = tmp_path / "a.npy"
    np.save(path, array)
    found = load_npy(path)
    assert found.dtype == array.dtype and found.flags.writeable
    np.testing.assert_array_equal(found, np.load(path))
    np.savez_compressed(tmp_path / "a.npz", one=array, two=array)
    with Archive(tmp_path / "a.npz") as archive:
        assert archive.names == ["one", "two"]
        np.testing.assert_array_equal(archive.read("two"), array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EOF"),
        (b"PK\x05\x06", "magic"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (3,"), "."),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (3,)}", bytes(11)), "12 bytes"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (-3,)}", bytes(12)), "."),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)), "pickled"),
        (header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}"), "."),
        (header("[" * 900), "."),
        (packed(np.arange(9))[:-1], "bytes"),
        (packed(np.arange(9)) + b"x", "bytes"),
    ],
)
def test_damaged_arrays(content, reason):
    with pytest.raises(ArrayFileError, match=reason):
        read_array(io.BytesIO(content), len(content))


def test_python_objects_are_never_loaded(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([print], object), allow_pickle=True)
    with pytest.raises(ArrayFileError, match="pickled Python objects"):
        load_npy(path)


def test_a_shape_that_is_not_there_takes_no_memory():
    content = header("{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 10000)}")
    tracemalloc.start()
    with pytest.raises(ArrayFileError, match="8000000000 bytes of 0"):
        read_array(io.BytesIO(content), len(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_an_archive_that_unpacks_to_more_than_memory(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(1 << 24, np.uint8))
    assert path.stat().st_size < 1 << 15
    monkeypatch.setattr(numpy_files, "most_bytes", lambda: 1 << 20)
    with Archive(path) as archive, pytest.raises(ArrayFileError, match="more than there are"):
        archive.read("x")


def test_an_archive_whose_directory_lies(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(1 << 20, np.uint8))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24  # the unpacked size in the directory
    size = int.from_bytes(data[at : at + 4], "little")
    data[at : at + 4] = (size // 2).to_bytes(4, "little")
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(ArrayFileError):
        archive.read("x")


def test_other_files(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(ArrayFileError):
        Archive(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError):
        Archive(tmp_path / "none.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", b"short")
    with Archive(tmp_path / "b.npz") as opened:
        for name in ("x", "y"):
            with pytest.raises(ArrayFileError):
                opened.read(name)
