"""Training designs and table: groups, pruning, what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.builtin import builtin_network
from hawx_onnx.components.generation import sweep_names
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.tables import Encoding, exact_table
from hawx_onnx.predictors.training_designs import (
    PRUNING,
    builtin_designs,
    prune,
    pruned_designs,
    swept_designs,
)
from hawx_onnx.predictors.training_table import read_table

_GROUPS = {
    "operand-truncation": "operand truncation",
    "ariths-gen:truncated-array": "operand truncation",
    "ariths-gen:dadda": "exact",
    "drum": "drum",
}


def test_every_built_in_multiplier_is_learnt_from():
    own = [name for name in sweep_names() if not name.startswith("ariths-gen")]
    learnt = {
        (each.design.multiplier.encoding, each.design.multiplier.content_hash)
        for designs in (builtin_designs(), swept_designs(own))
        for each in designs
    }
    for name in components.names():
        multiplier = components.load(name)
        assert (multiplier.encoding, multiplier.content_hash) in learnt, name


def test_a_circuit_stays_in_its_family():
    pytest.importorskip("ariths_gen")
    for name, group in _GROUPS.items():
        assert {each.group for each in swept_designs([name])} == {group}
    assert {each.group for each in builtin_designs()} <= set(read_table().groups.tolist())


def test_pruning_takes_gates_and_adds_errors():
    core = builtin_network("mul8u_exact")
    small = prune(core, 0.05, 1.0, np.random.default_rng(0))
    again = prune(core, 0.05, 1.0, np.random.default_rng(0))
    large = prune(core, 0.4, 1.0, np.random.default_rng(0))
    assert len(large.gates) < len(small.gates) < len(core.gates)
    assert small.gates == again.gates
    exact = exact_table(Encoding.UNSIGNED)
    off = [np.abs(multiplication_table(one, signed=False) - exact).mean() for one in (small, large)]
    assert 0 < off[0] < off[1]


def test_pruned_designs_come_under_every_encoding():
    pytest.importorskip("ariths_gen")
    designs = list(pruned_designs(count=1))
    assert {each.design.multiplier.encoding for each in designs} == set(Encoding)
    assert {each.group for each in designs} == {PRUNING}
    for each in designs:
        multiplier = each.design.multiplier
        signed = multiplier.encoding.codes_signed
        table = multiplication_table(each.design.network, signed=signed)
        np.testing.assert_array_equal(table, multiplier.table)


def test_shipped_table_can_be_written_and_read(tmp_path):
    table = read_table()
    table.write(tmp_path / "copy.npz")
    copy = read_table(tmp_path / "copy.npz")
    assert copy.names == table.names
    assert copy.technology == table.technology
    np.testing.assert_array_equal(copy.features, table.features)
    np.testing.assert_array_equal(copy.costs, table.costs)
    assert (table.costs > 0).all()
    assert np.isfinite(table.features).all()
