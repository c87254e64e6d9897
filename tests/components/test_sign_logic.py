"""Sign logic: tables, names and figures of wrapped multipliers; the circuit alone and its cost."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.importers import ImportOptions, import_path
from hawx_onnx.components.library_files import read_library
from hawx_onnx.components.netlist.simulation import pack, simulate, unpack
from hawx_onnx.components.sign_logic import sign_logic_cost, sign_logic_network, with_sign_logic
from hawx_onnx.components.stored import StoredMultiplier
from hawx_onnx.components.synthesis.libraries import network_of
from hawx_onnx.components.tables import Encoding, sign_magnitude
from hawx_onnx.errors import ComponentError


def test_built_in_cores_become_the_built_in_wrapped_ones():
    for stem in ("drum6", "mitchell", "exact"):
        wrapped = with_sign_logic(components.load(f"mul8u_{stem}"))
        known = components.load(f"mul8sm_{stem}")
        assert wrapped.name == known.name
        assert wrapped.encoding is known.encoding
        np.testing.assert_array_equal(wrapped.table, known.table)
        # What the core costs is not what the whole costs.
        assert wrapped.cost is None


def test_figures_are_told_as_those_of_the_core():
    core = components.load("mul8u_trunc2")
    kept = StoredMultiplier(
        "odd", Encoding.UNSIGNED, core.table, None, "s", "", published={"pdk45_power_mw": 0.3}
    )
    wrapped = with_sign_logic(kept)
    assert wrapped.name == "odd_sm"
    assert wrapped.published == {"core_pdk45_power_mw": 0.3}
    assert not wrapped.provenance.core
    assert "odd" in wrapped.provenance.notes[-1]


def test_signed_multipliers_need_none():
    with pytest.raises(ComponentError, match="sign logic goes around unsigned"):
        with_sign_logic(components.load("mul8s_trunc2"))


def test_import_of_a_mixed_file(tmp_path):
    signed, unsigned = (components.load(name) for name in ("mul8s_trunc2", "mul8u_drum6"))
    file, out = tmp_path / "both.npz", tmp_path / "lib"
    np.savez(file, mul8s_a=signed.table, mul8u_b=unsigned.table)
    found = import_path(file, ImportOptions.of(None, None, None, sign_logic=True))
    components.write_library(found.multipliers, out)
    first, second = read_library(out)
    assert (first.name, first.encoding) == ("mul8s_a", Encoding.SIGNED)
    assert (second.name, second.encoding) == ("mul8sm_b", Encoding.SIGN_MAGNITUDE)
    np.testing.assert_array_equal(second.table, sign_magnitude(unsigned.table))


def test_verilog_of_a_core_is_characterised_with_its_sign_logic(tmp_path):
    from hawx_onnx.components.rtl import design_text

    core = components.load("mul8u_trunc2")
    network = components.builtin_network(core.name)
    (tmp_path / f"{core.name}.v").write_text(design_text(core, network, "test"))
    options = ImportOptions(encoding=Encoding.UNSIGNED, sign_logic=True)
    (wrapped,) = import_path(tmp_path / f"{core.name}.v", options).multipliers
    assert wrapped.provenance.core
    assert network_of(wrapped).name == wrapped.name


def test_the_circuit_negates_where_it_should():
    network = sign_logic_network()
    rng = np.random.default_rng(0)
    given = {port.name: rng.integers(0, 1 << port.width, 640) for port in network.inputs}
    inputs = {port.name: pack(given[port.name], port.width) for port in network.inputs}
    found = {name: unpack(words) for name, words in simulate(network, inputs).items()}
    a, b = (given[name].astype(np.uint8).view(np.int8).astype(int) for name in "AB")
    np.testing.assert_array_equal(found["MA"], np.abs(a))
    np.testing.assert_array_equal(found["MB"], np.abs(b))
    wanted = np.where((a < 0) != (b < 0), -given["P"], given["P"]) & 0xFFFF
    np.testing.assert_array_equal(found["O"], wanted)


def test_the_logic_alone_is_cheaper_than_a_multiplier():
    cost, exact = sign_logic_cost(), components.load("mul8u_exact").cost
    assert cost.technology == exact.technology
    assert 0.1 < cost.energy_fj / exact.energy_fj < 0.4
    assert 0.1 < cost.area_um2 / exact.area_um2 < 0.6
