"""Verilog in the styles of libraries, and Verilog that is no multiplier."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.importers import ImportOptions, import_path
from hawx_onnx.components.tables import Encoding, exact_table, sign_magnitude
from hawx_onnx.errors import ComponentError, ConfigError, LibraryError

pytestmark = pytest.mark.usefixtures("yosys")
STYLES = ("assign", "declared", "instances", "primitives")
HEAD = "module bad(input [7:0] A, input [7:0] B, output [15:0] O);\n"


def imported(path: Path, **options: object):
    found = import_path(path, ImportOptions(**options), jobs=1)
    assert not found.failures, found.failures
    (multiplier,) = found.multipliers
    return multiplier


def failure(path: Path, text: str, **options: object):
    path.write_text(text)
    found = import_path(path, ImportOptions(**options), jobs=1)
    assert not found.multipliers
    (failed,) = found.failures
    return failed


@pytest.mark.parametrize(
    ("style", "signed", "order"),
    list(itertools.product(STYLES, (False, True), (("A", "B"), ("B", "A")))),
)
def test_styles_of_libraries_give_the_right_table(tmp_path, netlists, style, signed, order):
    """Ports called A and B are taken by name, whichever the head lists first."""
    name = f"mul8{'s' if signed else 'u'}_X1"
    path = tmp_path / f"{name}.v"
    path.write_text(netlists.verilog(name, 2, 4, signed=signed, style=style, order=order))
    multiplier = imported(path)
    assert multiplier.encoding is (Encoding.SIGNED if signed else Encoding.UNSIGNED)
    expected = netlists.table(2, 4, signed=signed)
    assert (expected != expected.T).any()
    np.testing.assert_array_equal(multiplier.table, expected)


@pytest.mark.parametrize("signed", [False, True])
def test_a_complete_array_is_exact(tmp_path, netlists, signed):
    path = tmp_path / "full.v"
    path.write_text(netlists.verilog("full", signed=signed, style="instances"))
    multiplier = imported(path)
    assert multiplier.is_exact
    (note,) = multiplier.provenance.notes
    assert multiplier.encoding.value in note


def test_what_the_file_says_is_kept(tmp_path, netlists):
    path = tmp_path / "mul8u_X.v"
    path.write_text(netlists.verilog("mul8u_X", 1, 3))
    found = imported(path)
    assert found.published["mse"] == 7282910.2
    assert found.published["pdk45_power_mw"] == 0.237
    assert found.published["mae_percent"] == 0.34
    assert "MIT License" in found.provenance.licence
    assert found.source.startswith("A. Author")
    assert found.provenance.flow.startswith("yosys 0.")
    assert found.provenance.ports == ("A", "B", "O")
    assert len(found.provenance.source_sha256) == 64
    assert found.read_verilog() == path.read_text()
    assert found.cost is None


def test_ports_top_and_encoding_by_option(tmp_path):
    path = tmp_path / "two.v"
    path.write_text(
        "module one(input [7:0] x, input [7:0] y, output [15:0] z);\n assign z = x * y - y;\n"
        "endmodule\nmodule two(input [7:0] x, input [7:0] y, output [15:0] z);\n"
        " assign z = x * (y & 8'hfe);\nendmodule\n"
    )
    codes = np.arange(256)
    found = imported(path)
    np.testing.assert_array_equal(found.table, np.multiply.outer(codes, codes & 0xFE))
    assert "x (activation), y (weight)" in found.provenance.notes[0]
    swapped = imported(path, ports=("y", "x", "z"))
    np.testing.assert_array_equal(swapped.table, found.table.T)
    one = imported(path, top="one", encoding=Encoding.UNSIGNED)
    np.testing.assert_array_equal(one.table, (np.multiply.outer(codes - 1, codes)) & 0xFFFF)
    wrapped = imported(path, encoding=Encoding.SIGN_MAGNITUDE)
    np.testing.assert_array_equal(wrapped.table, sign_magnitude(found.table))
    assert wrapped.provenance.core
    failed = failure(path, path.read_text().replace("module two", "module other"))
    assert "one, other" in failed.what and "--top" in failed.mend
    assert "did you mean one" in failure(path, path.read_text(), top="onne").mend
    assert "no output y" in failure(path, path.read_text(), top="one", ports=("x", "y", "y")).what


def test_operands_declared_signed(tmp_path):
    path = tmp_path / "signed.v"
    path.write_text(
        "module m(input signed [7:0] A, B, output signed [15:0] O); assign O = A * B; endmodule"
    )
    found = imported(path)
    assert found.encoding is Encoding.SIGNED
    np.testing.assert_array_equal(found.table, exact_table(Encoding.SIGNED))


def test_wrong_options_are_told():
    for ports in ("A,B", "A,B,B", "A,,O"):
        with pytest.raises(ConfigError, match="three ports"):
            ImportOptions.of(None, ports, None)
    with pytest.raises(ConfigError, match="no encoding"):
        ImportOptions.of(None, None, "sign")


BAD = {
    "latch": ("reg [15:0] r;\nassign O = r;\nalways @*\n if (A[0]) r = B;", 4, "latch", "O["),
    "clock": ("reg [15:0] r;\nassign O = r;\nalways @(posedge A[0]) r <= B;", 4, "flip-flop", "O["),
    "undriven": ("assign O[14:0] = A * B;", None, "output O[15] is undriven", ""),
    "undriven wire": ("wire w;\nassign O = A ^ w;", None, "nothing drives w", "O[0]"),
    "loop": ("wire w;\nassign w = w & A[0];\nassign O = {A, w};", 3, "loop through w", ""),
    "two drivers": ("assign O = A * B;\nand g(O[0], A[0], B[0]);", 3, "driven more", "O[0]"),
    "shorted inputs": ("assign O = A * B;\nassign A[0] = B[0];", None, "driven more", "B[0]"),
    "undefined": ("assign O = {A * B} | (A[0] ? 16'b0 : 16'bx);", None, "undefined", "O[0]"),
    "tri-state": ("assign O = 16'bz;", None, "undefined value", "O[0]"),
    "syntax": ("\nassign O = A & ;", 3, "syntax error", "';'"),
    "unknown module": ("AND2X1 g(A[0], B[0], O[0]);", None, "AND2X1", "not part"),
    "include": ('`include "other.v"', 2, "includes another", ""),
    "file": ('reg [7:0] m [0:255];\ninitial $readmemh("x.hex", m);', 3, "$readmemh", "refused"),
    "display": ("initial $display(A);", 2, "$display", "refused"),
    "foreign code": ('import "DPI-C" function int f();', 2, "imports are refused", ""),
    "pasted": ("`define J(a, b) a``b\nassign O = A;", 2, "loose `", ""),
}


@pytest.mark.parametrize(("body", "line", "what", "more"), BAD.values(), ids=BAD)
def test_circuits_that_are_no_multipliers(tmp_path, body, line, what, more):
    path = tmp_path / "bad.v"
    failed = failure(path, f"{HEAD}{body}\nendmodule\n")
    assert what in failed.what
    assert more in failed.what
    assert failed.where == (f"{path}:{line}" if line else str(path))
    assert failed.mend


@pytest.mark.parametrize(
    ("head", "what"),
    [
        ("(input [7:0] A, input [6:0] B, output [15:0] O)", "port B has 7 bits"),
        ("(input [7:0] A, input [7:0] B, output [14:0] O)", "port O has 15 bits"),
        ("(input clk, input [7:0] A, input [7:0] B, output [15:0] O)", "3 inputs and 1 outputs"),
        ("(inout [7:0] A, input [7:0] B, output [15:0] O)", "port A is inout"),
    ],
)
def test_wrong_ports(tmp_path, head, what):
    failed = failure(tmp_path / "bad.v", f"module bad{head};\nassign O = A * B;\nendmodule\n")
    assert what in failed.what


def test_undefined_bits_that_reach_no_output_are_fine(tmp_path):
    path = tmp_path / "full.v"
    cases = " ".join(f"{n}: r = {n} * B;" for n in range(4))
    path.write_text(
        "module full(input [7:0] A, input [7:0] B, output [15:0] O);\nreg [15:0] r;\n"
        f"always @* case (A[1:0]) {cases} default: r = 16'bx; endcase\nassign O = r;\nendmodule\n"
    )
    codes = np.arange(256)
    np.testing.assert_array_equal(imported(path).table, np.multiply.outer(codes & 3, codes))


def test_files_that_are_no_verilog(tmp_path):
    assert "no module" in failure(tmp_path / "x.v", "// nothing\n").what
    assert "null" in failure(tmp_path / "x.v", "module x;\0 endmodule").what
    assert "no name" in failure(tmp_path / "a b.v", "module x; endmodule").what


def test_results_are_cached_by_content(tmp_path, netlists, monkeypatch):
    from hawx_onnx.components.importers import verilog

    monkeypatch.setenv("HAWX_ONNX_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "m.v"
    path.write_text(netlists.verilog("m", 0, 6))
    first = imported(path)
    monkeypatch.setattr(verilog, "elaborate", None)
    assert imported(path).content_hash == first.content_hash
    for entry in (tmp_path / "cache").rglob("*.json"):
        entry.write_text("{")
    assert "not callable" in failure(path, path.read_text()).what
    monkeypatch.setenv("HAWX_ONNX_CACHE", "")
    assert "not callable" in failure(path, path.read_text()).what


def test_without_yosys_the_error_says_how_to_get_one(tmp_path, netlists, monkeypatch):
    (tmp_path / "m.v").write_text(netlists.verilog("m"))
    monkeypatch.setenv("HAWX_ONNX_YOSYS", str(tmp_path / "none"))
    with pytest.raises(LibraryError, match="synth"):
        import_path(tmp_path / "m.v")


def test_a_folder_of_verilog_is_a_library(tmp_path, netlists, caplog):
    (tmp_path / "mul8u_a.v").write_text(netlists.verilog("mul8u_a", 1))
    (tmp_path / "bad.v").write_text("module bad; endmodule")
    (found,) = components.load_library(tmp_path)
    assert found.name == "mul8u_a"
    assert "bad.v" in caplog.text
    (tmp_path / "mul8u_a.v").unlink()
    with pytest.raises(ComponentError, match="0 inputs"):
        components.load_library(tmp_path)
