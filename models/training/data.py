"""Training data: from what ``train --data`` names to three disjoint splits.

The test part is measured once, at the end. Of the training part, a tenth is put aside for
validation along a fixed permutation, so that runs with other seeds keep to the same images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_checks import check_labels, check_stored
from hawx_onnx.frontend.sources import RawPart, idx, npz
from hawx_onnx.frontend.sources.mapped_rows import MappedRows
from hawx_onnx.models.training import cifar10, folders
from hawx_onnx.models.training.images import ArrayImages, FileImages

FORMS = (
    "a .npz file with x_train, y_train, x_test and y_test; a folder with train.npz and test.npz; "
    "a folder of MNIST IDX files; a folder of CIFAR-10's binary version; "
    "a folder with train/CLASS/*.jpg and test/CLASS/*.jpg"
)
VALIDATION_SHARE = 0.1
_PERMUTATION_SEED = 0

Split = ArrayImages | FileImages


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Three splits that share no image.

    Attributes:
        name: The file or folder, without where it lies.
        train: Images to train on.
        validation: Images to choose settings by.
        test: Images for the final figure alone.
        classes: Number of classes.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int


def load(path: Path, size: int) -> TrainingData:
    """Loads images and labels.

    Args:
        path: A file or folder of one of the ``FORMS``.
        size: Height and width to which image files are resized; arrays stay as they are.

    Raises:
        DataError: If there is nothing of these forms, or it is damaged or unlabelled.
    """
    found: Mapping[str, RawPart | FileImages] = (
        folders.load(path, size) if folders.is_folder(path) else _raw_parts(path)
    )
    absent = [name for name in ("train", "test") if name not in found]
    if absent:
        raise DataError(f"has no {absent[0]} part", where=str(path), mend=f"--data takes: {FORMS}")
    parts: dict[str, Split] = {
        name: _images(part) if isinstance(part, RawPart) else part for name, part in found.items()
    }
    count = len(parts["train"].labels)
    order = np.random.default_rng(_PERMUTATION_SEED).permutation(count)
    aside = max(1, int(count * VALIDATION_SHARE))
    classes = 1 + max(int(part.labels.max()) for part in parts.values())
    return TrainingData(
        name=path.name,
        train=parts["train"].take(order[aside:]),
        validation=parts["train"].take(order[:aside]),
        test=parts["test"],
        classes=classes,
    )


def _raw_parts(path: Path) -> dict[str, RawPart]:
    """Reads arrays, by the form of the file or folder."""
    if path.suffix == ".npz":
        return npz.load(path).parts
    if path.is_dir() and idx.is_folder(path):
        return idx.load(path).parts
    if path.is_dir() and cifar10.is_folder(path):
        return cifar10.load(path).parts
    files = {name: path / f"{name}.npz" for name in ("train", "test")}
    if all(file.is_file() for file in files.values()):
        return {name: npz.load(file).parts["all"] for name, file in files.items()}
    what = "holds no training data" if path.exists() else "no such file or folder"
    raise DataError(what, where=str(path), mend=f"--data takes: {FORMS}")


def _images(part: RawPart) -> ArrayImages:
    """Checks the arrays of a part."""
    # Large files are mapped; training reads its images over and over, so it keeps them.
    x: Any = part.x.rows(np.arange(len(part.x))) if isinstance(part.x, MappedRows) else part.x
    check_stored(x, part.x_where, least=2)
    if part.y is None:
        raise DataError("has no labels", where=part.x_where, mend="store the classes as y")
    if x.dtype != np.uint8 or x.ndim not in (3, 4):
        raise DataError(
            f"holds {x.dtype} {list(x.shape)}, not images",
            where=part.x_where,
            mend="store uint8 [N, H, W] or [N, H, W, 3], values 0 to 255",
        )
    return ArrayImages(x, check_labels(part.y, len(x), part.y_where))
