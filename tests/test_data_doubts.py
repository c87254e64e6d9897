"""Data that spoils figures silently is told of; data that does not, is not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

import hawx_onnx
from hawx_onnx.data_doubts import doubt_of_labels, doubt_of_splits
from hawx_onnx.data_notes import doubts_about_data
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split, load_dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.metrics import metric_named
from hawx_onnx.preparation import prepare
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

CLASSES = 10


def predictions(samples: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    """What a network names, and the labels."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, CLASSES, samples)
    named = np.where(rng.random(samples) < accuracy, labels, rng.integers(0, CLASSES, samples))
    return named, labels


@pytest.mark.parametrize(("samples", "accuracy"), [(40, 0.6), (128, 0.35), (5000, 0.05)])
def test_labels_that_a_network_knows_are_not_doubted(samples: int, accuracy: float) -> None:
    assert doubt_of_labels(*predictions(samples, accuracy), CLASSES) == ""


def test_too_few_samples_say_nothing() -> None:
    named, labels = predictions(15, 0.0)
    assert doubt_of_labels(named, labels, CLASSES) == ""


def test_shuffled_labels_are_at_chance() -> None:
    named, labels = predictions(128, 0.95)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert "labels are mixed up" in doubt_of_labels(named, shuffled, CLASSES)


@pytest.mark.parametrize("offset", [-1, 1, 2])
def test_an_offset_is_named_with_its_remedy(offset: int) -> None:
    named, labels = predictions(128, 0.95)
    keep = (labels - offset >= 0) & (labels - offset < CLASSES)
    told = doubt_of_labels(named[keep], labels[keep] - offset, CLASSES)
    assert f"`label_offset: {offset}`" in told


def test_another_order_of_the_classes_is_told() -> None:
    named, labels = predictions(200, 0.9)
    by_name = np.roll(np.arange(CLASSES), 5)
    assert "in another order" in doubt_of_labels(named, by_name[labels], CLASSES)


def test_a_network_that_names_one_class_alone_knows_nothing() -> None:
    _, labels = predictions(200, 0.9)
    majority = np.full(200, np.bincount(labels).argmax())
    assert "no more than by chance" in doubt_of_labels(majority, labels, CLASSES)


def made(calibration: int, validation: int, test: int, same: int) -> Dataset:
    """Random samples; the first ones of the test split are also the last of the validation."""
    x = np.random.default_rng(1).random((calibration + validation + test, 3), np.float32)
    parts = np.split(x, [calibration, calibration + validation])
    parts[2][:same] = parts[1][validation - same :]
    splits = (
        Split(name, part, None)
        for name, part in zip(("calibration", "validation", "test"), parts, strict=True)
    )
    return Dataset("made", *splits, note="")


def test_test_samples_that_the_search_sees_are_counted() -> None:
    told = doubt_of_splits(made(20, 40, 50, 5))
    assert told.startswith("5 of 50 test samples")
    assert "test sample 0 is validation sample 35" in told
    assert doubt_of_splits(made(20, 40, 50, 0)) == ""


def test_one_repeated_sample_among_many_is_no_leak() -> None:
    assert doubt_of_splits(made(20, 40, 500, 4)) == ""
    assert doubt_of_splits(made(20, 40, 500, 5)).startswith("5 of 500")


def test_samples_that_are_read_later_are_compared_in_part(tmp_path: Path) -> None:
    """Test images that are the training images, in another order."""
    pytest.importorskip("PIL")
    from PIL import Image

    rng = np.random.default_rng(2)
    for part in ("train", "test"):
        for kind in ("a", "b"):
            (tmp_path / part / kind).mkdir(parents=True)
    for i in range(12):
        image = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8))
        for part, place in (("train", i), ("test", 11 - i)):
            image.save(tmp_path / part / "ab"[i % 2] / f"{place:02}.png")
    spec = model_input(load_model(Path(__file__).parents[1] / "models/lenet5/lenet5.onnx"))
    (tmp_path / "p.yaml").write_text(f"resize: [{spec.shape[2]}, {spec.shape[3]}]\nscale: 255\n")
    given = Preprocessing.from_yaml(tmp_path / "p.yaml")
    dataset = load_dataset(str(tmp_path), spec, preprocessing=given)
    assert doubt_of_splits(dataset).startswith("12 of 12 test samples")


@pytest.fixture(scope="module")
def lenet(root: Path) -> Path:
    return root / "models/lenet5/lenet5.onnx"


@pytest.fixture(scope="module")
def digits(lenet: Path) -> tuple[np.ndarray, np.ndarray]:
    """Samples in the network's form, and their labels."""
    splits = load_dataset("digits", model_input(load_model(lenet)), reference="lenet5").splits
    return np.concatenate([s.x for s in splits]), np.concatenate([s.y for s in splits])


def doubts(lenet: Path, path: Path, **arrays: np.ndarray) -> tuple[str, ...]:
    """What is told of data in a file."""
    np.savez(path, **arrays)
    model = load_model(lenet)
    dataset = load_dataset(str(path), model_input(model))
    outputs = Runner(model, threads=1).run(dataset.test.x[:1])
    return doubts_about_data(model, dataset, outputs, metric_named("accuracy"), 1)


def test_sound_data_is_not_doubted(lenet: Path, digits, tmp_path: Path) -> None:
    x, y = digits
    assert doubts(lenet, tmp_path / "d.npz", x=x, y=y) == ()
    shipped = load_dataset("digits", model_input(load_model(lenet)), reference="lenet5")
    assert doubt_of_splits(shipped) == ""


def test_wrong_labels_of_a_network_are_told(lenet: Path, digits, tmp_path: Path) -> None:
    x, y = digits
    shuffled = np.random.default_rng(5).permutation(y)
    (told,) = doubts(lenet, tmp_path / "d.npz", x=x, y=shuffled)
    assert "mixed up" in told
    keep = y > 0
    (told,) = doubts(lenet, tmp_path / "d.npz", x=x[keep], y=y[keep] - 1)
    assert "`label_offset: 1`" in told


def test_images_as_they_are_stored_are_told(lenet: Path, digits, tmp_path: Path) -> None:
    """Without labels nothing else could tell; with labels only where the network fails on them."""
    x, y = digits
    scaled = (x - x.min()) / (x.max() - x.min())
    stored = np.rint(255 * scaled).astype(np.float32)
    (told,) = doubts(lenet, tmp_path / "d.npz", x=stored)
    assert "whole numbers up to 255" in told
    assert doubts(lenet, tmp_path / "d.npz", x=scaled.astype(np.float32)) == ()
    labelled = doubts(lenet, tmp_path / "d.npz", x=stored, y=y)
    hits = (Runner(load_model(lenet), threads=1).run(stored).argmax(axis=1) == y).mean()
    assert bool(labelled) == (hits < 0.2)


def test_a_search_tells_its_doubts(lenet: Path, digits, tmp_path: Path) -> None:
    x, y = digits
    path = tmp_path / "d.npz"
    parts = {"x_train": x[:200], "y_train": y[:200], "x_test": x[100:200], "y_test": y[100:200]}
    np.savez(path, **parts)
    settings = Settings(data=str(path), candidates=("mul8s_trunc2",), score_samples=16, jobs=1)
    warnings = prepare(lenet, settings).warnings
    assert any(text.startswith("100 of 100 test samples") for text in warnings)


def test_evaluate_tells_of_labels(
    lenet: Path, digits, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    x, y = digits
    for labels, words in ((np.random.default_rng(5).permutation(y), "mixed up"), (y, "")):
        np.savez(tmp_path / "d.npz", x=x, y=labels)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            hawx_onnx.evaluate(lenet, data=tmp_path / "d.npz", jobs=1)
        assert (words in caplog.text) if words else not caplog.records
