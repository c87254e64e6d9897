"""Samples of models with several inputs: one field of a record for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data import InputSpec, Preprocessing, load_dataset

SPEC = InputSpec.joined(
    (
        InputSpec("image", np.dtype(np.float32), (None, 1, 4, 4)),
        InputSpec("kind", np.dtype(np.int64), (None,)),
    )
)


def arrays(count: int = 20) -> dict[str, np.ndarray]:
    """Images whose first value is the sample's number, as is its kind."""
    image = np.zeros((count, 1, 4, 4), np.float32)
    image[:, 0, 0, 0] = np.arange(count)
    return {"image": image, "kind": np.arange(count), "y": np.arange(count) % 3}


def saved(folder: Path, **changes: np.ndarray) -> str:
    path = folder / "d.npz"
    np.savez(path, **{name: a for name, a in {**arrays(), **changes}.items() if a.size})
    return str(path)


def test_records_keep_the_inputs_of_a_sample_together(tmp_path) -> None:
    dataset = load_dataset(saved(tmp_path), SPEC)
    seen = []
    for split in dataset.splits:
        feeds = SPEC.feeds(split.x)
        assert feeds["image"].shape == (len(split), 1, 4, 4)
        assert feeds["image"].flags.c_contiguous
        np.testing.assert_array_equal(feeds["image"][:, 0, 0, 0], feeds["kind"])
        assert split.y is not None
        np.testing.assert_array_equal(feeds["kind"] % 3, split.y)
        seen += feeds["kind"].tolist()
    assert sorted(seen) == list(range(20))
    assert len(dataset.fingerprint) == 64


def test_training_and_test_parts(tmp_path) -> None:
    parts = {f"{name}_{part}": a for name, a in arrays().items() for part in ("train", "test")}
    np.savez(tmp_path / "d.npz", **parts)
    dataset = load_dataset(str(tmp_path / "d.npz"), SPEC)
    np.testing.assert_array_equal(dataset.test.x["kind"], np.arange(20))
    assert len(dataset.calibration) + len(dataset.validation) == 20


def test_float_widths_are_converted(tmp_path) -> None:
    dataset = load_dataset(saved(tmp_path, image=arrays()["image"].astype(np.float64)), SPEC)
    assert dataset.test.x["image"].dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": np.zeros(0)}, ("'kind' is missing", "image, kind")),
        ({"kind": np.arange(19)}, ("same number of samples",)),
        ({"kind": np.arange(20.0)}, ("float64", "int64", "kind")),
        ({"image": np.zeros((20, 1, 4, 5), np.float32)}, ("axis 3 is 5 instead of 4", "image")),
        ({"image": np.full((20, 1, 4, 4), np.nan, np.float32)}, ("not finite", "image")),
    ],
)
def test_what_does_not_fit_is_told_by_input(tmp_path, changes, words) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(saved(tmp_path, **changes), SPEC)
    for word in words:
        assert word in str(caught.value)


def test_one_array_is_not_enough() -> None:
    with pytest.raises(DataError, match="image, kind"):
        load_dataset("digits", SPEC)


def test_preprocessing_is_refused(tmp_path) -> None:
    given = Preprocessing.from_dict({"scale": 255.0}, where="test")
    with pytest.raises(DataError, match="several inputs"):
        load_dataset(saved(tmp_path), SPEC, preprocessing=given)


def test_synthetic_samples() -> None:
    floats = InputSpec.joined(
        tuple(InputSpec(n, np.dtype(np.float32), (None, size)) for n, size in (("a", 3), ("b", 5)))
    )
    x = load_dataset(None, floats, seed=3).validation.x
    assert (x["a"].shape[1:], x["b"].shape[1:]) == ((3,), (5,))
    assert 0.8 < x["b"].std() < 1.2
    with pytest.raises(DataError, match="kind"):
        load_dataset(None, SPEC)
