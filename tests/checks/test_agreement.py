"""Rules on the agreement with a baseline, which need no labels."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import hawx_onnx
from hawx_onnx.checks import CheckFileError, measure_baseline
from hawx_onnx.frontend.model import load_model
from hawx_onnx.report import write_json
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

DROP, LEAST = "max-accuracy-drop", "min-accuracy"


@pytest.fixture(scope="module")
def coarse(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 with a coarse multiplier in every convolution: it changes classes."""
    path = tmp_path_factory.mktemp("coarse") / "coarse.onnx"
    names = [node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv"]
    options = {"fold_bias": False, "map_weights": False, "rescale": False}
    hawx_onnx.apply(lenet, dict.fromkeys(names, "mul8s_trunc_a6"), path, jobs=1, **options)
    return path


@pytest.fixture(scope="module")
def alone(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits without their labels."""
    split = load_data(load_model(lenet), Settings())
    path = tmp_path_factory.mktemp("alone") / "x.npz"
    np.savez(path, x=np.concatenate([part.x for part in split.splits]))
    return path


@pytest.fixture(scope="module")
def saved(lenet: Path, alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline file of the float model."""
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    settings = Settings(jobs=1, data=str(alone), metric="agreement")
    write_json(measure_baseline(str(lenet), settings, "test", False), path)
    return path


@pytest.fixture
def agreement(one: Callable, alone: Path) -> Callable:
    def find(model: Path, rule: str, value: object, **options: object) -> object:
        return one(model, rule, value, **{"data": alone, "metric": "agreement", **options})

    return find


@pytest.fixture(scope="module")
def share(lenet: Path, coarse: Path, alone: Path) -> float:
    """How many test samples both models give the same class, found without the code under test."""
    x = load_data(load_model(lenet), Settings(data=str(alone))).test.x
    found = []
    for path in (lenet, coarse):
        session = hawx_onnx.create_session(path, threads=1)
        (outputs,) = session.run(None, {session.get_inputs()[0].name: x})
        found.append(outputs.reshape(len(x), -1).argmax(axis=1))
    return float((found[0] == found[1]).mean())


def test_the_share_of_equal_classes(agreement, coarse, lenet, saved, share: float) -> None:
    assert 0.5 < share < 1
    for baseline in (lenet, saved):
        for rule, value, limits in ((LEAST, share, (0.99, 1.01)), (DROP, 1 - share, (1.1, 0.9))):
            found = agreement(coarse, rule, value, baseline=baseline)
            assert (found.status, found.metric) == ("passed", "agreement")
            assert found.measured == pytest.approx(value)
            # The baseline agrees with itself for certain: nothing is won, and 1 is the most.
            assert 0 <= found.interval[0] < value < found.interval[1] <= 1
            for factor, status in zip(limits, ("passed", "failed"), strict=True):
                held = agreement(coarse, rule, value * factor, baseline=baseline)
                assert held.status == status
    assert "points of agreement lost on" in agreement(coarse, DROP, 0.5, baseline=lenet).message


def test_confidence_is_that_of_a_share(agreement, coarse: Path, saved: Path) -> None:
    """Tango's bound, where nothing can be won, is Wilson's of the share that is lost."""
    above = agreement(coarse, DROP, 1, baseline=saved).interval[1]
    for limit, status in ((above + 1e-4, "passed"), (above - 1e-4, "failed")):
        rule = {"limit": limit, "confidence": 0.975}
        assert agreement(coarse, DROP, rule, baseline=saved).status == status


def test_labels_are_left_out(one, coarse: Path, lenet: Path, agreement) -> None:
    """Labels of the digits are at hand, and do not matter."""
    found = one(coarse, DROP, 1, baseline=lenet, metric="agreement")
    assert "agreement" in found.message


def test_a_model_agrees_with_itself(agreement, lenet: Path, saved: Path, alone: Path) -> None:
    for rule in (LEAST, DROP):
        for baseline in (lenet, saved):
            found = agreement(lenet, rule, 0.5, baseline=baseline)
            assert found.status == "failed"
            assert "made from this very model" in found.message


def test_agreement_is_with_a_baseline(agreement, coarse: Path) -> None:
    for rule in (LEAST, DROP):
        with pytest.raises(CheckFileError, match="no baseline to hold it against"):
            agreement(coarse, rule, 0.5)


def test_a_report_has_no_classes_to_agree_with(agreement, coarse, tmp_path: Path) -> None:
    report = {
        "schema_version": 1,
        "finished": True,
        "model": {"sha256": "a" * 64},
        "data": {"labelled": False, "metric": "agreement", "fingerprint": "b" * 64},
        "baseline": {"accuracy": 0.5, "samples": 10, "correct": 5},
    }
    write_json(report, tmp_path / "report.json")
    with pytest.raises(CheckFileError, match="no classes to agree with") as caught:
        agreement(coarse, DROP, 0.5, baseline=tmp_path / "report.json")
    assert "float model" in caught.value.mend
    with pytest.raises(CheckFileError, match="is on agreement, these rules go by accuracy"):
        agreement(coarse, DROP, 0.5, baseline=tmp_path / "report.json", metric=None, data="digits")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ""}, "classes are not those of"),
        ({"classes": None}, "is damaged"),
        ({"correct": 3}, "accuracy 1.0 is not 3 of"),
        ({"metric": "accuracy"}, "is on accuracy, these rules go by agreement"),
        ({"schema_version": 0}, "schema version 0"),
        ({"data": {"fingerprint": "a" * 64, "split": "test"}}, "other samples"),
    ],
)
def test_a_baseline_that_cannot_be_true_is_refused(
    agreement, coarse: Path, saved: Path, tmp_path: Path, changes: dict, words: str
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({**json.loads(saved.read_text()), **changes}))
    with pytest.raises(CheckFileError, match=words):
        agreement(coarse, DROP, 0.5, baseline=path)


def test_classes_below_0_are_none(agreement, coarse: Path, saved: Path, tmp_path: Path) -> None:
    document = json.loads(saved.read_text())
    classes = np.full(document["samples"], -1, "<i4")
    document["classes"] = base64.b64encode(classes.tobytes()).decode()
    (tmp_path / "baseline.json").write_text(json.dumps(document))
    with pytest.raises(CheckFileError, match="classes hold what no sample gives"):
        agreement(coarse, DROP, 0.5, baseline=tmp_path / "baseline.json")
