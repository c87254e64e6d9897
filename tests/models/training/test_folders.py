"""Image files in folders of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hawx_onnx.errors import DataError, LibraryError
from hawx_onnx.models.training.data import load


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Wide grey, and tall coloured images: two classes, nine of each to train on."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is needed to read images")
    for part, count in (("train", 9), ("val", 2)):
        for label, name in enumerate(("cats", "dogs")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                value = 100 * label + index
                pixels = np.full((20, 30), value, np.uint8) if label == 0 else None
                if pixels is None:
                    pixels = np.full((40, 30, 3), value, np.uint8)
                pillow.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path


def test_classes_follow_the_names_of_the_folders(photos):
    data = load(photos, 16)
    assert data.classes == 2
    assert [len(p.labels) for p in (data.train, data.validation, data.test)] == [17, 1, 4]
    pixels = data.train.read(np.arange(17))
    assert pixels.shape == (17, 16, 16, 3)
    np.testing.assert_array_equal(pixels[:, 0, 0, 0] >= 100, data.train.labels == 1)


def test_the_square_in_the_middle_is_taken(photos):
    from PIL import Image

    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 200
    folder = photos / "val" / "cats"
    Image.fromarray(pixels).save(folder / "0.png")
    assert (load(photos, 10).test.read(np.array([0])) == 200).all()


def test_a_file_that_is_no_image_is_told_by_name(photos):
    (photos / "val" / "cats" / "0.png").write_text("no image")
    with pytest.raises(DataError, match=r"cats/0\.png: no readable image"):
        load(photos, 8).test.read(np.array([0]))


def test_an_empty_class_and_an_unknown_one_are_refused(photos):
    (photos / "val" / "birds").mkdir()
    with pytest.raises(DataError, match="class 'birds' is not among those of train"):
        load(photos, 8)
    (photos / "train" / "birds").mkdir()
    with pytest.raises(DataError, match="birds: holds no image"):
        load(photos, 8)


def test_without_pillow_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "train" / "cats").mkdir(parents=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LibraryError, match=r"hawx-onnx\[train\]"):
        load(tmp_path, 8)
