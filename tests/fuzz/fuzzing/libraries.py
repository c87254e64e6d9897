"""Libraries of multipliers, indices of EvoApproxLib and Liberty files, damaged."""

from __future__ import annotations

import dataclasses
import functools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fuzzing.multipliers import imported
from fuzzing.strategies import (
    Draw,
    Files,
    alone,
    damaged_bytes,
    damaged_documents,
    json_text,
    toml_text,
)
from hawx_onnx import components
from hawx_onnx.components.library_files import write_library
from hawx_onnx.components.operand_power import component_energy
from hawx_onnx.components.stored import stored
from hawx_onnx.components.synthesis import shipped, technology
from hawx_onnx.components.synthesis.liberty import read_liberty

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAMES = ("mul8s_trunc2", "mul8u_drum4")


@functools.cache
def _library() -> dict[str, bytes]:
    """The files of a library of two multipliers with netlists, Verilog and a technology."""
    around = shipped.technology_costs(shipped.technologies()[0])
    exact = {k: dataclasses.replace(cost, technology="mine") for k, cost in around.exact.items()}
    around = dataclasses.replace(around, technology="mine", exact=exact)
    found = []
    for one in map(components.load, _NAMES):
        assert one.cost is not None
        cost = dataclasses.replace(one.cost, technology="mine", periphery=around)
        kept = stored(dataclasses.replace(one, cost=cost))
        found.append(dataclasses.replace(kept, verilog="module m; endmodule\n"))
    with tempfile.TemporaryDirectory() as folder:
        write_library(found, folder)
        files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        return {f"lib/{path.relative_to(folder)}": path.read_bytes() for path in files}


@functools.cache
def _index() -> tuple[dict[str, Any], bytes]:
    """The index: as a tree without all but a few of the adders, and as text."""
    text = _library()["lib/library.toml"]
    tree = tomllib.loads(text.decode())
    (around,) = tree["technology"]
    around["adders"] = around["adders"][:3]
    around.pop("accumulate_fj", None)
    return tree, toml_text(tree).encode()


_META = {
    "dataset": [
        {
            "folder": "8x8_signed/pareto",
            "licence": "MIT",
            "instances": [
                {
                    "name": "mul8s_A",
                    "files": [{"file": "mul8s_A.v", "type": "Verilog"}, {"file": "mul8s_A.c"}],
                    "params": {"PWR": 0.4, "AREA": 700.1, "WCE%": 0.1, "DELAY": "1.5"},
                }
            ],
        }
    ]
}


@st.composite
def library_files(draw: Draw) -> Files:
    """A library with its index or another file damaged; at times the index of EvoApproxLib."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        texts = [json_text(_META).encode()]
        return {"lib/meta.json": draw(damaged_documents([_META], texts, json_text))}
    files = dict(_library())
    if kind < 3:
        name = draw(st.sampled_from(sorted(files)))
        return {**files, name: draw(damaged_bytes([files[name]]))}
    tree, text = _index()
    return {**files, "lib/library.toml": draw(damaged_documents([tree], [text], toml_text))}


def read_library(folder: Path) -> None:
    """Loads it, and reads all that multipliers read when they are used."""
    path = folder / "lib"
    if (path / "meta.json").exists():
        imported(path)
        return
    uniform = np.ones(256)
    for one in components.load_library(path):
        one.table.sum()
        component_energy(one, uniform, uniform)
        assert isinstance(one, components.StoredMultiplier)
        one.read_verilog()


_SNIPPETS = (
    b"cell (x) { area : 1; pin (A) { direction : input; capacitance : 1e400; } }",
    b'function : "((((((((A))))))))";',
    b'function : "' + b"(" * 3000 + b'";',
    b'function : "A ^ ! B & (A | 0)\'";',
    b"g (a) { " * 2000,
    b'values ("1, 2", "3");',
    b'index_1 ("0, 0, 0");',
    b'index_1 ("2, 1, nan");',
    b'lu_table_template (t) { variable_1 : x; index_1 ("1"); }',
    b"/* ",
    b'"',
    b"\\",
    b'time_unit : "1e308ns";',
    b'capacitive_load_unit ("-1", pf);',
    b"nom_voltage : nan;",
    b"nom_voltage : 1e-320;",
    b'related_pin : "A B C D";',
)


@functools.cache
def _liberty() -> bytes:
    """Our library of cells: an inverter, a gate, a multiplexer and a flip-flop of it."""
    head, *cells = technology.GENERIC.read_text(encoding="utf-8").split("\n  cell ")
    kept = [cell for cell in cells if cell.startswith(("(INVX1)", "(NAND2)", "(MUX2)", "(DFF)"))]
    return "\n  cell ".join([head, *kept]).encode()


def liberty_files() -> st.SearchStrategy[Files]:
    """A Liberty file."""
    return alone("cells.lib", damaged_bytes([_liberty()], _SNIPPETS))


def read_cells(folder: Path) -> None:
    """Reads it, and what synthesis takes of it."""
    library = read_liberty(folder / "cells.lib")
    technology.technology_name(library, "unit-delay")
    for cell in library.cells.values():
        cell.energy_of_change(library.input_slew_ns, library.output_load_ff)
        for arc in cell.arcs:
            arc.delay[0](library.input_slew_ns, library.output_load_ff)
    assert library.functions is not None
