"""Data that spoils figures without an error: labels that are not the network's, leaking samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from hawx_onnx.frontend.data import Dataset, Split

_LEAST_SAMPLES = 20  # before anything is said
_SURE = 1e-4  # chance of seeing so many hits by accident
_NO_CHANCE = 0.01  # above it, hits may well be by accident
_OFFSETS = (-1, 1, -2, 2)
# Of each class, before another numbering of the classes is looked for; by accident the best of
# all numberings then hits a quarter.
_LEAST_OF_CLASS = 10
_OTHER_NUMBERING = 0.5
_LEAKED = 0.01  # share of the test samples
_READ = 256  # samples to compare of data that is read when it is run


def doubt_of_labels(predicted: np.ndarray, labels: np.ndarray, classes: int) -> str:
    """Tells of labels that a network's classes have nothing to do with; nothing if they have.

    Hits are held against those of a network that names the same classes as often, but at random.

    Args:
        predicted: Class that the network gives each sample, int64 [samples].
        labels: Class of each sample by the data, int64 [samples].
        classes: Number of classes.
    """
    samples = len(labels)
    if samples < _LEAST_SAMPLES or classes < 2:
        return ""
    guessed = np.bincount(predicted, minlength=classes) / samples
    by_chance = float(guessed @ np.bincount(labels, minlength=classes)[:classes] / samples)
    hits = int((predicted == labels).sum())
    if _at_least(hits, samples, by_chance) < _NO_CHANCE:
        return ""
    told = f"the network gives {hits} of {samples} samples their label, no more than by chance"
    for offset in _OFFSETS:
        moved = int((predicted == labels + offset).sum())
        if moved > 2 * hits and _at_least(moved, samples, by_chance) < _SURE:
            return (
                f"{told}; with {offset:+d} on every label it is {moved}: the data numbers its "
                f"classes otherwise, `label_offset: {offset}` in the file of --preprocess mends it"
            )
    if samples >= _LEAST_OF_CLASS * classes:
        best = _best_numbering(predicted, labels, classes)
        if best > _OTHER_NUMBERING * samples:
            return (
                f"{told}; with its classes in another order it is {best}: the data numbers "
                "them otherwise than the network, as folders in the order of their names may"
            )
    return (
        f"{told}: labels are mixed up, belong to other samples, or the preprocessing is not the "
        "network's"
    )


def _at_least(hits: int, samples: int, probability: float) -> float:
    """Probability of so many hits or more."""
    from scipy.stats import binom

    return float(binom.sf(hits - 1, samples, probability))


def _best_numbering(predicted: np.ndarray, labels: np.ndarray, classes: int) -> int:
    """Hits under that renumbering of the labels that gives the most."""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (predicted, labels), 1)
    return int(counts[linear_sum_assignment(counts, maximize=True)].sum())


def doubt_of_splits(dataset: Dataset) -> str:
    """Tells of samples in the test split that calibration or search see too; nothing if none are.

    Of data that is read when it is run, 256 samples of each split are compared.
    """
    seen: dict[bytes, str] = {}
    for split in (dataset.calibration, dataset.validation):
        for row, key in enumerate(_keys(split)):
            seen.setdefault(key, f"{split.name} sample {row}")
    same = [(row, seen[key]) for row, key in enumerate(_keys(dataset.test)) if key in seen]
    count = min(len(dataset.test), _READ) if _is_read_later(dataset.test) else len(dataset.test)
    if not same or len(same) < _LEAKED * count:
        return ""
    row, where = same[0]
    return (
        f"{len(same)} of {count} test samples are among those that calibration and search see "
        f"(test sample {row} is {where}): the final figures do not show how the network does on "
        "samples that were not used; keep the test part apart, and drop samples that repeat"
    )


def _is_read_later(split: Split) -> bool:
    return hasattr(split.x, "chunks")


def _keys(split: Split) -> Iterator[bytes]:
    """A hash of each sample's bytes."""
    rows = split.x[:_READ] if _is_read_later(split) else split.x
    for sample in rows:
        yield hashlib.blake2b(np.ascontiguousarray(sample).tobytes(), digest_size=16).digest()
