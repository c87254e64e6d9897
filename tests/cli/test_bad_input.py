"""What users get wrong: each time one or two lines, the right exit code, and no file written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from hawx_onnx import components


@pytest.fixture
def optimize(cli: Callable, tmp_path: Path) -> Callable:
    """Runs ``optimize``, expects it to refuse, and looks that nothing was written."""

    def run(model: Path, *flags: str | Path, code: int, words: tuple[str, ...]) -> None:
        out = tmp_path / "out"
        cli("optimize", model, "-o", out, *flags).refused(code, *words)
        assert not out.exists()

    return run


def test_models_that_are_no_files(optimize: Callable, tmp_path: Path) -> None:
    optimize(tmp_path / "none.onnx", code=3, words=("none.onnx", "no such file"))
    optimize(tmp_path, code=3, words=(str(tmp_path), "is a folder", "name the .onnx file"))


@pytest.mark.parametrize(
    ("keep", "word"), [(0, "holds no graph"), (100_000, "truncated"), (-1, "truncated")]
)
def test_models_that_are_cut_off(
    optimize: Callable, lenet: Path, tmp_path: Path, keep: int, word: str
) -> None:
    model = tmp_path / "cut.onnx"
    model.write_bytes(lenet.read_bytes()[:keep])
    optimize(model, code=3, words=("cut.onnx", word, "again"))


def test_a_text_is_no_model(optimize: Callable, tmp_path: Path) -> None:
    model = tmp_path / "text.onnx"
    model.write_text("not a model\n", encoding="utf-8")
    optimize(model, code=3, words=("text.onnx", "no ONNX model"))


def test_an_invalid_graph(optimize: Callable, lenet: Path, tmp_path: Path) -> None:
    model = onnx.load(lenet)
    model.graph.node[1].input[0] = "from_nowhere"
    onnx.save(model, tmp_path / "dangling.onnx")
    optimize(tmp_path / "dangling.onnx", code=3, words=("from_nowhere",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no product", ("model", "Conv, MatMul or Gemm")),
        ("two inputs", ("2 inputs", "x [N, 4], b [3]", "batch axis")),
        ("open length", ("axis 1 is symbolic", "--data")),
    ],
)
def test_models_that_cannot_be_optimised(
    optimize: Callable, models: dict[str, Path], name: str, words: tuple[str, ...]
) -> None:
    optimize(models[name], code=3, words=words)


def test_a_rewritten_model_is_not_rewritten_again(
    cli: Callable, optimize: Callable, optimized: Path, tmp_path: Path
) -> None:
    words = ("rewritten already", "made from", "--force")
    optimize(optimized / "model.onnx", code=3, words=words)
    assignment = optimized / "assignment.json"
    again = cli("apply", optimized / "model.onnx", "--assignment", assignment, "-o", tmp_path / "m")
    again.refused(3, "rewritten already")


X = np.random.default_rng(0).random((40, 8, 8)).astype(np.float32) * 16
Y = np.arange(40) % 10
NAN = X.copy()
NAN[3, 1, 2] = np.nan


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X, "y": Y[:-3]}, ("37 labels for 40 samples", "'y'")),
        ({"x": X, "y": Y.astype(np.float64)}, ("labels are float64",)),
        ({"x": X, "y": Y - 1}, ("label -1", "negative")),
        ({"x": X, "y": Y + 50}, ("label 5", "10 outputs", "classes 0 to 9")),
        ({"x": NAN, "y": Y}, ("[3, 1, 2] is nan",)),
        ({"x": X * 100, "y": Y}, ("values run from", "--preprocess")),
        ({"x": X[:, 0], "y": Y}, ("'x'",)),
        ({"x": X[:2], "y": Y[:2]}, ("2 samples", "at least 3")),
        ({"x": np.array(["a"] * 40), "y": Y}, ("'x'",)),
        ({"x": np.array([{}] * 40, dtype=object), "y": Y}, ("pickled",)),
        ({"pictures": X, "y": Y}, ("pictures", "x and y")),
    ],
    ids=[
        "few labels",
        "float labels",
        "negative label",
        "unknown class",
        "nan",
        "range",
        "rank",
        "few samples",
        "texts",
        "pickles",
        "names",
    ],
)
def test_data_that_does_not_fit(
    optimize: Callable, lenet: Path, tmp_path: Path, arrays: dict, words: tuple[str, ...]
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **arrays)
    optimize(lenet, "--data", data, code=3, words=words)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((40, 1, 8, 9), np.float32)}, ("axis 3 is 9 instead of 8",)),
        ({"x": np.zeros((40, 1, 8, 8), np.int64)}, ("int64", "float32", "--preprocess")),
        ({"x": np.zeros((40, 8, 8), np.uint8)}, ("uint8 images", "--preprocess")),
        ({"x": np.zeros((40, 64), np.float32)}, ("2 axes instead of 4",)),
    ],
    ids=["extent", "type", "images", "rank"],
)
def test_data_of_another_form_than_the_model_takes(
    optimize: Callable,
    models: dict[str, Path],
    tmp_path: Path,
    arrays: dict,
    words: tuple[str, ...],
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **arrays)
    optimize(models["open batch"], "--data", data, code=3, words=("data.npz", *words))


def test_data_that_cannot_be_read(optimize: Callable, lenet: Path, tmp_path: Path) -> None:
    optimize(lenet, "--data", tmp_path / "none.npz", code=3, words=("none.npz", "no such file"))
    text = tmp_path / "text.npz"
    text.write_text("hello", encoding="utf-8")
    optimize(lenet, "--data", text, code=3, words=("text.npz", "not a readable .npz file"))
    optimize(lenet, "--data", "digts", code=3, words=("digts", "did you mean digits"))
    optimize(lenet, "--data", tmp_path, code=3, words=(str(tmp_path), "--data takes"))
    preprocess = ("--preprocess", tmp_path / "none.yaml")
    optimize(lenet, "--data", "digits", *preprocess, code=2, words=("none.yaml",))


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ("mul8s_trnc2", ("'mul8s_trnc2'", "did you mean mul8s_trunc2")),
        ("mul8s_trunc2, nothing*", ("'nothing*'", "matches no multiplier")),
        ("mul8s_trunc2,mul8u_trunc2", ("int8", "uint8", "one kind")),
        ("mul8s_exact", ("no approximate multiplier", "library list")),
        (" , ", ("no multiplier", "library list")),
    ],
)
def test_candidates(
    optimize: Callable, lenet: Path, candidates: str, words: tuple[str, ...]
) -> None:
    optimize(lenet, "--candidates", candidates, code=2, words=words)


def test_libraries(optimize: Callable, lenet: Path, tmp_path: Path) -> None:
    optimize(lenet, "--library", "nowhere", code=2, words=("'nowhere'", ".npz"))
    missing = tmp_path / "none.npz"
    optimize(lenet, "--library", missing, code=2, words=("none.npz",))
    tables = tmp_path / "mine.npz"
    # One entry is off: no built-in multiplier has this table, so its cost is not known.
    table = components.load("mul8s_trunc2").table.copy()
    table[3, 5] += 1
    np.savez(tables, mine=table)
    optimize(lenet, "--library", tables, code=2, words=("no cost figures for mine",))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--max-accuracy-drop", "1.5"), ("--max-accuracy-drop", "1.5", "between 0 and 1")),
        (("--max-accuracy-drop", "little"), ("--max-accuracy-drop", "'little'")),
        (("--max-power", "-3"), ("--max-power", "at least 0")),
        (("--max-power", "nan"), ("--max-power", "nan")),
        (("--max-evaluations", "0"), ("--max-evaluations", "at least 1")),
        (("--jobs", "-1"), ("--jobs", "at least 0")),
        (("--seed", "1.5"), ("--seed", "'1.5'")),
        (("--objective", "speed"), ("--objective", "'speed'", "power")),
        (("--target", "nowhere"), ("'nowhere'", "temporal")),
        (("--max-acuracy-drop", "1"), ("--max-acuracy-drop", "did you mean max-accuracy-drop")),
        (("--max-acc", "1"), ("no flag --max-acc",)),
        (("twice",), ("'twice'",)),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_flags(
    optimize: Callable, lenet: Path, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    optimize(lenet, *flags, code=2, words=words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: temporal\nrowz: 4\n", ("line 2", "'rowz'", "did you mean rows")),
        ("rows: 4\n", ("kind",)),
        ("kind: temporal\nrows: -4\n", ("line 2", "rows is -4")),
        ("hello", ("holds no keys",)),
        ("kind: [", ("mine.yaml",)),
    ],
    ids=["key", "kind", "range", "text", "syntax"],
)
def test_target_files(
    optimize: Callable, lenet: Path, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text(text, encoding="utf-8")
    optimize(lenet, "--target", target, code=2, words=("mine.yaml", *words))


@pytest.mark.parametrize("verb", ["optimize", "analyze"])
def test_output_folders_that_cannot_be_made(cli: Callable, lenet: Path, verb: str) -> None:
    before = lenet.read_bytes()
    done = cli(verb, lenet, "-o", lenet / "out", "-v")
    assert "quantising" not in done.refused(2, str(lenet), "cannot be written").err
    cli(verb, lenet, "-o", lenet).refused(2, str(lenet), "cannot be written")
    cli(verb, lenet, "-o", "").refused(2, "--output", "empty")
    assert lenet.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_the_right_to_write(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    for out in (closed, closed / "new"):
        cli("optimize", lenet, "-o", out).refused(2, "permission denied", "may write to")


def test_a_library_variable_that_points_to_nothing(
    cli: Callable,
    optimize: Callable,
    lenet: Path,
    optimized: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HAWX_ONNX_LIBRARY", str(tmp_path / "none.so"))
    words = ("HAWX_ONNX_LIBRARY", "none.so", "no such file")
    optimize(lenet, code=4, words=words)
    cli("evaluate", optimized / "model.onnx").refused(4, *words)
    assert "path: portable" in cli("evaluate", optimized / "model.onnx", "--portable").check().out


def test_an_unexpected_error_is_told_in_two_lines(
    cli: Callable, lenet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("hawx_onnx.costing.cost_model", fail)
    cli("cost", lenet).refused(4, "ZeroDivisionError: one two", "-vv")
    done = cli("cost", lenet, "-vv").check(4)
    assert "Traceback" in done.err
