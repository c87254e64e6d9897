"""Rules on accuracy that go by another metric, against figures that are worked out here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.stats import t as student

import hawx_onnx
from hawx_onnx.checks import CheckFileError, measure_baseline, read_rules
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.report import write_json
from hawx_onnx.report.checks import FORMATS, check_schema
from hawx_onnx.settings import Settings

DROP, LEAST = "max-accuracy-drop", "min-accuracy"
FUNCTIONS = """
import numpy as np

def largest_error(outputs, targets):
    return np.abs(outputs - targets).max(axis=(1, 2))

largest_error.higher_is_better = False
largest_error.unit = "V"

def far(outputs, targets):
    return np.abs(outputs - targets).max(axis=(1, 2)) > 0.27

far.higher_is_better = False

def near(outputs, targets):
    return np.abs(outputs - targets).max(axis=(1, 2)) <= 0.27
"""
WORST, FAR, NEAR = (f"check_figures:{name}" for name in ("largest_error", "far", "near"))
DATA = {
    "perplexity": "tokens.npz",
    "mse": "values.npz",
    "top-5": "classes.npz",
    WORST: "values.npz",
    FAR: "values.npz",
    NEAR: "values.npz",
}
METRICS = tuple(DATA)


def save(path: Path, shape: list[object], a: np.ndarray, b: np.ndarray) -> None:
    """Two products with a Relu between them: [*shape, 6] to [*shape, 9]."""
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "a"], ["h"], name="first"),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("MatMul", ["r", "b"], ["y"], name="second"),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "network",
        [onnx.helper.make_tensor_value_info("x", kind, [*shape, 6])],
        [onnx.helper.make_tensor_value_info("y", kind, [*shape, 9])],
        [numpy_helper.from_array(a, "a"), numpy_helper.from_array(b, "b")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks, the second a little off, as sequences and as classifiers, with their data."""
    folder = tmp_path_factory.mktemp("metrics")
    rng = np.random.default_rng(0)
    a = (0.7 * rng.standard_normal((6, 24))).astype(np.float32)
    b = (0.9 * rng.standard_normal((24, 9))).astype(np.float32)
    noise = rng.standard_normal(b.shape).astype(np.float32)
    x = rng.standard_normal((300, 5, 6)).astype(np.float32)
    for name, share in (("before", 0), ("after", 1)):
        save(folder / f"{name}.onnx", ["N", 5], a, b + np.float32(0.01 * share) * noise)
        save(folder / f"{name}-classes.onnx", ["N"], a, b + np.float32(0.3 * share) * noise)
    scores = np.maximum(x @ a, 0) @ b
    tokens = (scores + rng.gumbel(size=scores.shape)).argmax(axis=2)
    tokens[:, 0] = -100
    tokens[::3, 1:3] = -100
    near = scores + 0.1 * rng.standard_normal(scores.shape)
    np.savez(folder / "tokens.npz", x=x, y=tokens)
    np.savez(folder / "values.npz", x=x, y=near)
    np.savez(folder / "alone.npz", x=x)
    alone, own = x[:, 0], scores[:, 0]
    drawn = (own + 3 * rng.gumbel(size=own.shape)).argmax(axis=1)
    np.savez(folder / "classes.npz", x=alone, y=drawn)
    np.savez(folder / "classes-alone.npz", x=alone)
    (folder / "check_figures.py").write_text(FUNCTIONS)
    return folder


@pytest.fixture(autouse=True)
def _in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))


def model_of(folder: Path, name: str, metric: str) -> Path:
    of_classes = metric in ("top-5", "accuracy", "agreement")
    return folder / f"{name}{'-classes' if of_classes else ''}.onnx"


def outputs_of(folder: Path, name: str, x: np.ndarray) -> np.ndarray:
    a, b = (numpy_helper.to_array(t) for t in onnx.load(folder / f"{name}.onnx").graph.initializer)
    return (np.maximum(x @ a, 0) @ b).astype(np.float64)


def on_test(folder: Path, data: str) -> tuple[np.ndarray, np.ndarray]:
    """Test samples and their labels, split as the tool does: 60 and 120 come first."""
    with np.load(folder / data) as given:
        rows = np.random.default_rng(0).permutation(len(given["x"]))[180:]
        return given["x"][rows], given["y"][rows]


def figures(folder: Path, name: str, metric: str) -> tuple[np.ndarray, float]:
    """Scores of the test samples, the higher the better, and the metric's value."""
    x, y = on_test(folder, DATA[metric])
    outputs = outputs_of(folder, model_of(folder, name, metric).stem, x)
    if metric == "perplexity":
        logs = outputs - np.log(np.exp(outputs).sum(axis=2, keepdims=True))
        kept = y >= 0
        right = np.take_along_axis(logs, np.maximum(y, 0)[:, :, None], 2)[:, :, 0]
        sums = np.where(kept, right, 0).sum(axis=1)
        return sums / kept.sum() * len(y), float(np.exp(-sums.sum() / kept.sum()))
    if metric == "mse":
        errors = np.square(outputs - y).mean(axis=(1, 2))
        return 1 - errors / y.var(), float(errors.mean())
    if metric == "top-5":
        best = np.argsort(-outputs, axis=1)[:, :5]
        hits = (best == y[:, None]).any(axis=1)
        return hits, float(hits.mean())
    worst = np.abs(outputs - y).max(axis=(1, 2))
    if metric == WORST:
        return -worst, float(worst.mean())
    far = worst > 0.27
    return (-1.0 * far, float(far.mean())) if metric == FAR else (~far, float((~far).mean()))


def interval(change: np.ndarray, probability: float = 0.95) -> tuple[float, float]:
    half = student.ppf(0.5 + probability / 2, len(change) - 1) * change.std(ddof=1)
    half /= np.sqrt(len(change))
    return change.mean() - half, change.mean() + half


@pytest.fixture
def check(one: Callable, folder: Path) -> Callable:
    """Checks one rule on the second network."""

    def find(rule: str, value: object, metric: str, **options: object) -> object:
        given = {"data": folder / DATA.get(metric, ""), "metric": metric, **options}
        model = given.pop("model", model_of(folder, "after", metric))
        return one(model, rule, value, **given)

    return find


@pytest.fixture
def saved(folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Writes the baseline file of the first network under a metric."""

    def write(metric: str, /, **changes: object) -> Path:
        data = str(folder / DATA[metric])
        model = str(model_of(folder, "before", metric))
        document = measure_baseline(
            model, Settings(jobs=1, data=data, metric=metric), "test", False
        )
        path = tmp_path / "baseline.json"
        write_json({**document, **changes}, path)
        return path

    return write


@pytest.mark.parametrize("metric", METRICS)
def test_the_drop_is_that_of_the_same_samples(check, saved, folder: Path, metric: str) -> None:
    before, after = (figures(folder, name, metric)[0] for name in ("before", "after"))
    change = before.astype(float) - after.astype(float)
    drop = float(change.mean())
    assert drop > 0
    baseline = model_of(folder, "before", metric)
    found = check(DROP, drop * 1.01, metric, baseline=baseline)
    assert found.status == "passed"
    assert found.measured == pytest.approx(drop, rel=1e-4)
    if before.dtype != bool:
        assert found.interval == pytest.approx(interval(change), rel=1e-3)
    assert "paired" in found.message and "not paired" not in found.message
    assert found.metric == metric
    assert check(DROP, drop * 0.99, metric, baseline=baseline).status == "failed"
    assert check(DROP, drop * 1.01, metric, baseline=saved(metric)) == found


@pytest.mark.parametrize("metric", ["perplexity", "mse", WORST, FAR])
def test_confidence_asks_for_more_than_the_drop(check, saved, folder, metric: str) -> None:
    before, after = (figures(folder, name, metric)[0] for name in ("before", "after"))
    bound, baseline = interval(before - after, 0.9)[1], saved(metric)
    for factor, status in ((1.001, "passed"), (0.999, "failed")):
        rule = {"limit": bound * factor, "confidence": 0.95}
        assert check(DROP, rule, metric, baseline=baseline).status == status


@pytest.mark.parametrize("metric", METRICS)
def test_a_value_is_no_worse_than_the_limit(check, folder: Path, metric: str) -> None:
    value = figures(folder, "after", metric)[1]
    up = metric in ("top-5", NEAR)
    for factor, status in (
        (0.999, "passed" if up else "failed"),
        (1.001, "failed" if up else "passed"),
    ):
        found = check(LEAST, value * factor, metric)
        assert (found.status, found.measured) == (status, pytest.approx(value, rel=1e-4))
        assert ("at least" in found.message) == up
        assert found.interval[0] < value < found.interval[1]


def test_messages_name_metric_and_unit(check, folder: Path) -> None:
    words = {
        "perplexity": ("perplexity worse by 0.", " % on 120 samples", "1 % allowed", "log ratio"),
        "mse": ("mean squared error worse by ", "% of the targets' variance on", "", "share of"),
        "top-5": ("points of top-5 accuracy lost on", "1 point allowed", "", "fraction"),
        WORST: ("largest_error worse by 0.", " V on 120 samples", "0.01 V allowed", "V"),
    }
    for metric, told in words.items():
        found = check(DROP, 0.01, metric, baseline=model_of(folder, "before", metric))
        assert all(text in found.message for text in told[:3]), found.message
        assert told[3] in found.to_dict()["unit"]


def test_every_format_tells_the_metric(folder: Path) -> None:
    report = hawx_onnx.check(
        folder / "after.onnx",
        rules={DROP: 0, LEAST: 1},
        baseline=folder / "before.onnx",
        data=folder / "tokens.npz",
        metric="perplexity",
        jobs=1,
    )
    for word, render in FORMATS.items():
        text = render(report)
        assert text.count("perplexity worse by") >= 1, word
        assert "HAWX101" in text and "HAWX102" in text
    document = json.loads(FORMATS["json"](report))
    jsonschema.validate(document, check_schema())
    assert [result["metric"] for result in document["results"]] == ["perplexity"] * 2
    assert [result["unit"] for result in document["results"]] == ["log ratio", None]
    assert document["baseline"]["metric"] == "perplexity"
    assert document["baseline"]["accuracy"] > 1


@pytest.mark.parametrize(
    ("metric", "rule", "value", "span"),
    [
        ("accuracy", DROP, 1.5, "at most 1"),
        ("perplexity", DROP, 1.5, "at most 1"),
        ("accuracy", LEAST, 0, "more than 0"),
        ("accuracy", LEAST, 1.5, "at most 1"),
        ("perplexity", LEAST, 0.9, "at least 1"),
        ("mse", LEAST, -1, "at least 0"),
    ],
)
def test_limits_that_say_nothing_are_refused(folder, tmp_path, metric, rule, value, span) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"known-tables: true\n{rule}: {value}\n")
    options = {"baseline": folder / "before.onnx"} if rule == DROP else {}
    with pytest.raises(CheckFileError, match=f"{rule}: {value} is out of range") as caught:
        hawx_onnx.check(folder / "after.onnx", rules=rules, metric=metric, **options)
    assert span in caught.value.mend and metric in caught.value.mend
    assert (caught.value.file, caught.value.line) == (str(rules), 2)
    assert read_rules(rules)[1].value == value


def test_a_function_has_limits_of_its_own(check, folder: Path) -> None:
    found = check(DROP, 25, WORST, baseline=folder / "before.onnx")
    assert (found.status, found.limit) == ("passed", 25)


def test_a_baseline_of_another_metric_is_refused(check, saved, folder: Path) -> None:
    for given, asked in (
        ("perplexity", "mse"),
        (WORST, "mse"),
        ("mse", FAR),
        ("top-5", "accuracy"),
    ):
        with pytest.raises(
            CheckFileError, match=f"is on {given}, these rules go by {asked}"
        ) as told:
            check(DROP, 0.5, asked, baseline=saved(given), data=folder / DATA[given])
        assert f"--metric {given}" in told.value.mend


def encoded(values: object) -> str:
    import base64

    return base64.b64encode(np.asarray(values, "<f8").tobytes()).decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 2}, "schema version 2, this hawx-onnx reads 1"),
        ({"scores": encoded([1.0])}, "scores are not those of 120 samples"),
        ({"scores": encoded([np.nan] * 120)}, "scores hold what no sample gives"),
        ({"scores": encoded([0.5] * 120)}, "is not the mean of its scores"),
        ({"scores": "%%"}, "is damaged"),
        ({"samples": 119}, "scores are not those of 119 samples"),
        ({"samples": True}, "scores are not those of True samples"),
        ({"samples": "120"}, "is damaged"),
        ({"scale": -1}, "scale -1.0 is not above 0"),
        ({"scale": 1e400}, "no number"),
        ({"higher_is_better": True}, "higher_is_better is True"),
        ({"metric": None}, "is on None"),
    ],
)
def test_a_baseline_that_cannot_be_true_is_refused(check, saved, changes: dict, words: str) -> None:
    if changes.get("scale") == 1e400:
        path = saved("mse")
        path.write_text(path.read_text().replace('"scale"', '"scale": Infinity, "was"'))
    else:
        path = saved("mse", **changes)
    with pytest.raises(CheckFileError, match=words) as caught:
        check(DROP, 0.5, "mse", baseline=path)
    assert caught.value.file == str(path)


def test_a_scale_of_other_labels_is_refused(check, saved) -> None:
    """With a scale that is not theirs, the same scores would be another error."""
    document = json.loads(saved("mse").read_text())
    value = document["accuracy"] * 2
    path = saved("mse", scale=document["scale"] * 2, accuracy=value)
    with pytest.raises(CheckFileError, match="is damaged: its scale is"):
        check(DROP, 0.5, "mse", baseline=path)


def report_of(saved: Callable, metric: str, **changes: object) -> dict:
    """What a report of `optimize` says of the same samples: no scores of single ones."""
    path = saved(metric)
    about = json.loads(path.read_text())
    block = {key: about[key] for key in ("accuracy", "accuracy_ci95", "samples", "correct")}
    kept = {key: about[key] for key in ("metric", "unit", "higher_is_better", "scale")}
    return {
        "schema_version": 1,
        "finished": True,
        "model": {"sha256": "a" * 64},
        "data": {**kept, "labelled": True, "fingerprint": changes.pop("fingerprint", "")},
        "baseline": {**block, **changes},
    }


def fingerprint(folder: Path, metric: str) -> str:
    from hawx_onnx.frontend.model import load_model
    from hawx_onnx.run_data import load_data

    settings = Settings(data=str(folder / DATA[metric]), metric=metric)
    return load_data(load_model(model_of(folder, "before", metric)), settings).fingerprint


@pytest.mark.parametrize("metric", METRICS)
def test_a_report_is_held_against_without_pairs(check, saved, folder, tmp_path, metric) -> None:
    report = report_of(saved, metric, fingerprint=fingerprint(folder, metric))
    path = tmp_path / "report.json"
    write_json(report, path)
    found, paired = (check(DROP, 1, metric, baseline=held) for held in (path, saved(metric)))
    assert found.measured == pytest.approx(paired.measured)
    assert "not paired" in found.message
    assert found.interval[0] < paired.interval[0]
    assert found.interval[1] > paired.interval[1]
    for factor, status in ((1.001, "passed"), (0.999, "failed")):
        rule = {"limit": min(1, found.interval[1] * factor), "confidence": 0.975}
        assert check(DROP, rule, metric, baseline=path).status == status


def test_the_interval_without_pairs_is_that_of_both_means(check, saved, folder, tmp_path) -> None:
    """Squares of both standard errors add up, as those of independent means do."""
    report = report_of(saved, WORST, fingerprint=fingerprint(folder, WORST))
    path = tmp_path / "report.json"
    write_json(report, path)
    found = check(DROP, 1, WORST, baseline=path)
    scores = [figures(folder, name, WORST)[0] for name in ("before", "after")]
    half = np.sqrt(sum(one.var(ddof=1) / len(one) for one in scores)) * student.ppf(0.975, 119)
    assert found.interval[1] - found.measured == pytest.approx(half, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accuracy_ci95": [None, None]}, "no number"),
        ({"accuracy_ci95": [0.5, 0.6]}, "outside its interval"),
        ({"accuracy_ci95": []}, "is damaged"),
        ({"samples": 1}, "1 samples tell no interval"),
        ({"samples": True}, "no whole number"),
        ({"accuracy": None}, "no number"),
    ],
)
def test_a_report_that_cannot_be_true_is_refused(
    check, saved, folder, tmp_path: Path, changes: dict, words: str
) -> None:
    changes = {"fingerprint": fingerprint(folder, "mse"), **changes}
    path = tmp_path / "report.json"
    write_json(report_of(saved, "mse", **changes), path)
    with pytest.raises(CheckFileError, match=words):
        check(DROP, 0.5, "mse", baseline=path)


def test_a_baseline_made_from_the_candidate_proves_nothing(check, saved, folder: Path) -> None:
    for baseline in (saved("mse"), folder / "before.onnx"):
        found = check(DROP, 0.5, "mse", baseline=baseline, model=folder / "before.onnx")
        assert found.status == "failed"
        assert "made from this very model" in found.message


def poisoned(folder: Path, path: Path, value: float) -> Path:
    model = onnx.load(folder / "after.onnx")
    last = model.graph.initializer[-1]
    weights = numpy_helper.to_array(last).copy()
    weights[0, 0] = value
    last.CopyFrom(numpy_helper.from_array(weights, last.name))
    onnx.save(model, path)
    return path


def test_nan_is_no_figure(check, saved, folder: Path, tmp_path: Path) -> None:
    model = poisoned(folder, tmp_path / "nan.onnx", np.nan)
    for metric in ("mse", "perplexity", FAR, NEAR):
        for rule, options in ((DROP, {"baseline": saved(metric)}), (LEAST, {})):
            found = check(rule, 1, metric, model=model, **options)
            assert found.status == "failed"
            assert "gives NaN for" in found.message
            assert found.measured is None
    with pytest.raises(CheckFileError, match="gives NaN for"):
        check(DROP, 0.5, "mse", baseline=model)
    settings = Settings(jobs=1, metric="mse", data=str(folder / "values.npz"))
    with pytest.raises(ConfigError, match="is no baseline: NaN"):
        measure_baseline(str(model), settings, "test", False)


def test_an_infinite_error_is_no_figure(check, folder: Path, tmp_path: Path) -> None:
    model = poisoned(folder, tmp_path / "infinite.onnx", 3e38)
    for metric in ("mse", "perplexity", WORST):
        found = check(LEAST, 1, metric, model=model)
        assert found.status in ("error", "failed"), metric
        assert "NaN" in found.message or "infinite" in found.message


def test_one_sample_does_not_tell_a_drop(check, folder: Path, tmp_path: Path) -> None:
    with np.load(folder / "values.npz") as given:
        x, y = given["x"], given["y"]
    np.savez(tmp_path / "one.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    options = {"baseline": folder / "before.onnx", "data": tmp_path / "one.npz"}
    found = check(DROP, 1, "mse", **options)
    assert found.status == "failed"
    assert "one sample does not tell" in found.message


def test_metrics_need_labels(check, folder: Path) -> None:
    for metric in ("perplexity", "mse", WORST):
        for rule, options in ((LEAST, {}), (DROP, {"baseline": folder / "before.onnx"})):
            with pytest.raises(ConfigError, match="need labelled samples") as caught:
                check(rule, 1, metric, data=folder / "alone.npz", **options)
            assert "--metric agreement" in caught.value.mend


def test_labels_of_another_metric_are_told(check, folder: Path) -> None:
    options = {"model": folder / "after.onnx", "data": folder / "tokens.npz"}
    with pytest.raises(DataError, match="labels have shape") as caught:
        check(LEAST, 0.5, "accuracy", **options)
    assert "--metric" in caught.value.mend
