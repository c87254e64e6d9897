"""Toggle counting and timing on circuits small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components import OperandHistograms, builtin_network
from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.simulation import all_signals, pack
from hawx_onnx.components.synthesis import power
from hawx_onnx.components.synthesis.netlist_energy import change_energies
from hawx_onnx.components.synthesis.power import (
    draw,
    dynamic_energy,
    popcount,
    stimulated_energies,
)
from hawx_onnx.components.synthesis.technology import GENERIC, cell_library
from hawx_onnx.components.synthesis.timing import analyse_timing
from hawx_onnx.errors import ConfigError

# y = A0 AND NOT A0 through a chain of three inverters: a hazard, never 1 when settled.
HAZARD = GateNetwork(
    "hazard",
    (Port("A", 8), Port("B", 8)),
    (Output("O", (21,)),),
    (Gate("NOT", (2,)), Gate("NOT", (18,)), Gate("NOT", (19,)), Gate("AND", (2, 20))),
)


def alternating():
    """Operands whose codes are 0 or 255, so that bit 0 is a fair coin."""
    counts = np.zeros(256)
    counts[[0, 255]] = 1
    return OperandHistograms(counts / 2, counts / 2)


def test_popcount():
    words = np.array([[0, 1], [3, 2**64 - 1]], np.uint64)
    assert popcount(words).tolist() == [[0, 1], [2, 64]]


def test_a_hazard_switches_with_unit_delay_only():
    energies = np.zeros(22)
    energies[21] = 10.0
    none = dynamic_energy(HAZARD, energies, alternating(), mode="zero-delay")
    assert none.energy_fj == none.standard_error_fj == 0
    some = dynamic_energy(HAZARD, energies, alternating(), mode="unit-delay")
    # A rise of A0, every fourth operation, lets y rise and fall again.
    assert abs(some.energy_fj - 5.0) < 4 * some.standard_error_fj
    assert 0.02 < some.standard_error_fj < 0.2


def test_probabilities_of_change():
    energies = np.zeros(22)
    energies[2] = 1.0
    found = dynamic_energy(HAZARD, energies, None, mode="zero-delay")
    assert found.energy_fj == pytest.approx(0.5, abs=4 * found.standard_error_fj)
    counts = np.zeros(256)
    counts[0], counts[1] = 9, 1
    rare = dynamic_energy(HAZARD, energies, OperandHistograms(counts / 10, counts / 10))
    assert rare.energy_fj == pytest.approx(2 * 0.9 * 0.1, abs=4 * rare.standard_error_fj)


def test_operands_that_never_change_cost_nothing():
    only = np.zeros(256)
    only[77] = 1
    network = builtin_network("mul8u_exact")
    energies = np.ones(network.first_gate + len(network.gates))
    assert dynamic_energy(network, energies, OperandHistograms(only, only)).energy_fj == 0


def test_same_seed_same_figure_other_seed_within_the_error():
    network = builtin_network("mul8s_trunc2")
    energies = np.ones(network.first_gate + len(network.gates))
    first = dynamic_energy(network, energies)
    assert dynamic_energy(network, energies) == first
    other = dynamic_energy(network, energies, seed=1)
    assert 0 < abs(other.energy_fj - first.energy_fj) < 5 * first.standard_error_fj


def test_waves_end_where_the_circuit_settles():
    network = builtin_network("mul8s_bbm_v3")
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (2, 2, 640))
    before, after = ({"A": pack(one[0], 8), "B": pack(one[1], 8)} for one in codes)
    settled, wanted = (np.stack(all_signals(network, inputs)) for inputs in (before, after))
    counts, found = power._ripple(network, settled, np.stack([*after["A"], *after["B"]]))
    assert (found == wanted).all()
    # Whatever toggles in between, the parity tells whether a signal ends where it began.
    assert (counts % 2 == popcount(settled ^ wanted) % 2).all()


def some_operands(seed: int) -> OperandHistograms:
    activation, weight = np.random.default_rng(seed).random((2, 256)) ** 3
    return OperandHistograms(activation / activation.sum(), weight / weight.sum())


@pytest.mark.parametrize("mode", power.MODES)
def test_stimuli_share_a_pass_and_nothing_else(mode, monkeypatch):
    network = builtin_network("mul8sm_drum4")
    energies = np.random.default_rng(0).random(network.first_gate + len(network.gates))
    operands = [some_operands(seed) for seed in range(5)]
    alone = [dynamic_energy(network, energies, one, mode=mode) for one in operands]
    assert len(set(alone)) == len(alone)
    stimuli = [draw(network.inputs, one) for one in operands]
    for block in (2, 16):
        monkeypatch.setattr(power, "_BLOCK", block)
        together = stimulated_energies(network, energies, stimuli, mode=mode)
        assert [one.energy_fj for one in together] == [one.energy_fj for one in alone]
    assert stimulated_energies(network, energies, [], mode=mode) == []


def test_popcount_without_the_numpy_function(monkeypatch):
    words = np.random.default_rng(2).integers(0, 1 << 64, (3, 70), np.uint64)
    wanted = [[int(word).bit_count() for word in row] for row in words]
    assert popcount(words).tolist() == wanted
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert popcount(words).tolist() == wanted


def test_no_such_mode():
    with pytest.raises(ConfigError, match="no mode 'real'"):
        dynamic_energy(HAZARD, np.zeros(22), mode="real")


def chain(length: int):
    library = cell_library(GENERIC)
    gates = tuple(Gate("INVX1", (1 + index,)) for index in range(1, length + 1))
    network = GateNetwork(
        "chain", (Port("A", 1),), (Output("O", (2 + length,)),), gates, library.functions
    )
    return network, library


def test_timing_adds_up_along_a_chain():
    network, library = chain(3)
    timing = analyse_timing(network, library)
    # An inverter that drives another one: tau (1 + 1); the last one a register of 2 fF.
    slew = 0.004 * (1 + 2 * 1)
    by_hand = 0.004 * 2 + 0.1 * 0.005 + 0.004 * 2 + 0.1 * slew + 0.004 * 3 + 0.1 * slew
    assert timing.delay_ns == pytest.approx(by_hand)
    assert timing.loads_ff == [0, 0, 1.0, 1.0, 1.0, 2.0]
    energies = change_energies(network, library, timing)
    # Parasitic and load capacitance, each at 1 V; inputs bring their load alone.
    assert energies.tolist() == pytest.approx([0, 0, 0.5, 1.0, 1.0, 1.5])
