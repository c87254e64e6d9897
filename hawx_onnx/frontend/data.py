"""Data sets: from what ``--data`` names to three disjoint splits in the model's own form.

A single array of samples is cut along a seeded permutation: 20 % (at most 512) for calibration,
the rest in halves for validation and test. Where the source has a training and a test part, the
training part gives calibration (20 %, at most 512) and validation, the test part gives test.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_checks import CLASSES, VALUES, check_labels, check_targets
from hawx_onnx.frontend.data_types import Array, Dataset, InputSpec, Split
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.frontend.sources import (
    MIN_SAMPLES,
    RawData,
    RawPart,
    digits,
    function,
    idx,
    images,
    npz,
    onnx_test_data,
    synthetic,
)
from hawx_onnx.frontend.stored_samples import ReadySamples, ready_samples
from hawx_onnx.frontend.streamed import pick
from hawx_onnx.named_function import names_function
from hawx_onnx.names import close_names

__all__ = ["Dataset", "InputSpec", "Preprocessing", "Split", "load_dataset"]

_LOG = logging.getLogger(__name__)
_CALIBRATION_SHARE = 0.2
_CALIBRATION_MOST = 512
_FORMS = (
    "digits; synthetic; a .npz file; a folder of MNIST IDX files; "
    "a folder of ONNX test data (test_data_set_*/input_0.pb); a folder of images; "
    "package.module:function"
)


def load_dataset(
    spec: str | None,
    input_spec: InputSpec,
    *,
    reference: str | None = None,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
    labels: str = CLASSES,
) -> Dataset:
    """Loads, checks, preprocesses and splits the data of a run.

    Samples that already have the model's type and shape are taken as they are. Others go through
    the reference network's preprocessing, where there is one. A preprocessing that is given is
    always applied, except to synthetic samples.

    Args:
        spec: ``digits``, ``synthetic``, a path, or ``package.module:function``; ``None`` for the
            reference network's own data, or synthetic samples where there is none.
        input_spec: The input of the model.
        reference: Name of the reference network that the model is, if any.
        preprocessing: How stored images become the model's input.
        seed: Seed of synthetic samples and of the permutation that splits.
        labels: What labels are: ``classes`` (one for each sample), ``tokens`` (whole numbers of
            any shape, negative where nothing is scored) or ``values`` (numbers of any shape).

    Raises:
        DataError: If the data is missing, damaged, or does not fit the model.
        ConfigError: If a model card holds wrong preprocessing settings.
    """
    card_dataset, card_preprocessing = _reference_data(reference)
    raw = _read(card_dataset if spec is None else spec, input_spec, seed, labels)
    if raw.name == "synthetic":
        preprocessing = card_preprocessing = None
    ready, doubts = {}, {}
    for name, part in raw.parts.items():
        found = ready_samples(part, input_spec, preprocessing, card_preprocessing, _least(name))
        ready[name] = found.x, _targets(part, found, labels)
        doubts[name] = (found.twice, found.unscaled)
    splits = _split(ready, seed)
    sizes = ", ".join(f"{len(split)} {split.name}" for split in splits)
    calibration, validation, test = splits
    texts = zip(*doubts.values(), strict=True)
    twice, unscaled = (next(filter(None, told), "") for told in texts)
    return Dataset(
        raw.name,
        calibration,
        validation,
        test,
        note=f"{raw.note}; {sizes}",
        scaled_twice=twice,
        unscaled=unscaled,
    )


def _reference_data(reference: str | None) -> tuple[str, Preprocessing | None]:
    """Returns the data set name and the preprocessing of a reference network's card."""
    from hawx_onnx import models

    if reference is None:
        return "synthetic", None
    if reference not in models.reference_names():
        _LOG.warning("reference network '%s' is not known here; its data cannot be used", reference)
        return "synthetic", None
    network = models.reference(reference)
    settings = network.card["preprocessing"]
    return network.dataset, Preprocessing.from_dict(settings, where=f"model card of {reference}")


def _read(spec: str, input_spec: InputSpec, seed: int, labels: str) -> RawData:
    """Chooses the loader by the form of the text."""
    if spec == "digits":
        return digits.load()
    if spec == "synthetic":
        return synthetic.load(input_spec, seed)
    path = Path(spec)
    if path.suffix == ".npz":
        return npz.load(path, input_spec)
    if path.is_dir():
        return _read_folder(path, input_spec, labels)
    if names_function(spec):
        return function.load(spec, input_spec)
    what = "no data source of this kind" if path.exists() else "no such data source or file"
    near = close_names(spec, ("digits", "synthetic"))
    hint = f"{near} " if near.startswith("did") else ""
    raise DataError(what, where=spec, mend=f"{hint}--data takes: {_FORMS}")


def _read_folder(path: Path, input_spec: InputSpec, labels: str) -> RawData:
    """Chooses the loader by what the folder holds."""
    if idx.is_folder(path):
        return idx.load(path)
    if onnx_test_data.is_folder(path):
        return onnx_test_data.load(path, input_spec, values=labels == VALUES)
    if images.is_folder(path):
        return images.load(path)
    raise DataError(
        "the folder holds neither train-images-idx3-ubyte or t10k-images-idx3-ubyte (also .gz) "
        "nor test_data_set_*/input_0.pb nor images",
        where=str(path),
        mend=f"--data takes: {_FORMS}",
    )


def _least(part: str) -> int:
    """Returns the smallest number of samples from which a part gives its splits."""
    return {"all": MIN_SAMPLES, "train": 2}.get(part, 1)


def _targets(part: RawPart, ready: ReadySamples, labels: str) -> Array | None:
    """Checks the labels of a part."""
    if part.y is None:
        return None
    y, chosen = check_targets(part.y, len(ready.x), part.y_where, labels), ready.preprocessing
    if chosen is not None and chosen.label_offset and labels == CLASSES:
        return check_labels(y + chosen.label_offset, len(y), f"{part.y_where} with label_offset")
    return y


def _split(parts: dict[str, tuple[Array, Array | None]], seed: int) -> tuple[Split, Split, Split]:
    """Cuts the parts into the three splits, which share no sample."""
    if "calibration" in parts:
        calibration, validation, test = (
            Split(name, *parts[name]) for name in ("calibration", "validation", "test")
        )
        return calibration, validation, test
    whole = parts["all"] if "all" in parts else parts["train"]
    order = np.random.default_rng(seed).permutation(len(whole[0]))
    first = min(_CALIBRATION_MOST, max(1, int(len(order) * _CALIBRATION_SHARE)))
    calibration = _take("calibration", whole, order[:first])
    rest = order[first:]
    if "train" in parts:
        return calibration, _take("validation", whole, rest), Split("test", *parts["test"])
    half = len(rest) // 2
    validation = _take("validation", whole, rest[:half])
    return calibration, validation, _take("test", whole, rest[half:])


def _take(name: str, part: tuple[Array, Array | None], rows: Array) -> Split:
    """Picks samples by index."""
    x, y = part
    return Split(name, pick(x, rows), None if y is None else y[rows])
