"""``hawx-onnx library`` and ``hawx-onnx doctor``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hawx_onnx import components


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables without costs."""
    path = tmp_path_factory.mktemp("library") / "mine.npz"
    first, second = components.load("mul8s_trunc2"), components.load("mul8u_trunc2")
    np.savez(path, mine=first.table, theirs=second.table)
    return path


def test_list_shows_all_multipliers(cli: Callable) -> None:
    found = cli("library", "list", "--json").check().json["multipliers"]
    assert {row["name"] for row in found} == set(components.names())
    assert len(found) >= 16
    keys = {"encoding", "mae", "wce", "mre", "ep", "mse", "mean_error", "rank", "cost", "sha256"}
    assert all(keys <= set(row) for row in found)
    assert not any("plan" in row for row in found)
    text = cli("library", "list").check().out
    assert f"{len(found)} multipliers" in text
    assert "mul8s_exact" in text


def test_list_by_encoding_and_front(cli: Callable) -> None:
    flags = ("--encoding", "unsigned", "--pareto")
    found = cli("library", "list", *flags, "--json").check().json["multipliers"]
    assert {row["encoding"] for row in found} == {"unsigned"}
    energies = [row["cost"]["energy_fj"] for row in found]
    errors = [row["mae"] for row in found]
    assert energies == sorted(energies)
    assert errors == sorted(errors, reverse=True)


def test_list_takes_a_file(cli: Callable, tables: Path) -> None:
    rows = cli("library", "list", "--library", tables, "--json").check().json["multipliers"]
    mine = {row["name"]: row for row in rows}
    assert mine["mine"]["encoding"] == "signed"
    assert mine["theirs"]["encoding"] == "unsigned"
    assert mine["mine"]["cost"] is None
    assert "mine" in cli("library", "list", "--library", tables).check().out


def test_show(cli: Callable, tables: Path) -> None:
    found = cli("library", "show", "mul8s_trunc2", "--json").check().json
    assert found["cost"]["provenance"]
    assert found["source"]
    assert found["rank"] == 1
    assert found["kernel"].startswith("product_")
    assert found["plan"]["kind"] == "rank1"
    assert found["plan"]["terms"] == 1
    assert found["plan"]["distinct_rows"] == 64
    text = cli("library", "show", "mul8s_trunc2").check().out
    assert found["sha256"] in text
    assert found["plan"]["text"] in text
    shown = cli("library", "show", "mine", "--library", tables).check().out
    assert "not characterised" in shown
    assert cli("library", "show", f"{tables}:theirs", "--json").check().json["name"] == "theirs"


def test_show_wants_one_name(cli: Callable, tables: Path) -> None:
    cli("library", "show", "mul8s_trnc2").refused(2, "'mul8s_trnc2'", "did you mean mul8s_trunc2")
    cli("library", "show", "mul8s_*").refused(2, "mul8s_*", "multipliers", "name one of them")
    cli("library", "show", tables).refused(2, "2 tables", f"{tables}:mine")


def test_unknown_actions_and_libraries(cli: Callable) -> None:
    cli("library").refused(2, "ACTION")
    cli("library", "lst").refused(2, "'lst'", "list", "show")
    cli("library", "list", "--library", "nowhere").refused(2, "'nowhere'", ".npz")


def test_doctor(cli: Callable) -> None:
    found = cli("doctor", "--json").check().json
    assert {"versions", "library", "cpu", "isa", "kernels"} <= set(found)
    assert found["library"]["loaded"] is True
    assert Path(found["library"]["path"]).is_file()
    assert {"hawx-onnx", "python", "onnx", "onnxruntime", "numpy"} <= set(found["versions"])
    assert set(found["kernels"]) == set(components.names())
    assert found["kernels"]["mul8s_exact"].startswith("product_")
    assert not found["kernels"]["mul8u_mitchell"].startswith("product_")
    assert "nodes" not in found
    assert found["isa"] in cli("doctor").check().out


def test_doctor_tells_what_is_wrong(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAWX_ONNX_LIBRARY", str(tmp_path / "none.so"))
    done = cli("doctor", "--json").check(4)
    assert done.json["library"] == {**done.json["library"], "path": None, "loaded": False}
    assert "none.so" in done.err
    broken = tmp_path / "broken.so"
    broken.write_text("no library", encoding="utf-8")
    monkeypatch.setenv("HAWX_ONNX_LIBRARY", str(broken))
    done = cli("doctor").check(4)
    assert "could not load the library" in done.err
    assert "loaded            no" in done.out


@pytest.fixture(scope="module")
def mixed(cli: Callable, lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 with a table of rank 1, one that has no factors, and both in one node."""
    folder = tmp_path_factory.mktemp("mixed")
    names = ["mul8sm_alm_soa3", *["mul8s_trunc2"] * 4, *["mul8s_exact"] * 5]
    chosen = {"conv1": "mul8s_trunc2", "conv2": "mul8sm_alm_soa3", "fc3": names}
    (folder / "a.json").write_text(json.dumps({"assignment": chosen}), encoding="utf-8")
    path = folder / "mixed.onnx"
    cli("apply", lenet, "--assignment", folder / "a.json", "-o", path).check()
    return path


def nodes_of(done: object) -> dict[str, tuple[str, dict[str, str]]]:
    return {node["name"]: (node["path"], node["kernels"]) for node in done.json["nodes"]}


def test_doctor_tells_the_kernels_of_a_model(
    cli: Callable, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAWX_ISA", "scalar")
    done = cli("doctor", mixed, "--json").check()
    own = {"mul8s_trunc2": "product_scalar", "mul8sm_alm_soa3": "gather_scalar"}
    assert nodes_of(done) == {
        "conv1": ("library", {"mul8s_trunc2": "product_scalar"}),
        "conv2": ("library", {"mul8sm_alm_soa3": "gather_scalar"}),
        "fc3": ("library", {**own, "mul8s_exact": "product_scalar"}),
    }
    assert {node["op"] for node in done.json["nodes"]} == {"ApproxQLinearConv"}
    lines = cli("doctor", mixed).check().out.splitlines()
    (line,) = (line for line in lines if line.split()[0] == "conv2")
    assert line.split()[1:] == ["ApproxQLinearConv", "mul8sm_alm_soa3:", "gather_scalar"]


def test_doctor_tells_the_portable_bodies_of_a_model(
    cli: Callable, mixed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = {
        "conv1": ("portable", {"mul8s_trunc2": "portable_products"}),
        "conv2": ("portable", {"mul8sm_alm_soa3": "portable_look_ups"}),
        "fc3": (
            "portable",
            dict.fromkeys(("mul8s_trunc2", "mul8sm_alm_soa3", "mul8s_exact"), "portable_look_ups"),
        ),
    }
    assert nodes_of(cli("doctor", mixed, "--portable", "--json").check()) == told
    monkeypatch.setenv("HAWX_ONNX_LIBRARY", str(tmp_path / "none.so"))
    assert nodes_of(cli("doctor", mixed, "--json").check(4)) == told


def test_doctor_tells_that_nothing_runs_a_node(cli: Callable, mixed: Path, tmp_path: Path) -> None:
    """Without bodies a stock onnxruntime cannot run the model, the library can."""
    model = onnx.load(mixed)
    del model.functions[:]
    onnx.save(model, tmp_path / "bare.onnx")
    done = cli("doctor", tmp_path / "bare.onnx", "--portable", "--json").check(4)
    assert "without a portable body" in done.err
    assert [path for path, _ in nodes_of(done).values()] == ["none"] * 3
    assert "nothing runs it" in cli("doctor", tmp_path / "bare.onnx", "--portable").check(4).out
    cli("doctor", tmp_path / "bare.onnx").check()


def test_doctor_of_other_models(cli: Callable, mixed: Path, lenet: Path, tmp_path: Path) -> None:
    assert cli("doctor", lenet, "--json").check().json["nodes"] == []
    assert "has no ai.hawx nodes" in cli("doctor", lenet).check().out
    cli("doctor", tmp_path / "none.onnx").refused(3, "no such file")
    cli("doctor", "--portable").refused(2, "--portable", "hawx-onnx doctor MODEL")
    model = onnx.load(mixed)
    index = next(t for t in model.graph.initializer if t.name == "conv1.table_index")
    model.graph.initializer.remove(index)
    model.graph.input.append(
        helper.make_tensor_value_info(index.name, TensorProto.INT32, list(index.dims))
    )
    onnx.save(model, tmp_path / "open.onnx")
    done = cli("doctor", tmp_path / "open.onnx", "--json").check()
    assert nodes_of(done)["conv1"] == ("library", {})
    assert "chosen at run time" in cli("doctor", tmp_path / "open.onnx").check().out


def test_show_under_operand_histograms(cli: Callable, tmp_path: Path) -> None:
    path = tmp_path / "operands.npz"
    counts = np.zeros(256)
    counts[:8] = 1
    np.savez(path, activation=counts, weight=counts)
    command = ("library", "show", "mul8s_trunc2", "--histogram", path)
    found = cli(*command, "--json").check().json
    # The lowest two bits of operands from 0 to 7 are dropped: 7 * 7 becomes 4 * 4.
    assert found["weighted"]["wce"] == 33
    assert found["weighted"]["mae"] < found["mae"]
    assert "weighted mae" in cli(*command).check().out
    plain = cli("library", "show", "mul8s_trunc2", "--json").check().json
    assert "weighted" not in plain
    cli("library", "show", "mul8s_trunc2", "--histogram", tmp_path).refused(2, "no such file")
