"""``hawx-onnx library generate``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hawx_onnx import components


def test_a_sweep_becomes_a_library(cli: Callable, tmp_path: Path) -> None:
    library = tmp_path / "arrays"
    command = ("library", "generate", "--family", "broken-array", "--encoding", "signed")
    ranges = ("--range", "horizontal=0:2", "--range", "vertical=0:6")
    done = cli(*command, *ranges, "-o", library, "--json").check().json
    assert done["made"] == 21
    found = {m.name: m for m in components.load_library(library)}
    assert set(found) == {row["name"] for row in done["multipliers"]}
    known = components.load("mul8s_bam_h2_v5")
    assert found["mul8s_bam_h2_v5"].content_hash == known.content_hash
    assert found["mul8s_bam_h2_v5"].provenance.top == "mul8s_bam_h2_v5"
    listed = cli("library", "list", "--library", library, "--json").check().json["multipliers"]
    assert set(found) <= {row["name"] for row in listed}


def test_front_and_additions(cli: Callable, tmp_path: Path) -> None:
    library = tmp_path / "mixed"
    command = ("library", "generate", "-o", library, "--encoding", "unsigned", "--pareto", "--json")
    first = cli(*command, "--family", "truncation").check().json["multipliers"]
    sizes = [row["gate_equivalents"] for row in first]
    assert sizes == sorted(sizes)
    second = cli(*command, "--family", "drum", "--range", "bits=4").check().json["multipliers"]
    assert [row["name"] for row in second] == ["mul8u_drum4"]
    again = cli(*command, "--family", "drum", "--range", "bits=4").check().json["multipliers"]
    assert again == second
    assert len(components.load_library(library)) == len(first) + 1


def test_generated_verilog_simulates(cli: Callable, tmp_path: Path) -> None:
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed (apt-get install iverilog)")
    library, rtl = tmp_path / "logarithms", tmp_path / "rtl"
    ranges = ("--range", "bits=5", "--encoding", "sign_magnitude")
    cli("library", "generate", "--family", "logarithm", *ranges, "-o", library).check()
    cli("library", "export", "mul8sm_*t5", "--library", library, "--rtl", rtl).check()
    name = "mul8sm_mitchell_t5"
    sources = [f"{name}.v", f"{name}_tb.v"]
    subprocess.run(["iverilog", "-g2012", "-o", "sim", *sources], cwd=rtl, check=True)
    done = subprocess.run(["vvp", "-n", "sim"], cwd=rtl, capture_output=True, text=True)
    assert (done.returncode, done.stdout[:4]) == (0, "PASS")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--family", "broken-aray"), "broken-array"),
        (("--family", "drum", "--range", "bits"), "NAME=LO:HI"),
        (("--family", "drum", "--range", "bits=9"), "3 to 7"),
        (("--family", "drum", "--range", "bits=4", "--range", "bits=5"), "two ranges"),
        (("--family", "drum", "--range", "bit=4"), "bits"),
        (("--family", "drum", "--encoding", "signed"), "no signed multipliers"),
    ],
)
def test_bad_input(cli: Callable, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    cli("library", "generate", *words, "-o", tmp_path / "new").refused(2, told)
    assert not (tmp_path / "new").exists()


def test_a_name_of_another_table_is_kept(cli: Callable, tmp_path: Path) -> None:
    library = tmp_path / "mine"
    other = components.load("mul8u_trunc3")
    components.write_library(
        [components.Multiplier("mul8u_drum4", other.encoding, other.table, None, "", "")], library
    )
    command = ("library", "generate", "--family", "drum", "--encoding", "unsigned")
    cli(*command, "-o", library).refused(2, "mul8u_drum4", "another library")
