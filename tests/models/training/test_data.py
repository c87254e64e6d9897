"""Training data of every form, its splits, and what is refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx.errors import DataError
from hawx_onnx.models.training import cifar10
from hawx_onnx.models.training.data import load


def images(count: int, seed: int, shape: tuple[int, ...] = (32, 32, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def labels(count: int, classes: int = 4) -> np.ndarray:
    return np.arange(count) % classes


def write_npz(path: Path, **changes) -> Path:
    arrays = {
        "x_train": images(40, 0),
        "y_train": labels(40),
        "x_test": images(8, 1),
        "y_test": labels(8),
    }
    kept = {key: value for key, value in (arrays | changes).items() if value is not None}
    np.savez(path, **kept)
    return path


def write_idx(path: Path, values: np.ndarray) -> None:
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(gzip.compress(head + values.tobytes()))


def write_cifar(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two training files and a test file of planes; returns the training images and classes."""
    planes, classes = images(12, 2, (3, 32, 32)), labels(12)
    records = np.concatenate([classes[:, None].astype(np.uint8), planes.reshape(12, -1)], axis=1)
    (folder / "data_batch_1.bin").write_bytes(records[:5].tobytes())
    (folder / "data_batch_2.bin").write_bytes(records[5:].tobytes())
    (folder / "test_batch.bin").write_bytes(records[:3].tobytes())
    return planes.transpose(0, 2, 3, 1), classes


def test_the_splits_share_no_image_and_never_move(tmp_path):
    path = write_npz(tmp_path / "all.npz")
    first, again = load(path, 32), load(path, 32)
    assert (len(first.train.labels), len(first.validation.labels)) == (36, 4)
    assert first.classes == 4
    parts = [
        {image.tobytes() for image in part.read(np.arange(len(part.labels)))}
        for part in (first.train, first.validation, first.test)
    ]
    assert [len(part) for part in parts] == [36, 4, 8]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    rows = np.arange(36)
    np.testing.assert_array_equal(first.train.read(rows), again.train.read(rows))


def test_images_keep_their_labels(tmp_path):
    x, y = images(40, 0), labels(40)
    data = load(write_npz(tmp_path / "all.npz"), 32)
    classes = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    for part in (data.train, data.validation):
        for row, label in enumerate(part.labels):
            assert classes[part.read(np.array([row]))[0].tobytes()] == label


def test_a_folder_of_two_npz_files(tmp_path):
    np.savez(tmp_path / "train.npz", x=images(20, 0), y=labels(20))
    np.savez(tmp_path / "test.npz", x=images(6, 1), y=labels(6))
    data = load(tmp_path, 32)
    assert [len(p.labels) for p in (data.train, data.validation, data.test)] == [18, 2, 6]


def test_a_folder_of_idx_files(tmp_path):
    for prefix, count in (("train", 20), ("t10k", 6)):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte.gz", images(count, 0, (28, 28)))
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", labels(count).astype(np.uint8))
    data = load(tmp_path, 32)
    assert data.train.read(np.array([0, 1])).shape == (2, 28, 28)
    assert len(data.test.labels) == 6


def test_the_binary_version_of_cifar10(tmp_path):
    x, y = write_cifar(tmp_path)
    parts = cifar10.load(tmp_path).parts
    np.testing.assert_array_equal(parts["train"].x, x)
    np.testing.assert_array_equal(parts["train"].y, y)
    data = load(tmp_path, 32)
    assert [len(p.labels) for p in (data.train, data.validation, data.test)] == [11, 1, 3]


def test_a_cut_off_file_of_cifar10_is_refused(tmp_path):
    write_cifar(tmp_path)
    file = tmp_path / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_2\.bin: has 21510 bytes, no multiple"):
        load(tmp_path, 32)


def test_a_file_of_cifar10_that_cannot_be_read_is_refused(tmp_path):
    write_cifar(tmp_path)
    (tmp_path / "test_batch.bin").unlink()
    (tmp_path / "test_batch.bin").mkdir()
    with pytest.raises(DataError, match=r"test_batch\.bin: cannot be read: Is a directory"):
        load(tmp_path, 32)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"y_train": None}, "has no labels"),
        ({"x_train": images(40, 0).astype(np.float32)}, "holds float32"),
        ({"y_train": labels(40)[:-1]}, "39 labels for 40 samples"),
        ({"x_train": None, "x": images(5, 0), "x_test": None}, "has no train part"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, told, tmp_path):
    path = write_npz(tmp_path / "bad.npz", **changes)
    with pytest.raises(DataError, match=told):
        load(path, 32)


def test_what_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        load(tmp_path / "nowhere", 32)
    with pytest.raises(DataError, match="holds no training data"):
        load(tmp_path, 32)
