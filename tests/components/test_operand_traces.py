"""Operations of a trace, step by step, and what elements switch for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.adder_power import flips
from hawx_onnx.components.element_power import element_energies
from hawx_onnx.components.engine_power import tree_network
from hawx_onnx.components.netlist.simulation import pack, simulate, unpack
from hawx_onnx.components.operand_power import component_energy
from hawx_onnx.components.operand_traces import STAYS, OperandTrace, moves
from hawx_onnx.components.used_bits import UsedBits, used_bits
from hawx_onnx.errors import ConfigError


def trace(runs: int = 3, positions: int = 4, filters: int = 5, products: int = 6) -> OperandTrace:
    rng = np.random.default_rng(1)
    shapes = (runs, positions, products), (runs, filters, products)
    return OperandTrace(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes))


def operations(stays: str, lanes: int = 1, **sizes: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    found = moves(trace(**sizes), stays, lanes)
    assert found.places.shape == (2, 4, 4096)
    yield from zip(found.places[0].T, found.places[1].T, strict=True)


def test_sums_that_stay_go_through_a_window_and_on_to_the_next() -> None:
    for before, after in operations("output"):
        run, position, filter_, product = before
        following = (position, product + 1) if product < 5 else ((position + 1) % 4, 0)
        assert tuple(after) == (run, following[0], filter_, following[1])


def test_weights_that_stay_meet_positions_one_after_the_other() -> None:
    for before, after in operations("weight"):
        assert tuple(after - before) == (0, 1, 0, 0)
    # With one position there is no other: weights follow.
    for before, after in operations("weight", positions=1):
        assert tuple(after) == (before[0], 0, before[2], (before[3] + 1) % 6)


def test_activations_that_stay_meet_filters_one_after_the_other() -> None:
    assert {tuple(b - a) for a, b in operations("activation")} == {(0, 0, 1, 0)}


def test_lanes_take_every_so_many_products() -> None:
    for before, after in operations("engine", lanes=2):
        run, position, filter_, product = before
        following = (position, product + 2) if product < 4 else ((position + 1) % 4, product - 4)
        assert tuple(after) == (run, following[0], filter_, following[1])


def test_sums_are_those_of_the_products_before() -> None:
    table = components.load("mul8s_trunc2").table.astype(np.int64)
    one = trace()
    found = moves(one)
    for side, places in enumerate(found.places):
        for index in (0, 17, 4000):
            run, position, filter_, product = places[:, index]
            rows = one.activations[run, position, :product], one.weights[run, filter_, :product]
            assert found.sums(table)[side, index] == table[rows].sum()


def test_what_is_no_trace_is_refused() -> None:
    codes = np.zeros((2, 3, 4), np.uint8)
    for wrong in (codes[:1], codes[:, :, :2], codes[0], codes[:, :0]):
        with pytest.raises(ConfigError, match="no trace"):
            OperandTrace(codes, wrong)
    with pytest.raises(ConfigError, match="cannot stay"):
        moves(OperandTrace(codes, codes), "input")


def test_flips() -> None:
    assert flips(np.array([[0, 1, -1, 7], [0, 3, 0, 7]]), 8) == (0 + 1 + 8 + 0) / 4


def test_nothing_switches_where_nothing_changes() -> None:
    same = OperandTrace(np.full((1, 2, 4), 9, np.uint8), np.zeros((1, 2, 4), np.uint8))
    for stays in STAYS:
        ((found,),) = element_energies([components.load("mul8s_exact")], [same], stays, lanes=[2])
        assert (found.multiplication_fj, found.around_fj) == (0.0, 0.0)


def test_independent_operands_cost_what_their_histograms_tell() -> None:
    exact = components.load("mul8s_exact")
    uniform = np.ones(256)
    drawn = trace(runs=16, positions=9, filters=9, products=500)
    ((found,),) = element_energies([exact], [drawn])
    told = component_energy(exact, uniform, uniform)
    assert found.multiplication_fj == pytest.approx(told, rel=0.03)
    ((held,),) = element_energies([exact], [drawn], "weight")
    assert held.multiplication_fj < 0.9 * found.multiplication_fj


def test_like_neighbours_switch_less() -> None:
    drawn = trace(runs=16, positions=9, filters=9, products=100)
    same = np.repeat(drawn.activations[:, :, :1], 100, axis=2)
    alike = OperandTrace(same, drawn.weights)
    multiplier = components.load("mul8s_trunc2")
    ((one,), (other,)) = element_energies([multiplier], [drawn, alike])
    assert other.multiplication_fj < one.multiplication_fj
    assert other.around_fj < one.around_fj


def test_a_multiplier_without_netlist_has_no_energy() -> None:
    known = components.load("mul8s_trunc2")
    bare = components.StoredMultiplier("odd", known.encoding, known.table, None, "", "")
    assert element_energies([bare], [trace()]) == [[None]]


@pytest.mark.parametrize("signed", [True, False])
def test_trees_add_up(signed: bool) -> None:
    network, rng = tree_network(5, signed=signed), np.random.default_rng(2)
    products = rng.integers(-(2**15), 2**15, (5, 64)) if signed else rng.integers(0, 2**16, (5, 64))
    sums = rng.integers(0, 2**31, 64)
    inputs = {f"P{lane}": pack(row, 16) for lane, row in enumerate(products)}
    found = unpack(simulate(network, {**inputs, "S": pack(sums, 32)})["O"])
    np.testing.assert_array_equal(found, (products.sum(axis=0) + sums) % 2**32)


def test_wide_trees_take_what_narrower_ones_do_for_each_lane() -> None:
    drawn, exact = trace(products=96), components.load("mul8s_exact")
    wide, wider = (
        element_energies([exact], [drawn], "engine", lanes=[n])[0][0].around_fj for n in (32, 48)
    )
    assert wide == wider


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("mul8s_exact", UsedBits(8, 8, 16, 0)),
        ("mul8s_trunc2", UsedBits(6, 6, 12, 4)),
        ("mul8s_trunc_a2", UsedBits(6, 8, 14, 2)),
    ],
)
def test_used_bits(name: str, bits: UsedBits) -> None:
    multiplier = components.load(name)
    assert used_bits(multiplier.table) == bits
    assert multiplier.cost.bits == bits
    assert "bits" not in multiplier.cost.document()
