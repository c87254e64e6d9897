"""Samples of models with several inputs: one field of a record for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper, save_tensor

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


@pytest.fixture
def written(tmp_path, monkeypatch) -> str:
    """A module of functions that give samples of both inputs."""
    monkeypatch.chdir(tmp_path)
    name = "samples_of_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{name}.py").write_text(
        "import numpy as np\n"
        "IMAGE = np.zeros((20, 1, 4, 4), 'float32')\n"
        "IMAGE[:, 0, 0, 0] = KIND = np.arange(20)\n"
        "def pair():\n    return {'kind': KIND, 'image': IMAGE}, KIND % 3\n"
        "def one_by_one():\n"
        "    for number in range(20):\n"
        "        yield {'image': IMAGE[number], 'kind': KIND[number]}, number % 3\n"
        "def half():\n    return {'image': IMAGE}\n"
        "def more():\n    yield {'image': IMAGE[0], 'kind': 1, 'mask': 1}\n"
        "def uneven():\n    return {'image': IMAGE, 'kind': KIND[1:]}\n"
    )
    return name


@pytest.mark.parametrize("function", ["pair", "one_by_one"])
def test_a_function_gives_the_same_as_a_file(tmp_path, written, function) -> None:
    of_file = load_dataset(saved(tmp_path), SPEC)
    dataset = load_dataset(f"{written}:{function}", SPEC)
    assert dataset.fingerprint == of_file.fingerprint


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("half", ("'kind' is missing", "image, kind")),
        ("more", ("'mask' is no input", "sample 0")),
        ("uneven", ("same number of samples",)),
    ],
)
def test_what_a_function_gives_is_checked(written, function, words) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(f"{written}:{function}", SPEC)
    for word in words:
        assert word in str(caught.value)


def test_onnx_test_sets_feed_the_inputs_in_the_order_of_the_graph(tmp_path) -> None:
    given = arrays()
    for number in range(20):
        folder = tmp_path / f"test_data_set_{number}"
        folder.mkdir()
        for index, part in enumerate(SPEC.parts):
            tensor = numpy_helper.from_array(given[part.name][number : number + 1])
            save_tensor(tensor, folder / f"input_{index}.pb")
    dataset = load_dataset(str(tmp_path), SPEC)
    kinds = [kind for split in dataset.splits for kind in split.x["kind"].tolist()]
    assert sorted(kinds) == list(range(20))
    for split in dataset.splits:
        np.testing.assert_array_equal(split.x["image"][:, 0, 0, 0], split.x["kind"])
    (tmp_path / "test_data_set_3" / "input_1.pb").unlink()
    with pytest.raises(DataError, match="feeds 1 inputs, the model has 2: image, kind"):
        load_dataset(str(tmp_path), SPEC)
