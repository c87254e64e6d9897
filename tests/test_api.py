"""The Python interface: the same flow as the commands, lazily imported, documented and typed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import onnx
import pytest

import hawx_onnx
from hawx_onnx.errors import BudgetError, ConfigError, DataError, HawxError, ModelError

QUICK = {"candidates": ("mul8s_trunc2", "mul8s_trunc1"), "max_evaluations": 4}


@pytest.fixture(scope="module")
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


@pytest.fixture(scope="module")
def saved(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("api")
    return hawx_onnx.optimize(lenet, output=folder, max_accuracy_drop=0.02, **QUICK), folder


def test_optimize_returns_what_it_writes(saved: tuple) -> None:
    result, folder = saved
    assert isinstance(result, hawx_onnx.Result)
    assert result.model.SerializeToString() == (folder / "model.onnx").read_bytes()
    written = json.loads((folder / "assignment.json").read_text(encoding="utf-8"))
    assert written == result.assignment.document()
    assert written["assignment"] == result.assignment.to_dict()
    assert written["energies_fj"].keys() == written["assignment"].keys()
    written = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert written["selected"]["accuracy"] == result.report["selected"]["accuracy"]
    assert result.sensitivity["layers"] == list(result.assignment)
    assert result.run["settings"]["max-accuracy-drop"] == 0.02
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.model = None


def test_nothing_is_written_unasked(
    lenet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = lenet.read_bytes()
    result = hawx_onnx.optimize(lenet, candidates="mul8s_trunc2", max_evaluations=2)
    assert {row["name"] for row in result.report["candidates"]} == {"mul8s_exact", "mul8s_trunc2"}
    assert list(tmp_path.iterdir()) == []
    assert lenet.read_bytes() == before


def test_evaluate_and_cost_agree_with_the_report(saved: tuple) -> None:
    result, folder = saved
    model = folder / "model.onnx"
    for use_library, path in ((None, "library"), (True, "library"), (False, "portable")):
        found = hawx_onnx.evaluate(model, use_library=use_library)
        assert found["path"] == path
        assert found["correct"] == result.report["selected"]["correct"]
    cost = hawx_onnx.cost(model)
    assert cost["total"]["power_mw"] == result.report["selected"]["power_mw"]


def test_cost_takes_mappings_files_and_nothing(lenet: Path, saved: tuple) -> None:
    result, folder = saved
    by_file = hawx_onnx.cost(lenet, assignment=folder / "assignment.json")
    by_content = hawx_onnx.cost(str(lenet), assignment=result.assignment.document())
    by_object = hawx_onnx.cost(lenet, assignment=result.assignment)
    assert by_file == by_content == by_object
    assert by_file["total"]["power_mw"] == result.report["selected"]["power_mw"]
    by_mapping = hawx_onnx.cost(lenet, assignment=result.assignment.to_dict())
    assert by_mapping["assignment"] == by_file["assignment"]
    assert (by_mapping["operands"], by_file["operands"]) == ("uniform", "own")
    exact = hawx_onnx.cost(lenet, target="spatial")
    assert exact["total"]["power_mw"] == exact["baseline"]["power_mw"]
    mixed = hawx_onnx.cost(lenet, assignment={"conv1": ["mul8s_trunc2"] * 6})
    assert mixed["layers"][0]["multipliers"] == {"mul8s_trunc2": 6}


def test_apply_makes_the_same_model(lenet: Path, saved: tuple, tmp_path: Path) -> None:
    result, _ = saved
    model = hawx_onnx.apply(lenet, result.assignment, tmp_path / "m.onnx")
    assert model.SerializeToString() == result.model.SerializeToString()
    assert (tmp_path / "m.onnx").read_bytes() == model.SerializeToString()


def test_analyze(lenet: Path) -> None:
    found = hawx_onnx.analyze(lenet, candidates=["mul8s_trunc2"], score_samples=32)
    assert found.layers == ("conv1", "conv2", "fc1", "fc2", "fc3")
    assert found.multipliers == ("mul8s_exact", "mul8s_trunc2")
    assert found.responses.shape == (5, 2, 32, 10)
    assert found.accuracy_drop().shape == (5, 2)


def test_explore(lenet: Path) -> None:
    options = {"candidates": "mul8s_trunc2", "validation_samples": 60}
    found = hawx_onnx.explore(lenet, methods=("exhaustive", "hawx"), **options)
    assert [block["space_size"] for block in found["methods"]] == [32, 32]
    assert found["speedup"] is not None
    for methods in (("hawks",), ()):
        with pytest.raises(ConfigError, match="exhaustive"):
            hawx_onnx.explore(lenet, methods=methods, **options)


def test_data_in_a_file(lenet: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 1, 32, 32)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(40) % 10)
    found = hawx_onnx.evaluate(lenet, data=tmp_path / "d.npz")
    assert found["samples"] == 16
    assert "d.npz" in found["data"]


def test_errors_are_of_the_tree(lenet: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        hawx_onnx.evaluate(tmp_path / "none.onnx")
    with pytest.raises(DataError, match="no such file"):
        hawx_onnx.evaluate(lenet, data=tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="did you mean max_accuracy_drop"):
        hawx_onnx.optimize(lenet, max_acuracy_drop=0.1)
    with pytest.raises(ConfigError, match="split"):
        hawx_onnx.evaluate(lenet, split="training")
    with pytest.raises(BudgetError) as caught:
        hawx_onnx.optimize(lenet, output=tmp_path / "out", candidates="mul8s_trunc4", exact=False)
    assert isinstance(caught.value, HawxError)
    assert caught.value.exit_code == 1
    # The front stays, so that one sees how far off the budget is, and what was measured, so that
    # another budget need not measure it again; there is no model.
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"journal.sqlite", "pareto.csv"}


def test_sessions_run_rewritten_models(saved: tuple) -> None:
    import onnxruntime

    result, folder = saved
    assert hawx_onnx.get_library_path().is_file()
    x = np.random.default_rng(0).standard_normal((3, 1, 32, 32)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    hawx_onnx.register(options)
    own = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    made = hawx_onnx.create_session(folder / "model.onnx")
    from_bytes = hawx_onnx.create_session(result.model.SerializeToString(), use_library=False)
    outputs = [session.run(None, {"input": x})[0] for session in (own, made, from_bytes)]
    assert outputs[0].tobytes() == outputs[1].tobytes() == outputs[2].tobytes()


def test_the_rewritten_model_is_valid_onnx(saved: tuple) -> None:
    result, folder = saved
    onnx.checker.check_model(str(folder / "model.onnx"))
    assert {entry.domain for entry in result.model.opset_import} >= {"", "ai.hawx"}


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, hawx_onnx\n"
        "assert set(hawx_onnx.__all__) <= set(dir(hawx_onnx))\n"
        "heavy = {'onnx', 'onnxruntime', 'numpy', 'scipy', 'rich', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=Path(hawx_onnx.__file__).parents[1]
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="optimise"):
        hawx_onnx.optimise  # noqa: B018


@pytest.mark.parametrize("name", [n for n in hawx_onnx.__all__ if not n.startswith("__")])
def test_public_names_are_documented_and_typed(name: str) -> None:
    thing = getattr(hawx_onnx, name)
    assert inspect.getdoc(thing), name
    if inspect.isclass(thing):
        members = [m for key, m in vars(thing).items() if inspect.isfunction(m) and key[0] != "_"]
        assert all(inspect.getdoc(member) for member in members)
        assert typing.get_type_hints(thing)
        return
    signature = inspect.signature(thing)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, f"{name}({parameter})"
        assert parameter.name in (thing.__doc__ or ""), f"{name}: {parameter.name} is not described"
