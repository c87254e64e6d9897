"""Liberty files: syntax, units, tables, functions of cells."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components.netlist.network import PRIMITIVES
from hawx_onnx.components.netlist.simulation import pack
from hawx_onnx.components.synthesis.cell_functions import compile_function
from hawx_onnx.components.synthesis.generic_cells import generic_liberty
from hawx_onnx.components.synthesis.liberty import read_liberty
from hawx_onnx.components.synthesis.technology import GENERIC, cell_library, technology_name
from hawx_onnx.components.synthesis.truth_functions import function_of, mask_of
from hawx_onnx.errors import LibraryError

SMALL = """/* units other than usual */
library (small) {
  time_unit : "1ps"; leakage_power_unit : "1uW"; voltage_unit : "1V"; nom_voltage : 1.2
  capacitive_load_unit (1, ff);
  lu_table_template (grid) {
    variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;
    index_1 ("0, 10"); index_2 ("0, 100");
  }
  cell (NAND) {
    area : 2.5;
    leakage_power () { when : "A"; value : 1; }
    leakage_power () { when : "!A"; value : 3; }
    pin (A, B) { direction : input; capacitance : 2; }
    pin (Y) {
      direction : output; function : "(A B)'";
      timing () { related_pin : "A B"; timing_sense : negative_unate;
        cell_rise (grid) { values ("10, 20", \\
                                   "30, 40"); }
        cell_fall (grid) { values ("10, 20", "30, 40"); }
        rise_transition (grid) { values ("1, 1", "5, 5"); }
        fall_transition (scalar) { values ("7"); }
      }
      internal_power () {
        rise_power (scalar) { values ("4"); } fall_power (scalar) { values ("6"); }
      }
    }
  }
}
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.lib"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_units_and_tables(small):
    library = read_liberty(small)
    cell = library.cells["NAND"]
    assert (library.name, library.voltage) == ("small", 1.2)
    assert (cell.area_um2, cell.leakage_nw) == (2.5, 2000.0)
    assert cell.inputs == {"A": 2.0, "B": 2.0}
    assert [arc.pin for arc in cell.arcs] == ["A", "B"]
    delay = cell.arcs[0].delay[0]
    # Loads run along the first axis of the file, transitions along the second; ps become ns.
    assert delay(0.0, 0.0) == pytest.approx(0.010)
    assert delay(0.1, 0.0) == pytest.approx(0.020)
    assert delay(0.05, 5.0) == pytest.approx(0.025)
    assert delay(0.2, 20.0) == pytest.approx(0.070)
    assert cell.arcs[0].transition[1](0.3, 50.0) == pytest.approx(0.007)
    assert cell.energy_of_change(0.0, 0.0) == 5.0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nom_voltage : 1.2", "", "nom_voltage"),
        ('"1ps"', '"1 fortnight"', "fortnight"),
        ('index_1 ("0, 10")', 'index_1 ("10, 0")', "cell NAND: the axis"),
        ('"10, 20", "30, 40"', '"10, 20", "30"', "3 values for 4 points"),
        ("area : 2.5", "area : big", "big"),
        ("total_output_net_capacitance", "temperature", "temperature"),
        ("pin (Y) {", "pin (Y) { @", r"small.lib:15: \( is expected, not 'direction'"),
        ('"4"); } fall', '"4"); fall', "small.lib:2[0-9]: .* expected"),
    ],
)
def test_what_is_wrong_is_named(small, old, new, words):
    assert old in SMALL
    small.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LibraryError, match=words) as error:
        read_liberty(small)
    assert "small.lib" in error.value.where


def test_no_file_and_no_library(tmp_path):
    with pytest.raises(LibraryError, match="cannot be read"):
        read_liberty(tmp_path / "none.lib")
    path = tmp_path / "empty.lib"
    path.write_text("", encoding="utf-8")
    with pytest.raises(LibraryError):
        read_liberty(path)
    path.write_text("cell (A) { }", encoding="utf-8")
    with pytest.raises(LibraryError, match="no library"):
        read_liberty(path)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("!(A B)", lambda a, b, c: ~(a & b)),
        ("(A B)'", lambda a, b, c: ~(a & b)),
        ("A ^ B & C", lambda a, b, c: (a ^ b) & c),
        ("A + B * C", lambda a, b, c: a | (b & c)),
        ("A | !B' C", lambda a, b, c: a | (b & c)),
        ("(((A B)+(B C))+(C A))", lambda a, b, c: (a & b) | (b & c) | (c & a)),
        ("1", lambda a, b, c: ~(a ^ a)),
        ("0", lambda a, b, c: a ^ a),
    ],
)
def test_functions_of_cells(text, python):
    words = pack(np.arange(64) % 8, 3)
    found = compile_function(text, ("A", "B", "C"), "cell")(*words)
    assert (found == python(*words)).all()


@pytest.mark.parametrize("text", ["A +", "(A", "A)", "D", "A ; B", "", "!"])
def test_functions_that_are_none(text):
    with pytest.raises(LibraryError, match="no function"):
        compile_function(text, ("A", "B", "C"), "cell")


@pytest.mark.parametrize("kind", sorted(PRIMITIVES))
def test_truth_tables_of_primitives(kind):
    arity = {"BUF": 1, "NOT": 1, "MUX": 3}.get(kind, 2)
    words = pack(np.arange(64) % (1 << arity), arity)
    again = function_of(mask_of(PRIMITIVES[kind], arity), arity)
    assert (again(*words) == PRIMITIVES[kind](*words)).all()


def test_truth_tables_of_three_inputs():
    words = pack(np.arange(64) % 8, 3)
    for mask in range(256):
        assert int(function_of(mask, 3)(*words)[0]) & 255 == mask


def test_the_generic_library_is_what_its_rules_give():
    assert GENERIC.read_text(encoding="utf-8") == generic_liberty()
    library = cell_library(GENERIC)
    nand = library.cells["NAND2"]
    assert nand.area_um2 == 1.0
    # A fan-out of 4 inverters: tau (1 + 4) and a tenth of the transition.
    assert library.cells["INVX1"].arcs[0].delay[0](0.0, 4.0) == pytest.approx(0.020)
    assert nand.energy_of_change(0.0, 0.0) == 1.0
    assert library.flip_flop is not None
    assert technology_name(library, "unit-delay").startswith("generic-1V-unit-delay-flow")


def test_a_library_that_is_not_known_goes_by_its_hash(small):
    name = technology_name(read_liberty(small), "zero-delay")
    assert name.startswith("small-")
    small.write_text(SMALL.replace("area : 2.5", "area : 2.6"), encoding="utf-8")
    assert technology_name(read_liberty(small), "zero-delay") != name
