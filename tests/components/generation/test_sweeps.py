"""Sweeps over the parameters of families."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.components.generation import (
    distinct,
    find_sweep,
    generate,
    pareto_designs,
    sweep_names,
)
from hawx_onnx.components.generation.arithsgen import arithsgen_names, flat_network
from hawx_onnx.components.netlist import multiplication_table
from hawx_onnx.errors import ConfigError, LibraryError

OURS = [name for name in sweep_names() if name not in arithsgen_names()]
ARITHSGEN = pytest.mark.skipif(
    importlib.util.find_spec("ariths_gen") is None,
    reason="ArithsGen is not installed (pip install ariths-gen)",
)


def check_circuits(designs) -> None:
    for design in designs:
        signed = design.multiplier.encoding.codes_signed
        table = multiplication_table(design.network, signed=signed)
        assert np.array_equal(table, design.multiplier.table), design.multiplier.name
        assert design.network.name == design.multiplier.name


@pytest.mark.parametrize("name", OURS)
def test_every_circuit_of_a_family_computes_its_table(name):
    """The whole range of all parameters."""
    designs = list(generate(find_sweep(name), {}))
    names = [design.multiplier.name for design in designs]
    assert len(set(names)) == len(names)
    check_circuits(designs)


@pytest.mark.parametrize("name", OURS)
def test_no_name_stands_for_another_built_in_table(name):
    for design in generate(find_sweep(name), {}):
        if design.multiplier.name in components.names():
            known = components.load(design.multiplier.name)
            assert known.content_hash == design.multiplier.content_hash


def test_ranges_and_encodings():
    sweep = find_sweep("broken-array")
    found = list(generate(sweep, {"horizontal": (1, 2), "vertical": (3, 5)}, [Encoding.SIGNED]))
    assert [design.multiplier.name for design in found] == [
        f"mul8s_bam_h{h}_v{v}" for h in (1, 2) for v in (3, 4, 5)
    ]
    assert len(list(generate(sweep, {"horizontal": (7, 7)}, [Encoding.UNSIGNED]))) == 15


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"vertikal": (0, 1)}, "vertikal"),
        ({"vertical": (0, 15)}, "vertical=0:15"),
        ({"vertical": (5, 3)}, "vertical=5:3"),
        ({"horizontal": (-1, 3)}, "horizontal=-1:3"),
    ],
)
def test_ranges_that_do_not_fit(ranges, words):
    with pytest.raises(ConfigError, match=words):
        list(generate(find_sweep("broken-array"), ranges))


def test_unknown_family_and_encoding():
    with pytest.raises(ConfigError) as caught:
        find_sweep("broken-aray")
    assert "broken-array" in caught.value.mend
    with pytest.raises(ConfigError, match="drum has no signed multipliers"):
        list(generate(find_sweep("drum"), {}, [Encoding.SIGNED]))


def test_of_equal_designs_the_smallest_stays():
    """Rows that the vertical cut leaves out anyway make no difference."""
    ranges = {"horizontal": (0, 3), "vertical": (10, 10)}
    found = list(generate(find_sweep("broken-array"), ranges, [Encoding.UNSIGNED]))
    assert len(found) == 4
    (only,) = distinct(found)
    assert only.size == min(design.size for design in found)


def test_the_front():
    designs = distinct(generate(find_sweep("broken-array"), {}))
    front = pareto_designs(designs)
    assert 10 < len(front) < len(designs)
    for encoding in Encoding:
        group = [design for design in designs if design.multiplier.encoding is encoding]
        kept = [design for design in front if design.multiplier.encoding is encoding]
        sizes = [design.size for design in kept]
        errors = [design.multiplier.statistics.mae for design in kept]
        assert sizes == sorted(sizes)
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] == 0
        for design in group:
            error = design.multiplier.statistics.mae
            assert any(k.size <= design.size and k.multiplier.statistics.mae <= error for k in kept)


@ARITHSGEN
@pytest.mark.parametrize("name", arithsgen_names())
def test_circuits_of_arithsgen(name):
    sweep = find_sweep(name)
    designs = list(
        generate(sweep, {p.name: (p.low, min(p.low + 4, p.high)) for p in sweep.parameters})
    )
    check_circuits(designs)
    if not sweep.parameters:
        assert len(designs) == 3
        assert all(design.multiplier.is_exact for design in designs)
    assert all("ArithsGen" in design.multiplier.source for design in designs)


@ARITHSGEN
def test_arithsgen_agrees_with_our_own_families():
    """Its truncated array drops low bits of both operands; its blocks M1 are Kulkarni's."""
    cut = {d.multiplier.name: d for d in generate(find_sweep("ariths-gen:truncated-array"), {})}
    for bits in (1, 2, 3, 4):
        ours = components.load(f"mul8u_trunc{bits}")
        assert cut[f"mul8u_ag_tm_c{bits}"].multiplier.content_hash == ours.content_hash


def test_arithsgen_that_is_not_there(monkeypatch):
    def missing(_name):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr("importlib.metadata.version", missing)
    with pytest.raises(ConfigError, match="ArithsGen is not installed") as caught:
        find_sweep("ariths-gen:dadda")
    assert caught.value.mend == "pip install ariths-gen"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{8,8,1,1,2,1,0}([10]2,3,2)(10)",
        "{16,16,1,1,2,1,0}([18]2,99,2)(18)",
        "{16,16,1,1,2,1,0}([18]2,3,8)(18)",
        "{16,16,1,1,2,1,0}([18]2,3,2)(19)",
    ],
)
def test_flat_circuits_that_are_none(text):
    with pytest.raises(LibraryError, match="odd: ArithsGen"):
        flat_network(text, "odd")


def test_flat_circuits():
    network = flat_network("{16,16,1,2,2,1,0}([18]2,10,2)([19]18,18,1)(0,1,18,19)", "small")
    table = multiplication_table(network, signed=False)
    a, w = np.arange(256)[:, None], np.arange(256)[None]
    assert np.array_equal(table, 2 + 4 * (a & w & 1) + 8 * (1 - (a & w & 1)))
