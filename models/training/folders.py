"""Image files in folders: train/CLASS/*.jpg and test/CLASS/*.jpg (or val/)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError, LibraryError
from hawx_onnx.models.training.images import FileImages

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
_TEST_NAMES = ("test", "val")


def is_folder(path: Path) -> bool:
    """Tells whether a folder holds folders of classes."""
    train = path / "train"
    return train.is_dir() and any(child.is_dir() for child in train.iterdir())


def load(path: Path, size: int) -> dict[str, FileImages]:
    """Lists the images; classes are numbered in the order of their sorted names.

    Args:
        path: The folder with ``train`` and ``test`` or ``val``.
        size: Height and width to which images are resized when they are read.

    Raises:
        DataError: If a class has no image, or the test part has another class.
        LibraryError: If Pillow, which decodes them, is missing.
    """
    if importlib.util.find_spec("PIL") is None:
        raise LibraryError(
            "Pillow, which reads image files, is not installed",
            where=str(path),
            mend="pip install 'hawx-onnx[train]'",
        )
    classes = sorted(child.name for child in (path / "train").iterdir() if child.is_dir())
    parts = {"train": _list(path / "train", classes, size)}
    tests = [path / name for name in _TEST_NAMES if (path / name).is_dir()]
    if tests:
        parts["test"] = _list(tests[0], classes, size)
    return parts


def _list(folder: Path, classes: list[str], size: int) -> FileImages:
    """Lists the images of one part."""
    unknown = {child.name for child in folder.iterdir() if child.is_dir()} - set(classes)
    if unknown:
        raise DataError(
            f"class '{min(unknown)}' is not among those of train",
            where=str(folder),
            mend="keep the same folders of classes in both parts",
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        inside = folder / name
        found = sorted(p for p in inside.glob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(
                "holds no image",
                where=str(inside),
                mend=f"put files there that end in {', '.join(sorted(SUFFIXES))}",
            )
        paths += found
        labels += [label] * len(found)
    return FileImages(paths, np.asarray(labels, np.int64), size)
