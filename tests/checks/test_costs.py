from __future__ import annotations

from pathlib import Path

import pytest

import hawx_onnx
from hawx_onnx.checks import CheckFileError
from hawx_onnx.errors import HawxError

FIELDS = {
    "max-power": "power_mw",
    "max-area": "area_um2",
    "max-energy": "energy_uj",
    "max-latency": "latency_cycles",
}


@pytest.mark.parametrize("target", ["temporal", "spatial"])
def test_costs_are_those_of_the_command(one, rewritten: Path, target: str) -> None:
    total = hawx_onnx.cost(rewritten, target=target)["total"]
    for rule, field in FIELDS.items():
        value = total[field]
        for given in ({"limit": value, "target": target}, value):
            options = {} if isinstance(given, dict) else {"target": target}
            found = one(rewritten, rule, given, **options)
            assert (found.status, found.measured, found.target) == ("passed", value, target)
        less = one(rewritten, rule, {"limit": value * (1 - 1e-9), "target": target})
        assert less.status == "failed"


def test_look_up_tables_are_counted_on_fpgas(one, rewritten: Path) -> None:
    target = "temporal-systolic-16x16-fpga"
    luts = hawx_onnx.cost(rewritten, target=target)["total"]["area_lut6"]
    assert luts
    assert one(rewritten, "max-luts", {"limit": luts, "target": target}).status == "passed"
    assert one(rewritten, "max-luts", {"limit": luts - 1, "target": target}).status == "failed"


def test_a_cost_that_the_target_does_not_tell_stops_the_check(rewritten: Path) -> None:
    for rule, target, other in (
        ("max-luts", "temporal", "max-area"),
        ("max-area", "temporal-systolic-16x16-fpga", "max-luts"),
    ):
        with pytest.raises(CheckFileError, match="does not tell") as caught:
            hawx_onnx.check(rewritten, rules={rule: {"limit": 1e12, "target": target}})
        assert other in caught.value.mend


def test_a_cost_that_is_not_known_never_holds(one, rewritten: Path, monkeypatch) -> None:
    known = hawx_onnx.cost(rewritten)
    for value in (None, float("nan")):
        document = {**known, "total": {**known["total"], "power_mw": value}}
        monkeypatch.setattr("hawx_onnx.checks.costs.cost_model", lambda *_, d=document: d)
        found = one(rewritten, "max-power", 1e12)
        assert (found.status, found.measured) == ("failed", None)
        assert "no mW are known" in found.message


def test_a_target_that_is_not_there_stops_the_check(rewritten: Path) -> None:
    with pytest.raises(HawxError, match="temporl"):
        hawx_onnx.check(rewritten, rules={"max-power": {"limit": 1, "target": "temporl"}})


def test_a_multiplier_without_known_cost_is_an_error(
    one, lenet: Path, tmp_path: Path, convolutions
) -> None:
    import numpy as np

    from hawx_onnx.components import load

    table = load("mul8s_trunc3").table.copy()
    table[1, 1] += 64
    np.savez(tmp_path / "own.npz", own=table)
    library = str(tmp_path / "own.npz")
    path = tmp_path / "own.onnx"
    hawx_onnx.apply(lenet, {convolutions[0]: "own"}, path, library=library, jobs=1)
    found = one(path, "max-power", 1e12, library=library)
    assert found.status in ("error", "failed"), found
    assert one(path, "max-power", 1e12).status == "failed"  # nothing is known of its name


def test_a_float_model_costs_what_exact_multipliers_do(one, lenet: Path) -> None:
    value = hawx_onnx.cost(lenet)["baseline"]["power_mw"]
    assert one(lenet, "max-power", value * (1 + 1e-12)).measured == pytest.approx(value)
