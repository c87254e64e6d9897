"""The digits data set of LeNet-5: 1,797 images with fixed, disjoint, stratified splits.

The images are scikit-learn's copy of the test part of the UCI set "Optical Recognition of
Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998, CC BY 4.0): 8 x 8 pixels, values 0..16.
Nothing is downloaded and nothing is cached.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

TEST_SAMPLES = 599
VALIDATION_SAMPLES = 399
CALIBRATION_SAMPLES = 256

_SEED = "hawx-onnx digits 1"


def digits_raw() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Returns all images, float32 [1797, 8, 8], values 0..16, and labels, int64 [1797]."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images.astype(np.float32), digits.target.astype(np.int64)


def split_indices(labels: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Returns the sample indices of the fixed splits.

    ``test`` (599), ``validation`` (399) and ``train`` (799) share no sample; ``calibration`` is
    the first 256 of ``train``. Each split holds the classes in the proportions of the whole set.

    Args:
        labels: Class of each sample, int64 [N].
    """
    order = _stratified_order(labels)
    test, validation, train = np.split(order, [TEST_SAMPLES, TEST_SAMPLES + VALIDATION_SAMPLES])
    return {
        "test": test,
        "validation": validation,
        "train": train,
        "calibration": train[:CALIBRATION_SAMPLES],
    }


def digits_splits() -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    """Returns (images, labels) of each split of ``split_indices``, images as ``digits_raw``."""
    images, labels = digits_raw()
    return {name: (images[rows], labels[rows]) for name, rows in split_indices(labels).items()}


def _stratified_order(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns a fixed permutation of which every stretch holds the classes in proportion.

    The keys come from a hash: numpy may change its random streams between versions, and the
    test samples of a network whose weights ship must never move into the training split.
    """
    keys = [hashlib.sha256(f"{_SEED}/{i}".encode()).digest() for i in range(len(labels))]
    shuffled = sorted(range(len(labels)), key=keys.__getitem__)
    totals = np.bincount(labels)
    seen = np.zeros_like(totals)
    position = np.empty(len(labels))
    for index in shuffled:
        label = labels[index]
        position[index] = (seen[label] + 0.5) / totals[label]
        seen[label] += 1
    return np.asarray(sorted(shuffled, key=position.__getitem__), dtype=np.int64)
