from __future__ import annotations

import gzip
import logging
import struct
import sys
import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.data_types import Dataset, InputSpec, Split
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.frontend.sources import onnx_test_data

FLOAT = np.dtype(np.float32)
VECTOR = InputSpec("x", FLOAT, (None, 4))
IMAGE = InputSpec("image", FLOAT, (None, 1, 6, 6))
SCALED = Preprocessing(scale=255.0)


def numbered(count: int) -> np.ndarray:
    """Samples of which each holds its own number."""
    return np.repeat(np.arange(count, dtype=np.float32)[:, None], 4, axis=1)


def write_idx(path, array):
    codes = {"uint8": 0x08, "float32": 0x0D}
    head = struct.pack(">BBBB", 0, 0, codes[array.dtype.name], array.ndim)
    head += struct.pack(f">{array.ndim}I", *array.shape)
    content = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def rows(split: Split) -> set[int]:
    return {int(v) for v in split.x[:, 0]}


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


# --- splitting


@pytest.mark.parametrize("count", [3, 4, 10, 99, 4000])
def test_one_array_is_cut_into_disjoint_splits_that_use_every_sample(tmp_path, count):
    spec = save(tmp_path / "d.npz", x=numbered(count), y=np.arange(count))
    dataset = load_dataset(spec, VECTOR)
    parts = [rows(split) for split in dataset.splits]
    assert set().union(*parts) == set(range(count))
    assert sum(map(len, parts)) == count
    assert all(len(split) >= 1 for split in dataset.splits)
    assert len(dataset.calibration) == min(512, max(1, count // 5))
    assert abs(len(dataset.validation) - len(dataset.test)) <= 1
    for split in dataset.splits:
        np.testing.assert_array_equal(split.x[:, 0], split.y)
    assert [split.name for split in dataset.splits] == ["calibration", "validation", "test"]


def test_the_seed_fixes_the_splits(tmp_path):
    spec = save(tmp_path / "d.npz", x=numbered(50))
    first, again, other = (load_dataset(spec, VECTOR, seed=s) for s in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not first.labelled


def test_train_and_test_arrays_keep_apart(tmp_path):
    x = numbered(40)
    spec = save(
        tmp_path / "d.npz",
        x_train=x[:30],
        y_train=np.arange(30),
        x_test=x[30:],
        y_test=np.arange(10),
    )
    dataset = load_dataset(spec, VECTOR)
    assert len(dataset.calibration) == 6
    assert rows(dataset.calibration) | rows(dataset.validation) == set(range(30))
    np.testing.assert_array_equal(dataset.test.x, x[30:])
    assert dataset.labelled


def test_arrays_of_a_split_cannot_be_written():
    x = np.zeros((3, 4), np.float32)
    split = Split("test", x, None)
    with pytest.raises(ValueError, match="read-only"):
        split.x[0, 0] = 1
    x[0, 0] = 1  # the caller's own array stays writable


def test_fingerprint_covers_labels():
    def make(label: int) -> Dataset:
        split = Split("test", np.zeros((1, 4), np.float32), np.array([label]))
        return Dataset("d", split, split, split, "")

    assert make(0).fingerprint == make(0).fingerprint != make(1).fingerprint


# --- sources


def test_nothing_given_and_no_reference_is_synthetic(caplog):
    with caplog.at_level(logging.INFO, logger="hawx_onnx"):
        dataset = load_dataset(None, IMAGE, seed=5, preprocessing=SCALED)
    assert [len(s) for s in dataset.splits] == [64, 128, 128]
    assert dataset.test.x.shape == (128, 1, 6, 6)
    assert dataset.test.x.dtype == FLOAT
    assert not dataset.labelled
    assert "--data" in caplog.text
    assert dataset.fingerprint == load_dataset("synthetic", IMAGE, seed=5).fingerprint


def test_synthetic_codes_use_the_whole_range_of_an_8_bit_input():
    x = load_dataset(None, InputSpec("q", np.dtype(np.int8), (1, 8, 8, 3))).test.x
    assert x.dtype == np.int8
    assert (x.min(), x.max()) == (-128, 127)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (InputSpec("x", FLOAT, (None, 3, None, 32)), "axis 2 is symbolic"),
        (InputSpec("x", FLOAT, ()), "scalar"),
        (InputSpec("ids", np.dtype(np.int64), (None, 256)), "range of values is not known"),
    ],
)
def test_synthetic_refuses_what_it_cannot_make(spec, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load_dataset(None, spec)
    assert "--data" in str(caught.value)


def test_an_unknown_reference_falls_back_to_synthetic(caplog):
    assert load_dataset(None, IMAGE, reference="lenet99").name == "synthetic"
    assert "lenet99" in caplog.text


def test_digits_need_the_form_of_the_model():
    with pytest.raises(DataError, match=r"\[N, 8, 8\].*\[N, 1, 6, 6\]"):
        load_dataset("digits", IMAGE)
    dataset = load_dataset("digits", IMAGE, preprocessing=Preprocessing(resize=(6, 6), scale=16))
    assert [len(s) for s in dataset.splits] == [256, 399, 599]


def test_data_beyond_the_range_of_the_card_is_refused(tmp_path):
    spec = save(tmp_path / "d.npz", x=np.full((9, 28, 28), 255, np.uint8))
    lenet = InputSpec("input", FLOAT, (None, 1, 32, 32))
    with pytest.raises(DataError, match="run from 255 to 255.*made for 0 to 16"):
        load_dataset(spec, lenet, reference="lenet5")


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folders(tmp_path, separator, suffix):
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 20), ("t10k", 7)):
        images = rng.integers(0, 256, (count, 6, 6), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8)
        write_idx(tmp_path / f"{prefix}-images{separator}idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"{prefix}-labels{separator}idx1-ubyte{suffix}", labels)
    dataset = load_dataset(str(tmp_path), IMAGE, preprocessing=SCALED)
    assert [len(s) for s in dataset.splits] == [4, 16, 7]
    np.testing.assert_array_equal(dataset.test.y, np.arange(7))
    np.testing.assert_allclose(dataset.test.x[:, 0] * 255, images, atol=1e-4)


def test_an_idx_folder_with_one_part_and_no_labels(tmp_path, caplog):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.ones((20, 6, 6), np.uint8))
    dataset = load_dataset(str(tmp_path), IMAGE, preprocessing=SCALED)
    assert [len(s) for s in dataset.splits] == [4, 8, 8]
    assert not dataset.labelled
    assert "unlabelled" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\0\x08", "IDX header"),
        (b"PK\x03\x04 and more", "IDX header"),
        (b"\0\0\x08\x03\0\0\0\x01", "ends within"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 6, 6) + bytes(10), "10 bytes.*promises 180"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, *[2**32 - 1] * 3) + bytes(10), "promises"),
    ],
)
def test_damaged_idx_files(tmp_path, content, reason):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        load_dataset(str(tmp_path), IMAGE)
    assert str(path) in str(caught.value)


def test_a_cut_gzip_file(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (10, 10, 10))
    path.write_bytes(gzip.compress(head + bytes(1000))[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset(str(tmp_path), IMAGE)


def test_a_gzip_file_that_unpacks_to_more_than_its_header_promises(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (10, 10, 10))
    path.write_bytes(gzip.compress(head + bytes(64 << 20)))
    assert path.stat().st_size < 1 << 17
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="promises 1000"):
            load_dataset(str(tmp_path), IMAGE)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def write_test_set(folder, array, index=0):
    folder.mkdir(parents=True, exist_ok=True)
    tensor = numpy_helper.from_array(array)
    (folder / f"input_{index}.pb").write_bytes(tensor.SerializeToString())


def test_onnx_test_data_is_joined_in_the_order_of_the_numbers(tmp_path):
    for number in range(12):
        write_test_set(tmp_path / f"test_data_set_{number}", numbered(12)[number : number + 1])
    raw = onnx_test_data.load(tmp_path, VECTOR)
    np.testing.assert_array_equal(raw.parts["all"].x, numbered(12))
    dataset = load_dataset(str(tmp_path), VECTOR)
    assert set().union(*map(rows, dataset.splits)) == set(range(12))
    assert not dataset.labelled


def test_one_onnx_test_set_can_be_named(tmp_path):
    write_test_set(tmp_path / "test_data_set_0", numbered(5))
    dataset = load_dataset(str(tmp_path / "test_data_set_0"), VECTOR)
    assert sum(map(len, dataset.splits)) == 5


def test_onnx_test_data_errors(tmp_path):
    folder = tmp_path / "test_data_set_0"
    write_test_set(folder, numbered(2))
    with pytest.raises(DataError, match="2 samples, at least 3"):
        load_dataset(str(tmp_path), VECTOR)
    write_test_set(tmp_path / "test_data_set_1", np.zeros((2, 5), np.float32))
    with pytest.raises(DataError, match=r"\[2, 5\].*\[2, 4\]"):
        load_dataset(str(tmp_path), VECTOR)
    write_test_set(folder, numbered(2), index=1)
    with pytest.raises(DataError, match="feeds 2 inputs, the model has 1: "):
        load_dataset(str(tmp_path), VECTOR)
    (folder / "input_1.pb").unlink()
    (folder / "input_0.pb").write_bytes(b"\xff\xff not a tensor")
    with pytest.raises(DataError, match="no readable tensor"):
        load_dataset(str(tmp_path), VECTOR)


def test_a_function_gives_data_and_the_log_says_that_code_runs(tmp_path, monkeypatch, caplog):
    (tmp_path / "my_samples_a.py").write_text(
        "import numpy as np\n"
        "def pair():\n    return np.zeros((10, 4), 'float32'), np.arange(10)\n"
        "def alone():\n    return np.zeros((10, 4), 'float32')\n"
        "def broken():\n    raise RuntimeError('no disk')\n"
        "def text():\n    return 'abc'\n"
    )
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with caplog.at_level(logging.INFO):
        assert load_dataset("my_samples_a:pair", VECTOR).labelled
    assert "executing" in caplog.text
    assert not load_dataset("my_samples_a:alone", VECTOR).labelled
    assert sys.path == before
    with pytest.raises(DataError, match="RuntimeError: no disk"):
        load_dataset("my_samples_a:broken", VECTOR)
    with pytest.raises(DataError, match="not a numeric array"):
        load_dataset("my_samples_a:text", VECTOR)
    with pytest.raises(DataError, match="did you mean pair"):
        load_dataset("my_samples_a:pairs", VECTOR)
    with pytest.raises(DataError, match="cannot be imported"):
        load_dataset("my_samples_b:pair", VECTOR)


# --- errors of the source


@pytest.mark.parametrize("spec", ["digit", "nothing.npy", "a folder/that/is/not", ""])
def test_an_unknown_source_lists_the_forms(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset(spec, VECTOR)
    assert "package.module:function" in str(caught.value)
    assert caught.value.exit_code == 3
    if spec == "digit":
        assert "did you mean digits?" in str(caught.value)


def test_an_empty_folder_lists_what_it_could_hold(tmp_path):
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load_dataset(str(tmp_path), VECTOR)


def test_missing_and_damaged_npz_files(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_dataset(str(tmp_path / "none.npz"), VECTOR)
    (tmp_path / "text.npz").write_text("not a zip file")
    with pytest.raises(DataError, match="not a readable"):
        load_dataset(str(tmp_path / "text.npz"), VECTOR)
    (tmp_path / "empty.npz").write_bytes(b"")
    with pytest.raises(DataError, match="not a readable"):
        load_dataset(str(tmp_path / "empty.npz"), VECTOR)
    whole = save(tmp_path / "d.npz", x=np.random.default_rng(0).random((400, 4)))
    content = bytearray((tmp_path / "d.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a readable"):
        load_dataset(whole, VECTOR)
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, numbered(9))
    with pytest.raises(DataError, match="not a readable"):
        load_dataset(str(tmp_path / "single.npz"), VECTOR)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(DataError):
        load_dataset(str(tmp_path / "folder.npz"), VECTOR)


def test_pickled_arrays_are_never_loaded(tmp_path):
    spec = save(tmp_path / "d.npz", x=np.array([{"a": 1}, {}, {}], dtype=object))
    with pytest.raises(DataError, match="pickled.*never loaded") as caught:
        load_dataset(spec, VECTOR)
    assert "'x'" in str(caught.value)


def test_npz_files_with_other_arrays(tmp_path):
    with pytest.raises(DataError, match="its arrays are images, labels"):
        load_dataset(save(tmp_path / "a.npz", images=numbered(5), labels=[1]), VECTOR)
    with pytest.raises(DataError, match="'x_test' is missing"):
        load_dataset(save(tmp_path / "b.npz", x_train=numbered(5)), VECTOR)
    with pytest.raises(DataError, match="both x and x_train"):
        load_dataset(save(tmp_path / "c.npz", x=numbered(5), x_train=numbered(5)), VECTOR)


# --- errors of the samples


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.zeros((9, 5), np.float32), r"\[N, 5\].*\[N, 4\]: axis 1 is 5 instead of 4"),
        (np.zeros((9, 2, 2), np.float32), r"\[N, 2, 2\].*3 axes instead of 2"),
        (np.zeros((9, 4), np.int64), "int64.*takes float32"),
        (np.zeros((9, 4), np.bool_), "bool.*takes float32"),
        (np.zeros((9, 4), "U3"), "<U3"),
        (np.zeros((2, 4), np.float32), "2 samples, at least 3"),
        (np.float32(1), "single value"),
        (np.array([[0, 0, 0, 0], [0, 0, np.nan, 0], [0] * 4], np.float32), r"at \[1, 2\] is nan"),
        (np.full((4, 4), np.inf), "inf.*16 values are not finite"),
    ],
)
def test_wrong_samples(tmp_path, x, reason):
    spec = save(tmp_path / "d.npz", x=x)
    with pytest.raises(DataError, match=reason) as caught:
        load_dataset(spec, VECTOR)
    assert f"{spec}, array 'x'" in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.zeros(8, np.int64), "8 labels for 9 samples"),
        (np.zeros(9), "float64, not integers"),
        (np.zeros((9, 10), np.int64), r"\[9, 10\], not \[9\]"),
        (np.array([0, 1, 2, -1, 0, 0, 0, 0, 0]), r"label -1 at \[3\] is negative"),
    ],
)
def test_wrong_labels(tmp_path, y, reason):
    spec = save(tmp_path / "d.npz", x=numbered(9), y=y)
    with pytest.raises(DataError, match=reason) as caught:
        load_dataset(spec, VECTOR)
    assert "array 'y'" in str(caught.value)


def test_a_column_of_labels_is_flattened(tmp_path):
    spec = save(tmp_path / "d.npz", x=numbered(9), y=np.ones((9, 1), np.uint8))
    assert load_dataset(spec, VECTOR).test.y.shape == (4,)


def test_images_without_preprocessing_say_what_the_model_expects(tmp_path):
    spec = save(tmp_path / "d.npz", x=np.zeros((9, 6, 6), np.uint8))
    with pytest.raises(DataError, match=r"uint8 images.*float32 \[N, 1, 6, 6\]") as caught:
        load_dataset(spec, IMAGE)
    assert "--preprocess FILE" in caught.value.mend


def test_samples_in_the_form_of_the_model_are_taken_as_they_are(tmp_path):
    x = np.random.default_rng(0).random((9, 1, 6, 6), dtype=np.float32)
    spec = save(tmp_path / "d.npz", x=x)
    dataset = load_dataset(spec, IMAGE)
    assert set(dataset.test.x.ravel()) <= set(x.ravel())


def test_float64_samples_become_float32(tmp_path):
    spec = save(tmp_path / "d.npz", x=numbered(9).astype(np.float64))
    assert load_dataset(spec, VECTOR).test.x.dtype == FLOAT


def test_symbolic_axes_take_any_extent_and_the_batch_may_be_fixed(tmp_path):
    spec = save(tmp_path / "d.npz", x=numbered(9))
    assert len(load_dataset(spec, InputSpec("x", FLOAT, (1, None))).test) == 4


def test_label_offset_is_added(tmp_path):
    spec = save(tmp_path / "d.npz", x=np.zeros((9, 6, 6), np.uint8), y=np.zeros(9, np.int64))
    settings = Preprocessing(label_offset=1)
    assert set(load_dataset(spec, IMAGE, preprocessing=settings).test.y) == {1}
    with pytest.raises(DataError, match="label_offset.*negative"):
        load_dataset(spec, IMAGE, preprocessing=Preprocessing(label_offset=-1))


# --- a real network


def test_mnist_through_preprocessing_gives_the_accuracy_of_the_network(shared, tmp_path):
    import onnxruntime

    model = shared("data/models/lenet5_mnist_pytorch_fp32.onnx")
    (tmp_path / "mnist.yaml").write_text(
        "resize: [32, 32]\nscale: 255\nmean: 0.1307\nstd: 0.3081\n"
    )
    preprocessing = Preprocessing.from_yaml(tmp_path / "mnist.yaml")
    spec = InputSpec("input.1", FLOAT, (1, 1, 32, 32))
    dataset = load_dataset(str(shared("data/mnist_test.npz")), spec, preprocessing=preprocessing)
    assert [len(s) for s in dataset.splits] == [512, 4744, 4744]
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    right = 0
    for x, y in zip(dataset.test.x[:500], dataset.test.y[:500], strict=True):
        right += int(session.run(None, {"input.1": x[None]})[0].argmax() == y)
    assert right / 500 >= 0.97
    assert onnx.load(model).graph.input[0].name == spec.name
