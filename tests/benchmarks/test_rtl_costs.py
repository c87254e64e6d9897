"""Cost models against a synthesised and simulated 4 x 4 array, where the tools are there."""

from __future__ import annotations

import importlib
import shutil

import pytest

from hawx_onnx.components.synthesis.technology import OSU018, cell_library


@pytest.fixture
def rtl_costs(root, monkeypatch):
    """``benchmarks/rtl_costs.py``; skips without what it needs."""
    missing = [name for name in ("yosys", "iverilog", "vvp") if shutil.which(name) is None]
    if missing or not OSU018.is_file():
        pytest.skip(f"{', '.join(missing) or 'qflow-tech-osu018'} is not installed")
    monkeypatch.syspath_prepend(root / "benchmarks")
    return importlib.import_module("rtl_costs")


def test_area_and_power_of_a_small_array(rtl_costs):
    mixture = ("mul8s_exact", "mul8s_ctrunc4", "mul8sm_mitchell")
    made = rtl_costs.array(rtl_costs.OUTPUT, mixture, rtl_costs.LAYER, 4, 4)
    area_um2, energy_fj = rtl_costs.measured(made, cell_library(OSU018))
    assert made.area_um2 == pytest.approx(area_um2, rel=0.1)
    assert made.energies.tile == pytest.approx(energy_fj, rel=0.2)
