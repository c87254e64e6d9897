"""Data that stays where it is stored: image folders, large archives, generators, test sets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.frontend.data import InputSpec, Preprocessing, load_dataset
from hawx_onnx.frontend.sources import npz_mapping
from hawx_onnx.frontend.sources.spool import spooled
from hawx_onnx.frontend.streamed import StreamedSamples, pick

COLOUR = InputSpec("x", np.dtype(np.float32), (None, 3, 8, 8))
GREY = InputSpec("x", np.dtype(np.float32), (None, 1, 8, 8))
VECTOR = InputSpec("x", np.dtype(np.float32), (None, 4))


def save_images(folder: Path, count: int, name: str, size: tuple[int, int] = (8, 8)) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng([index, len(name)])
        values = rng.integers(0, 256, (*size, 3), np.uint8)
        image.fromarray(values).save(folder / f"{name}{index:02}.png")


def test_streamed_samples_read_what_an_array_holds():
    stored = np.arange(200).reshape(100, 2)
    reads: list[int] = []

    def read(rows):
        reads.append(len(rows))
        return stored[rows] * 2

    x = StreamedSamples(read, np.arange(100))
    assert (x.shape, x.dtype, len(x), x.ndim, x.size) == ((100, 2), stored.dtype, 100, 2, 200)
    assert reads == [1]
    order = np.random.default_rng(0).permutation(100)
    picked = pick(pick(x, order), slice(10, 60))
    assert reads == [1]  # nothing more until rows are asked for
    expected = 2 * stored[order][10:60]
    assert np.array_equal(picked[3:7], expected[3:7])
    assert np.array_equal(picked[-1], expected[-1]) and np.array_equal(
        picked[2:4, 1], expected[2:4, 1]
    )
    assert np.array_equal(np.asarray(picked), expected)
    assert np.array_equal(picked[:0], expected[:0])
    assert np.array_equal(np.concatenate(list(picked.chunks())), expected)
    assert max(reads) == 32


def test_class_folders_are_labels_in_the_order_of_their_names(tmp_path: Path):
    for name, count in (("cat", 9), ("ant", 6), ("bee", 5)):
        save_images(tmp_path / name, count, name)
    (tmp_path / "bee" / "notes.txt").write_text("no image")
    dataset = load_dataset(str(tmp_path), COLOUR, preprocessing=Preprocessing(scale=255))
    labels = np.concatenate([split.y for split in dataset.splits])
    assert np.bincount(labels).tolist() == [6, 5, 9]
    assert dataset.note.startswith("20 images in 3 classes")
    image = pytest.importorskip("PIL.Image")
    files = [p for name in ("ant", "bee", "cat") for p in sorted((tmp_path / name).glob("*.png"))]
    order = np.random.default_rng(0).permutation(20)
    for place, row in enumerate(dataset.calibration.x[:]):
        expected = np.asarray(image.open(files[order[place]]), np.float32) / 255
        assert np.array_equal(row, np.moveaxis(expected, 2, 0))


def test_streamed_and_stored_samples_have_one_fingerprint(tmp_path: Path, monkeypatch):
    x = np.random.default_rng(0).standard_normal((150, 4)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(150) % 3)
    whole = load_dataset(str(tmp_path / "a.npz"), VECTOR)
    monkeypatch.setattr(npz_mapping.mapped, "__defaults__", (1,))
    streamed = load_dataset(str(tmp_path / "a.npz"), VECTOR)
    assert isinstance(streamed.test.x, StreamedSamples)
    assert not isinstance(whole.test.x, StreamedSamples)
    assert streamed.fingerprint == whole.fingerprint
    np.savez_compressed(tmp_path / "b.npz", x=x, y=np.arange(150) % 3)
    assert load_dataset(str(tmp_path / "b.npz"), VECTOR).fingerprint == whole.fingerprint


def test_what_is_wrong_with_a_mapped_sample_is_told_when_it_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(npz_mapping.mapped, "__defaults__", (1,))
    x = np.ones((20, 4), np.float32)
    x[7, 2] = np.inf
    np.savez(tmp_path / "a.npz", x=x)
    dataset = load_dataset(str(tmp_path / "a.npz"), VECTOR)
    with pytest.raises(DataError, match="is inf"):
        for split in dataset.splits:
            np.asarray(split.x)
    np.savez(tmp_path / "b.npz", x=np.ones((20, 5), np.float32))
    with pytest.raises(DataError, match="axis 1 is 5 instead of 4"):
        load_dataset(str(tmp_path / "b.npz"), VECTOR)


def test_images_of_many_sizes_are_resized_and_cropped(tmp_path: Path):
    save_images(tmp_path / "a", 3, "wide", (20, 31))
    save_images(tmp_path / "b", 3, "high", (25, 18))
    framed = Preprocessing(shorter_side=10, crop=(8, 8))
    dataset = load_dataset(str(tmp_path), COLOUR, preprocessing=framed)
    assert dataset.test.x[:].shape[1:] == (3, 8, 8)
    grey = load_dataset(str(tmp_path), GREY, preprocessing=framed)
    assert grey.test.x[:].shape[1:] == (1, 8, 8)
    open_size = InputSpec("x", np.dtype(np.float32), (None, 3, None, None))
    mixed = load_dataset(str(tmp_path), open_size, preprocessing=Preprocessing())
    with pytest.raises(DataError, match="different sizes"):
        np.asarray(mixed.test.x)
    with pytest.raises(DataError, match="give --preprocess FILE"):
        load_dataset(str(tmp_path), COLOUR)
    with pytest.raises(DataError, match="smaller than 'crop'"):
        load_dataset(str(tmp_path), COLOUR, preprocessing=Preprocessing(crop=(30, 30)))


def test_shorter_side_and_crop_are_those_of_torchvision():
    """Its documented sizes: 31 x 20 to a shorter side of 10 is 15 x 10; margins 7/2 and 2/2."""
    stored = np.arange(20 * 31, dtype=np.float32).reshape(1, 20, 31, 1)
    spec = InputSpec("x", np.dtype(np.float32), (None, 1, 8, 8))
    got = Preprocessing(shorter_side=20, crop=(8, 8)).apply(stored, spec)
    assert np.array_equal(got[0, 0], stored[0, 6:14, 12:20, 0])
    size = InputSpec("x", np.dtype(np.float32), (None, 1, 10, 15))
    assert Preprocessing(shorter_side=10).apply(stored, size).shape == (1, 1, 10, 15)
    with pytest.raises(ConfigError, match="exclude each other"):
        Preprocessing(shorter_side=10, resize=(8, 8))
    with pytest.raises(ConfigError, match="'crop' must be positive"):
        Preprocessing(crop=(0, 8))


def test_labels_from_a_table_and_parts_of_their_own(tmp_path: Path):
    save_images(tmp_path / "list", 6, "i")
    rows = "".join(f"i{index:02}.png,{index % 2}\n" for index in (5, 3, 1, 0, 2))
    (tmp_path / "list" / "labels.csv").write_text("file,label\n" + rows)
    dataset = load_dataset(str(tmp_path / "list"), COLOUR, preprocessing=Preprocessing())
    labels = np.concatenate([split.y for split in dataset.splits])
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 1]
    for part, count in (("train", 5), ("val", 2)):
        for name in ("a", "b"):
            save_images(tmp_path / "parts" / part / name, count, name)
    dataset = load_dataset(str(tmp_path / "parts"), COLOUR, preprocessing=Preprocessing())
    assert [len(split) for split in dataset.splits] == [2, 8, 4]
    save_images(tmp_path / "parts" / "val" / "c", 1, "c")
    with pytest.raises(DataError, match="different classes: c"):
        load_dataset(str(tmp_path / "parts"), COLOUR, preprocessing=Preprocessing())


def test_refused_folders(tmp_path: Path):
    save_images(tmp_path / "mixed", 3, "i")
    save_images(tmp_path / "mixed" / "cat", 3, "i")
    with pytest.raises(DataError, match="beside class folders"):
        load_dataset(str(tmp_path / "mixed"), COLOUR)
    save_images(tmp_path / "few", 2, "i")
    with pytest.raises(DataError, match="holds 2 samples"):
        load_dataset(str(tmp_path / "few"), COLOUR)
    save_images(tmp_path / "broken", 3, "i")
    (tmp_path / "broken" / "i01.png").write_bytes(b"\x89PNG and no more")
    dataset = load_dataset(str(tmp_path / "broken"), COLOUR, preprocessing=Preprocessing())
    with pytest.raises(DataError, match="no readable image") as raised:
        for split in dataset.splits:
            np.asarray(split.x[:])
    assert raised.value.where.endswith("i01.png")
    (tmp_path / "few" / "labels.csv").write_text("i00.png,0\ni07.png,1\n")
    with pytest.raises(DataError, match=r"line 2, 'i07.png,1': no file of this name"):
        load_dataset(str(tmp_path / "few"), COLOUR)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("../few/i00.png,0", "outside of the folder"),
        ("/etc/passwd,0", "outside of the folder"),
        (f"{'x' * 5000}.png,0", "no file of this name"),
        ("\x00.png,0", "no file of this name"),
        ("i00.png,²", "no class number"),
        (f"i00.png,{'9' * 5000}", "no class number"),
        ("i00.png,--1", "no class number"),
    ],
)
def test_lists_name_files_of_their_folder_and_numbers(tmp_path: Path, line: str, reason: str):
    save_images(tmp_path / "few", 3, "i")
    (tmp_path / "few" / "labels.csv").write_text(f"i01.png,0\n{line}\n")
    with pytest.raises(DataError, match=f"line 2.*{reason}"):
        load_dataset(str(tmp_path / "few"), COLOUR)


def test_an_image_that_unpacks_to_more_than_memory(tmp_path: Path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    save_images(tmp_path, 3, "i")
    bomb = tmp_path / "i01.png"
    image.new("1", (9000, 9000)).save(bomb)
    assert bomb.stat().st_size < 20_000
    dataset = load_dataset(str(tmp_path), COLOUR, preprocessing=Preprocessing(resize=(8, 8)))
    with pytest.raises(DataError, match="9000 x 9000 pixels") as raised:
        for split in dataset.splits:
            np.asarray(split.x[:])
    assert raised.value.where == str(bomb)


def test_generators_yield_samples_or_pairs(tmp_path: Path, monkeypatch):
    (tmp_path / "my_stream.py").write_text(
        "import numpy as np\n"
        "def pairs():\n    for i in range(10):\n        yield np.full(4, i, np.float32), i % 3\n"
        "def alone():\n    yield from np.ones((10, 4), np.float32)\n"
        "def uneven():\n    yield np.ones(4)\n    yield np.ones(5)\n"
        "def some():\n    yield np.ones(4), 1\n    yield np.ones(4)\n"
        "def fails():\n    yield np.ones(4)\n    raise OverflowError('no more')\n"
        "def none():\n    yield from ()\n"
    )
    monkeypatch.chdir(tmp_path)
    dataset = load_dataset("my_stream:pairs", VECTOR)
    for split in dataset.splits:
        assert np.array_equal(split.x[:, 0].astype(int) % 3, split.y)
    assert not load_dataset("my_stream:alone", VECTOR).labelled
    for name, text in (
        ("uneven", r"is float64 \[5\], the first one is"),
        ("some", "only some samples have labels"),
        ("fails", "OverflowError: no more"),
        ("none", "yields no samples"),
    ):
        with pytest.raises(DataError, match=text):
            load_dataset(f"my_stream:{name}", VECTOR)
    x, labels = spooled((np.arange(3) + i for i in range(5)), "here", VECTOR)
    assert labels is None and x.rows(np.array([4, 0])).tolist() == [[4, 5, 6], [0, 1, 2]]


def test_outputs_of_test_sets_are_targets_of_metrics_of_values(tmp_path: Path):
    rng = np.random.default_rng(0)
    for index in range(4):
        folder = tmp_path / f"test_data_set_{index}"
        folder.mkdir()
        for name, size in (("input", 4), ("output", 2)):
            values = rng.standard_normal((1, size)).astype(np.float32)
            onnx.save_tensor(numpy_helper.from_array(values), folder / f"{name}_0.pb")
    dataset = load_dataset(str(tmp_path), VECTOR, labels="values")
    assert dataset.labelled and dataset.test.y.shape[1:] == (2,)
    assert not load_dataset(str(tmp_path), VECTOR).labelled
    (tmp_path / "test_data_set_1" / "output_0.pb").unlink()
    assert not load_dataset(str(tmp_path), VECTOR, labels="values").labelled


PEAK = """
import json, resource, sys
from hawx_onnx.api import evaluate
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
evaluate(sys.argv[1], data=sys.argv[2], metric="top-5", jobs=1)
import numpy
first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = evaluate(sys.argv[1], data=sys.argv[3], metric="top-5", jobs=1)
last = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"grown": 1024 * (last - first), "samples": found["samples"]}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told in KiB on Linux alone")
def test_a_large_data_set_takes_no_more_memory_than_a_small_one(tmp_path: Path):
    """400 MB of samples, of which the test split is 160 MB, within 40 MB."""
    kind = onnx.TensorProto.FLOAT
    node = onnx.helper.make_node("ReduceMean", ["x"], ["y"], axes=[2], keepdims=0)
    graph = onnx.helper.make_graph(
        [node],
        "means",
        [onnx.helper.make_tensor_value_info("x", kind, ["N", 10, 2000])],
        [onnx.helper.make_tensor_value_info("y", kind, ["N", 10])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "m.onnx")
    for name, count in (("small", 850), ("large", 5000)):
        x = np.zeros((count, 10, 2000), np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.arange(count) % 10)
    del x
    words = [
        sys.executable,
        "-c",
        PEAK,
        *(tmp_path / f for f in ("m.onnx", "small.npz", "large.npz")),
    ]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["samples"] > 2000
    assert found["grown"] < 40e6
