"""Verilog of multipliers: what it says, and what Icarus Verilog and yosys make of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.families import FAMILIES
from hawx_onnx.components.netlist import Gate, GateNetwork, Output, Port, multiplication_table
from hawx_onnx.components.netlist.decision_diagram import product_width, table_network
from hawx_onnx.components.netlist.network import PRIMITIVES
from hawx_onnx.components.netlist.testbench import Interface, bench_text, expected_text
from hawx_onnx.components.netlist.verilog import EXPRESSIONS, module_text
from hawx_onnx.components.realization import PREFIX, encodings
from hawx_onnx.components.rtl import Rtl, rtl
from hawx_onnx.components.stored import Provenance, StoredMultiplier
from hawx_onnx.errors import ComponentError, ConfigError


def save(found: Rtl, folder: Path) -> None:
    for name, text in found.files().items():
        (folder / name).write_text(text, encoding="ascii")


def simulate(folder: Path, top: str, *plus: str) -> subprocess.CompletedProcess[str]:
    """What the testbench of a module says; skips without Icarus Verilog."""
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed (apt-get install iverilog)")
    program = f"{top}.vvp"
    sources = (f"{top}.v", f"{top}_tb.v")
    subprocess.run(["iverilog", "-g2012", "-Wall", "-o", program, *sources], cwd=folder, check=True)
    return subprocess.run(
        ["vvp", "-n", program, *plus], cwd=folder, check=False, capture_output=True, text=True
    )


def one_of_each_family() -> list[str]:
    """The last circuit of each family under its last encoding, and the signed ones."""
    names = []
    for family in FAMILIES:
        last = family.definitions()[-1]
        names.append(PREFIX[encodings(last)[-1]] + last.stem)
    return [*names, "mul8u_exact", "mul8u_drum4", "mul8u_mitchell_t3", "mul8s_bam_h2_v5"]


@pytest.mark.parametrize("name", one_of_each_family())
def test_simulated_verilog_equals_the_table(name, tmp_path):
    found = rtl(components.load(name))
    save(found, tmp_path)
    done = simulate(tmp_path, name)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"PASS: {name}, 65536 products")


def test_testbenches_find_errors(tmp_path):
    found = rtl(components.load("mul8s_trunc4"))
    save(replace(found, design=found.design.replace(" & ", " | ", 1)), tmp_path)
    done = simulate(tmp_path, "mul8s_trunc4")
    assert done.returncode != 0
    assert re.search(r"^FAIL: mul8s_trunc4, \d+ of 65536 products are wrong$", done.stdout, re.M)
    assert len(re.findall(r" gives ", done.stdout)) == 10


def test_testbenches_fail_without_the_whole_expected_file(tmp_path):
    found = rtl(components.load("mul8s_trunc4"))
    save(found, tmp_path)
    whole = tmp_path / "mul8s_trunc4.hex"
    assert simulate(tmp_path, "mul8s_trunc4").returncode == 0
    moved = whole.rename(tmp_path / "elsewhere.hex")
    assert simulate(tmp_path, "mul8s_trunc4").returncode != 0
    assert simulate(tmp_path, "mul8s_trunc4", f"+expected={moved.name}").returncode == 0
    whole.write_text("\n".join(found.expected.splitlines()[:-1]))
    assert simulate(tmp_path, "mul8s_trunc4").returncode != 0


@pytest.mark.parametrize("name", ["mul8u_exact", "mul8s_bbm_v7", "mul8sm_etm"])
def test_yosys_finds_the_same_circuit(name, tmp_path):
    """Its own simulation of the elaborated module, on random pairs, and its checks."""
    if not shutil.which("yosys"):
        pytest.skip("yosys is not installed (apt-get install yosys)")
    multiplier, found = components.load(name), rtl(components.load(name))
    save(found, tmp_path)
    pairs = np.random.default_rng(3).integers(0, 256, (25, 2))
    evaluations = "\n".join(f"eval -set A {a} -set B {b} -show O" for a, b in pairs)
    script = f"read_verilog {name}.v\nhierarchy -check -top {name}\nproc\ncheck -assert\n"
    (tmp_path / "run.ys").write_text(script + evaluations)
    log = tmp_path / "log"
    subprocess.run(["yosys", "-q", "-l", log, "run.ys"], cwd=tmp_path, check=True)
    values = re.findall(r"\\O = 16'([01]+)", log.read_text())
    expected = [int(multiplier.table[a, w]) & 0xFFFF for a, w in pairs]
    assert [int(value, 2) for value in values] == expected


def test_a_module_tells_where_it_comes_from():
    multiplier = components.load("mul8sm_drum4")
    text = rtl(multiplier).design
    header = [line for line in text.splitlines() if line.startswith("// ")]
    for word in (
        multiplier.name,
        multiplier.description,
        multiplier.source,
        multiplier.content_hash,
        "sign_magnitude",
        "SPDX-License-Identifier: Apache-2.0",
    ):
        assert any(word in line for line in header), word
    assert text.isascii()
    assert "input signed [7:0] A" in text
    assert "input [7:0] A" in rtl(components.load("mul8u_drum4")).design
    spoilt = replace(multiplier, description="one\nendmodule\r\x0b\u2028two")
    assert rtl(spoilt).design.splitlines()[0] == f"// {multiplier.name}: one endmodule two"


def test_every_primitive_gate_has_its_expression(tmp_path):
    """All gates in one module, for all values of three inputs."""
    assert set(EXPRESSIONS) == set(PRIMITIVES)
    gates = []
    for kind in PRIMITIVES:
        count = {"BUF": 1, "NOT": 1, "MUX": 3}.get(kind, 2)
        gates.append(Gate(kind, tuple(range(2, 2 + count))))
    outputs = (Output("O", (*range(18, 18 + len(gates)), 0, 1)),)
    network = GateNetwork("all_gates", (Port("A", 8), Port("B", 8)), outputs, tuple(gates))
    table, width = multiplication_table(network, signed=False), len(gates) + 2
    interface = Interface("all_gates", width=width)
    bench = bench_text(interface, "all_gates")
    save(
        Rtl("all_gates", interface, module_text(network), bench, expected_text(table, width), ""),
        tmp_path,
    )
    assert simulate(tmp_path, "all_gates").returncode == 0


def test_what_verilog_cannot_say():
    def network(name="m", port="A", kind="NOT", functions=PRIMITIVES):
        gates = (Gate(kind, (2,)),)
        return GateNetwork(name, (Port(port, 1),), (Output("O", (3,)),), gates, functions)

    for name in ("module", "8bit", "a-b", "", "a b"):
        with pytest.raises(ComponentError, match="no Verilog identifier"):
            module_text(network(name=name))
        with pytest.raises(ComponentError, match="no Verilog identifier"):
            bench_text(Interface("top", product=name), "top")
    with pytest.raises(ComponentError, match="m: there is no Verilog for gates of kind INVX1"):
        module_text(network(kind="INVX1", functions={"INVX1": lambda a: ~a}))
    assert "input [0:0] n0" in (text := module_text(network(port="n0")))
    assert "wire n_0 = ~n0[0];" in text


def test_tables_without_a_circuit():
    mine = replace(components.load("mul8s_trunc3"), name="mine")
    with pytest.raises(ConfigError, match="nothing but a truth table") as caught:
        rtl(mine)
    assert "--from-table" in caught.value.mend
    assert "not its circuit" in rtl(mine, from_table=True).design
    # A name of ours on another table is not our circuit.
    other = replace(mine, name="mul8s_exact")
    with pytest.raises(ConfigError, match="nothing but a truth table"):
        rtl(other)


def test_verilog_of_tables_simulates(tmp_path):
    """Products below 0 of unsigned operands, and more than 16 bits."""
    table = np.add.outer(np.arange(256) * 300 - 5, np.arange(256) * -7)
    mine = replace(components.load("mul8u_exact"), name="mine", table=table.astype(np.int32))
    found = rtl(mine, from_table=True)
    assert found.interface.width == 18
    save(found, tmp_path)
    assert simulate(tmp_path, "mine").returncode == 0


@pytest.mark.parametrize(
    ("low", "high", "signed", "width"),
    [
        (0, 65535, False, 16),
        (0, 65536, False, 17),
        (-32768, 32767, True, 16),
        (-32769, 0, True, 17),
        (0, 32768, True, 17),
        (-(2**31), 2**31 - 1, True, 32),
    ],
)
def test_circuits_of_any_table(low, high, signed, width):
    rng = np.random.default_rng(width)
    table = rng.integers(low, high, (256, 256), endpoint=True).astype(np.int32)
    table[3, 5], table[6, 7] = low, high
    table[64:] = table[:64].repeat(3, axis=0)  # smaller diagrams
    assert product_width(table, signed) == width
    network = table_network(table, "random", signed=signed)
    found = multiplication_table(network, signed=signed)
    np.testing.assert_array_equal(found, table)


def test_yosys_imports_the_same_tables(yosys, tmp_path):
    """One of each family through the importer: its table comes from yosys's own elaboration."""
    names = one_of_each_family()
    for name in names:
        save(rtl(components.load(name)), tmp_path)
    for path in (*tmp_path.glob("*_tb.v"), *tmp_path.glob("*.hex")):
        path.unlink()
    found = components.import_path(str(tmp_path))
    assert not found.failures
    assert {multiplier.name for multiplier in found.multipliers} == set(names)
    for multiplier in found.multipliers:
        assert multiplier.content_hash == components.load(multiplier.name).content_hash


def held(text: str, **provenance) -> StoredMultiplier:
    core = components.load("mul8u_trunc3")
    return StoredMultiplier(
        "mine",
        core.encoding,
        core.table,
        None,
        "",
        "",
        provenance=Provenance(**provenance),
        verilog=text,
    )


def test_verilog_that_a_library_holds(tmp_path):
    """Other ports, the weight first, and files named after the multiplier."""
    text = """module odd(input [7:0] w, input [7:0] x, output [15:0] y);
      assign y = {x[7:3], 3'b0} * {w[7:3], 3'b0};
    endmodule"""
    found = rtl(held(text, top="odd", ports=("x", "w", "y")))
    assert (found.design, found.origin) == (text, "library")
    save(found, tmp_path)
    assert simulate(tmp_path, "mine").stdout.startswith("PASS: mine")
    with pytest.raises(ConfigError, match="top module and ports"):
        rtl(held(text))


def test_unsigned_cores_get_sign_logic(tmp_path):
    """A core that spoils zero shows that the product is gated."""
    core = components.load("mul8u_etm")
    text = rtl(core).design
    provenance = Provenance(top="mul8u_etm", ports=("A", "B", "O"), core=True)
    wrapped = components.load("mul8sm_etm")
    mine = StoredMultiplier(
        "mine", wrapped.encoding, wrapped.table, None, "", "", provenance=provenance, verilog=text
    )
    save(rtl(mine), tmp_path)
    done = simulate(tmp_path, "mine")
    assert done.returncode == 0, done.stdout
