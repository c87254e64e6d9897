"""Checkouts of EvoApproxLib: the index, headers, and one name for several circuits."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hawx_onnx.components.importers import evoapprox, import_path
from hawx_onnx.components.importers.evoapprox import header_figures, read_index
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ComponentError, ConfigError


def checkout(folder: Path, netlists: ModuleType) -> Path:
    """A small checkout: two data sets of 8x8 multipliers, one of adders."""
    sets = {
        "multiplers/8x8_signed/pareto_pwr_mae": ["mul8s_AA", "mul8s_BB", "mul8s_CC"],
        "multiplers/8x8_signed/pareto_pwr_ep": ["mul8s_AA", "mul8s_BB"],
        "multiplers/8x8_unsigned/pareto_pwr_mae": ["mul8u_DD"],
        "adders/8_unsigned/pareto_pwr_mae": ["add8u_EE"],
    }
    styles = {"mul8s_AA": "instances", "mul8s_BB": "assign", "mul8u_DD": "declared"}
    groups = []
    for place, names in sets.items():
        (folder / place).mkdir(parents=True)
        instances = []
        for name in names:
            mapped = name == "mul8s_CC"
            file = f"{name}_pdk45.v" if mapped else f"{name}.v"
            signed = "8x8_signed" in place
            # BB is another circuit in the second set, as between two releases.
            column = 5 if name == "mul8s_BB" and place.endswith("ep") else 3
            text = netlists.verilog(
                name, 1, column, signed=signed, style=styles.get(name, "assign")
            )
            (folder / place / file).write_text(text)
            (folder / place / f"{name}.c").write_text(
                f"// WCE = 3\n#include <stdint.h>\nuint64_t {name}(const uint64_t B,"
                "const uint64_t A)\n{\n return A; /* never compiled */\n}\n"
            )
            instances.append(
                {
                    "name": name,
                    "files": [
                        {"file": file, "type": "Verilog PDK45" if mapped else "Verilog file"},
                        {"file": f"{name}.c", "type": "C file"},
                    ],
                    "params": {"area": "70.5", "pwr": "0.5", "mae%": "0.1", "ep%": "n/a"},
                    "references": [0],
                }
            )
        groups.append({"folder": place, "instances": instances, "license": "The MIT License"})
    document = [{"datasets": [{"bitwidth": 8, "datasets": groups}]}]
    (folder / "meta.json").write_text(json.dumps(document))
    return folder


@pytest.mark.usefixtures("yosys")
def test_a_checkout(tmp_path, netlists):
    done = []
    folder = checkout(tmp_path / "evo", netlists)
    found = import_path(folder, jobs=2, progress=lambda *counts: done.append(counts))
    assert [m.name for m in found.multipliers] == ["mul8s_AA", "mul8s_BB", "mul8u_DD"]
    first, _, last = found.multipliers
    np.testing.assert_array_equal(first.table, netlists.table(1, 3, signed=True))
    np.testing.assert_array_equal(last.table, netlists.table(1, 3, signed=False))
    assert (first.encoding, last.encoding) == (Encoding.SIGNED, Encoding.UNSIGNED)
    assert first.provenance.origin == "multiplers/8x8_signed/pareto_pwr_mae/mul8s_AA.v"
    assert any("B first" in note for note in first.provenance.notes)
    # The header is of this file, the index only fills in.
    assert first.published["pdk45_area_um2"] == 482.4
    assert first.published["mae_percent"] == 0.34
    assert done[-1] == (5, 5)
    mapped, renamed = found.failures
    assert mapped.origin.endswith("pareto_pwr_mae/mul8s_CC")
    assert "PDK45" in mapped.what
    assert renamed.origin.endswith("pareto_pwr_ep/mul8s_BB.v")
    assert "taken by another table" in renamed.what


@pytest.mark.usefixtures("yosys")
def test_paths_of_the_index_stay_in_the_checkout(tmp_path, netlists):
    folder = checkout(tmp_path / "evo", netlists)
    (tmp_path / "mul8s_AA.v").write_text("module m; endmodule")
    text = (folder / "meta.json").read_text()
    text = text.replace('"mul8s_AA.v"', '"../../../../mul8s_AA.v"').replace("BB.v", "QQ.v")
    (folder / "meta.json").write_text(text)
    found = import_path(folder, jobs=1)
    reasons = {failure.what for failure in found.failures}
    assert "the index leads out of the checkout" in reasons
    assert "there is no such file" in reasons
    (folder / "meta.json").write_text(text.replace("QQ.v", f"{'x' * 5000}.v"))
    found = import_path(folder, jobs=1)
    assert "there is no such file" in {failure.what for failure in found.failures}
    (folder / "meta.json").write_text("[")
    with pytest.raises(ComponentError, match="cannot be read"):
        import_path(folder)


@pytest.mark.parametrize("instances", [[None, 1, "x"], [{"files": ["x.v", 3]}], [{"files": "x.v"}]])
def test_an_index_of_another_form_lists_nothing(tmp_path, instances):
    group = {"folder": "multiplers/8x8_signed/a", "instances": instances}
    (tmp_path / "meta.json").write_text(json.dumps({"dataset": [group]}))
    try:
        found = import_path(tmp_path, jobs=1)
    except ConfigError as error:
        assert error.what == "the folder holds nothing to import"
    else:
        assert not found.multipliers
        assert all("no netlist of gates" in failure.what for failure in found.failures)


def test_figures_beyond_floats_are_left_out(tmp_path):
    assert header_figures("MAE = 9" + "9" * 400) == {}
    files = [{"file": "a.v"}]
    one = {"name": "a", "files": files, "params": {"PWR": "1e999", "AREA": 2, "DELAY": [1]}}
    group = {"folder": "multiplers/8x8_signed/a", "instances": [one]}
    (tmp_path / "meta.json").write_text(json.dumps(group))
    ((circuit,), _) = read_index(tmp_path)
    assert circuit.published == {"pdk45_area_um2": 2.0}


def test_figures_of_headers():
    text = "// MAE% = 1.5 %\n// MSE = 72829.102e2 \n// PDK45_PWR = .5 mW\n// O = 3\n WCE = x\n"
    assert evoapprox.header_figures(text.replace("//", "")) == {
        "mae_percent": 1.5,
        "mse": 7282910.2,
        "pdk45_power_mw": 0.5,
    }
    assert evoapprox.order_note("uint16_t f(uint8_t A, uint8_t B)\n") == ""
    assert "B first" in evoapprox.order_note("int16_t f (int8_t B, int8_t A)\n")
