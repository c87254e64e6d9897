from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import hawx_onnx
from hawx_onnx.checks import CheckFileError, measure_baseline
from hawx_onnx.checks.baseline import Baseline, Summary
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.metrics import Scorer, metric_named
from hawx_onnx.report import write_json
from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.settings import Settings

DROP = "max-accuracy-drop"


@pytest.fixture(scope="module")
def weak(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 with a coarse multiplier in every convolution: it loses accuracy."""
    path = tmp_path_factory.mktemp("weak") / "weak.onnx"
    names = [node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv"]
    options = {"fold_bias": False, "map_weights": False, "rescale": False}
    hawx_onnx.apply(lenet, dict.fromkeys(names, "mul8s_trunc_a6"), path, jobs=1, **options)
    return path


@pytest.fixture(scope="module")
def mild(lenet: Path, convolutions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 with hardly an error: it gets nearly the same samples right."""
    path = tmp_path_factory.mktemp("mild") / "mild.onnx"
    hawx_onnx.apply(lenet, {convolutions[0]: "mul8s_trunc2"}, path, jobs=1)
    return path


@pytest.fixture(scope="module")
def saved(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline file of the float model."""
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    write_json(measure_baseline(str(lenet), Settings(jobs=1), "test", False), path)
    return path


def hits_of(path: Path) -> np.ndarray:
    """Which test samples a model gets right, found without the code under test."""
    from hawx_onnx.frontend.model import load_model
    from hawx_onnx.run_data import load_data

    model = load_model(path)
    split = load_data(model, Settings()).test
    session = hawx_onnx.create_session(path, threads=1)
    name = session.get_inputs()[0].name
    (outputs,) = session.run(None, {name: split.x})
    return outputs.reshape(len(outputs), -1).argmax(axis=1) == split.y


def test_the_drop_is_that_of_the_same_samples(one, weak: Path, lenet: Path) -> None:
    before, after = hits_of(lenet), hits_of(weak)
    drop = float(before.mean() - after.mean())
    assert drop > 0
    found = one(weak, DROP, drop / 2, baseline=lenet)
    assert found.status == "failed"
    assert found.measured == pytest.approx(drop, abs=1e-12)
    assert found.interval[0] < drop < found.interval[1]
    assert one(weak, DROP, drop, baseline=lenet).status == "passed"
    assert one(weak, DROP, drop * 1.01, baseline=lenet).status == "passed"
    assert one(weak, DROP, drop * 0.99, baseline=lenet).status == "failed"


def test_a_baseline_file_stands_in_for_its_model(one, weak, lenet: Path, saved: Path) -> None:
    from_file = one(weak, DROP, 0.5, baseline=saved)
    from_model = one(weak, DROP, 0.5, baseline=lenet)
    assert from_file.measured == from_model.measured
    assert from_file.interval == from_model.interval
    assert from_file.message == from_model.message


def test_confidence_asks_for_more_than_the_drop(one, weak: Path, saved: Path) -> None:
    drop = one(weak, DROP, 0.5, baseline=saved).measured
    limit = drop + 1e-3
    assert one(weak, DROP, limit, baseline=saved).status == "passed"
    rule = {"limit": limit, "confidence": 0.95}
    found = one(weak, DROP, rule, baseline=saved)
    assert found.status == "failed"
    assert "with 95 % confidence" in found.message
    assert one(weak, DROP, {**rule, "confidence": 0.5}, baseline=saved).status == "passed"


def report_of(saved: Path, lenet: Path) -> dict:
    """What a report of `optimize` says of the same samples: counts, no samples."""
    from hawx_onnx.frontend.model import load_model
    from hawx_onnx.run_data import load_data

    baseline = json.loads(saved.read_text())
    fields = ("accuracy", "accuracy_ci95", "samples", "correct")
    return {
        "schema_version": 1,
        "finished": True,
        "model": {"sha256": "a" * 64},
        "data": {
            "labelled": True,
            "fingerprint": load_data(load_model(lenet), Settings()).fingerprint,
        },
        "baseline": {key: baseline[key] for key in fields},
    }


def test_a_report_is_held_against_without_pairs(
    one, mild: Path, lenet: Path, saved: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    write_json(report_of(saved, lenet), path)
    found, paired = (one(mild, DROP, 0.5, baseline=held) for held in (path, saved))
    assert found.measured == pytest.approx(paired.measured)
    assert "not paired" in found.message
    assert found.interval[0] < paired.interval[0]
    assert found.interval[1] > paired.interval[1]
    rule = {"limit": found.interval[1] - 1e-9, "confidence": 0.9751}
    assert one(mild, DROP, rule, baseline=path).status == "failed"
    assert one(mild, DROP, {**rule, "confidence": 0.9749}, baseline=path).status == "passed"


def test_the_interval_without_pairs_is_newcombes() -> None:
    """The example of Newcombe 1998, table II: 56/70 against 48/80, method 10."""
    scorer = Scorer(metric_named("accuracy"))
    level = Summary(56 / 70, 70, 56)
    baseline = Baseline("b", "report", "", frozenset(), scorer, level, None, "test")
    drop, (low, high) = baseline.drop(Accuracy(np.arange(80) < 48))
    assert drop == pytest.approx(0.2)
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_the_accuracy_itself(one, lenet: Path) -> None:
    value = float(hits_of(lenet).mean())
    found = one(lenet, "min-accuracy", value)
    assert (found.status, found.measured) == ("passed", value)
    assert one(lenet, "min-accuracy", value + 1e-3).status == "failed"


def test_portable_bodies_give_the_same_accuracy(one, rewritten: Path) -> None:
    kernel = one(rewritten, "min-accuracy", 0.5)
    portable = one(rewritten, "min-accuracy", 0.5, portable=True)
    assert kernel == portable


def change(saved: Path, path: Path, **values: object) -> Path:
    document = {**json.loads(saved.read_text()), **values}
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema_version": 2}, "schema version 2, this hawx-onnx reads 1"),
        ({"schema_version": True}, "schema version True"),
        ({"schema_version": None}, "schema version None"),
        ({"accuracy": math.nan}, "NaN is no number"),
        ({"accuracy": "0.9"}, "'0.9' is no number"),
        ({"accuracy": 0.5}, "accuracy 0.5 is not"),
        ({"samples": 0, "correct": 0}, "0 of 0 samples"),
        ({"samples": -1}, "of -1 samples"),
        ({"correct": 10**9}, "1000000000 of"),
        ({"hits": "AAAA"}, "hits are not those"),
        ({"hits": "%%"}, "is damaged"),
        ({"hits": None}, "is damaged"),
        ({"model": {}}, "lacks 'sha256'"),
        ({"data": {"fingerprint": "", "split": "test"}}, "is no text"),
        ({"kind": "other"}, "is damaged: it is the report of a run that came to no end"),
    ],
)
def test_a_baseline_that_cannot_be_true_is_refused(
    rewritten: Path, saved: Path, tmp_path: Path, values: dict, words: str
) -> None:
    path = change(saved, tmp_path / "baseline.json", **values)
    with pytest.raises(CheckFileError) as caught:
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=path, jobs=1)
    assert words in str(caught.value)
    assert caught.value.file == str(path)
    assert "--write-baseline" in caught.value.mend


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"accuracy": 1}', "[" * 100_000])
def test_files_that_are_no_baseline_are_refused(rewritten, tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(CheckFileError):
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=path, jobs=1)


def test_hits_have_to_agree_with_the_count(rewritten, saved: Path, tmp_path: Path) -> None:
    document = json.loads(saved.read_text())
    samples, correct = document["samples"], document["correct"] - 1
    values = {"correct": correct, "accuracy": correct / samples}
    path = change(saved, tmp_path / "baseline.json", **values)
    with pytest.raises(CheckFileError, match=f"{correct + 1} hits, but correct is {correct}"):
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=path, jobs=1)


def test_a_report_of_unlabelled_or_unfinished_runs_is_refused(
    rewritten, lenet, saved: Path, tmp_path: Path
) -> None:
    report = report_of(saved, lenet)
    for name, value, words in (
        ("finished", False, "came to no end"),
        ("data", {**report["data"], "labelled": False}, "no labels"),
        ("data", {**report["data"], "metric": "agreement"}, "is on agreement, these rules go by"),
        ("data", {**report["data"], "fingerprint": "b" * 64}, "other samples"),
    ):
        path = tmp_path / "report.json"
        write_json({**report, name: value}, path)
        with pytest.raises(CheckFileError, match=words):
            hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=path, jobs=1)


def test_a_baseline_of_other_samples_is_refused(rewritten, saved: Path) -> None:
    with pytest.raises(CheckFileError, match="other samples"):
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=saved, jobs=1, split="validation")


def rename(model: onnx.ModelProto) -> None:
    model.producer_name = "somebody else"
    model.doc_string = "made anew"


def test_a_baseline_made_from_the_candidate_proves_nothing(
    one, rewritten: Path, spoilt, tmp_path: Path, lenet: Path, saved: Path
) -> None:
    own = tmp_path / "own.json"
    write_json(measure_baseline(str(rewritten), Settings(jobs=1), "test", False), own)
    copy = spoilt(rewritten, rename)
    assert copy.read_bytes() != rewritten.read_bytes()
    for baseline in (rewritten, copy, own):
        found = one(rewritten, DROP, 0.5, baseline=baseline)
        assert found.status == "failed"
        assert "made from this very model" in found.message
    assert one(copy, DROP, 0.5, baseline=own).status == "failed"
    report = tmp_path / "report.json"
    source = json.loads(saved.read_text())["model"]["sha256"]
    write_json({**report_of(saved, lenet), "model": {"sha256": source}}, report)
    assert one(lenet, DROP, 0.5, baseline=report).status == "failed"
    assert one(rewritten, DROP, 0.5, baseline=report).status == "passed"


def test_nan_is_no_accuracy(one, lenet: Path, spoilt, saved: Path, rewritten: Path) -> None:
    """argmax takes NaN for the largest score, so that such samples could even count as right."""

    def poison(model: onnx.ModelProto) -> None:
        last = model.graph.initializer[-1]
        value = numpy_helper.to_array(last).copy()
        value.flat[0] = np.nan
        last.CopyFrom(numpy_helper.from_array(value, last.name))

    model = spoilt(lenet, poison)
    for rule, options in ((DROP, {"baseline": saved}), ("min-accuracy", {})):
        found = one(model, rule, 0.5, **options)
        assert found.status == "failed"
        assert "gives NaN for" in found.message
        assert found.measured is None
    with pytest.raises(CheckFileError, match="gives NaN for"):
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=model, jobs=1)
    with pytest.raises(ConfigError, match="is no baseline: NaN"):
        measure_baseline(str(model), Settings(jobs=1), "test", False)


def labelled(path: Path, count: int, label: int | None) -> Path:
    rng = np.random.default_rng(0)
    x = rng.random((count, 8, 8)).astype(np.float32) * 16
    y = np.arange(count) % 10 if label is None else np.full(count, label)
    np.savez(path, x=x, y=y)
    return path


def test_too_few_samples_show_no_drop(one, rewritten: Path, lenet: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path / "few.npz", 30, None)
    found = one(rewritten, DROP, 0.01, baseline=lenet, data=data)
    assert found.status == "failed"
    assert "cannot show a drop of 1 point:" in found.message


def test_a_baseline_with_nothing_right_cannot_be_fallen_below(
    rewritten: Path, lenet: Path, tmp_path: Path
) -> None:
    from hawx_onnx.frontend.model import load_model
    from hawx_onnx.run_data import load_data

    data = labelled(tmp_path / "wrong.npz", 40, None)
    split = load_data(load_model(lenet), Settings(data=str(data)))
    x = np.concatenate([part.x for part in split.splits])
    session = hawx_onnx.create_session(lenet, threads=1)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: x})
    wrong = (outputs.argmax(axis=1) + 1) % 10
    np.savez(data, x=x, y=wrong)
    with pytest.raises(CheckFileError, match="none of"):
        hawx_onnx.check(rewritten, rules={DROP: 0.5}, baseline=lenet, data=data, jobs=1)


def test_accuracy_needs_labels(rewritten: Path, lenet: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((30, 8, 8), np.float32))
    for data in (tmp_path / "x.npz", "synthetic"):
        for rules in ({"min-accuracy": 0.1}, {DROP: 0.5}):
            options = {"baseline": lenet} if DROP in rules else {}
            with pytest.raises(ConfigError, match="need labelled samples"):
                hawx_onnx.check(rewritten, rules=rules, data=data, jobs=1, **options)


def test_labels_beyond_the_classes_are_told(one, rewritten: Path, tmp_path: Path) -> None:
    found = one(rewritten, "min-accuracy", 0.1, data=labelled(tmp_path / "y.npz", 30, 50))
    assert (found.status, found.exit_code) == ("error", DataError.exit_code)
    assert "label 50" in found.message
