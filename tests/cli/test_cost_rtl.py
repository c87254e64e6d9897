"""``cost --emit-rtl``: real tiles, simulated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx import components
from hawx_onnx.components.library_files import write_library
from hawx_onnx.components.stored import stored

CONV1 = ["mul8s_trunc2", "mul8sm_mitchell", "mul8s_trunc3", "mul8s_exact", "mul8s_exact"]
CONV1 += ["mul8s_trunc1"]


@pytest.fixture(scope="module")
def passes() -> Callable[[dict[str, Any]], int]:
    """Runs the commands that a document tells; returns how many accumulators passed."""
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")

    def run(written: dict[str, Any]) -> int:
        for command in (written["compile"], written["run"]):
            done = subprocess.run(
                command.split(),
                cwd=written["folder"],
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return int(re.match(r"PASS: (\d+) accumulators", done.stdout)[1])

    return run


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


FLAGS = {
    "temporal": (),
    "weight-stationary": ("--dataflow", "weight-stationary", "--rows", "3", "--columns", "5"),
    "spatial": ("--target", "spatial", "--pe", "3"),
}


@pytest.mark.parametrize("flags", FLAGS)
def test_mixtures_over_channels_pass(
    cli: Callable, lenet: Path, tmp_path: Path, passes: Callable, flags: str
) -> None:
    given = write(tmp_path / "a.json", {"conv1": CONV1, "fc3": "mul8s_trunc2"})
    done = cli(
        "cost",
        lenet,
        "--assignment",
        given,
        "--emit-rtl",
        tmp_path / "rtl",
        "--json",
        *FLAGS[flags],
    )
    written = done.check().json["rtl"]
    assert written["layer"] == "conv1"
    assert set(written["multipliers"]) == set(CONV1)
    assert passes(written) == written["accumulators"] > 20


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("mul8sm_drum4", "conv2"),
        ("mul8s_trunc4", "fc3"),
        ("mul8u_drum4", "conv2"),
        ("mul8u_bam_h1_v4", "conv1"),
    ],
)
def test_several_multipliers_and_layers_pass(
    cli: Callable, lenet: Path, tmp_path: Path, passes: Callable, name: str, layer: str
) -> None:
    given = write(tmp_path / "a.json", {layer: name})
    done = cli(
        "cost",
        lenet,
        "--assignment",
        given,
        "--emit-rtl",
        tmp_path / "rtl",
        "--layer",
        layer,
        "--json",
    )
    written = done.check().json["rtl"]
    assert name in written["multipliers"]
    assert passes(written) == written["accumulators"]


def test_rewritten_models_and_given_data_pass(
    cli: Callable, models: dict, small_data: Path, tmp_path: Path, passes: Callable
) -> None:
    names = cli("cost", models["batch of seven"], "--json").check().json["layers"]
    given = write(tmp_path / "a.json", {names[0]["name"]: "mul8s_trunc3"})
    out = tmp_path / "m.onnx"
    flags = ("--data", small_data)
    cli("apply", models["batch of seven"], "--assignment", given, "-o", out, *flags).check()
    for model, more in ((out, ()), (models["batch of seven"], ("--assignment", given))):
        done = cli("cost", model, *more, "--emit-rtl", tmp_path / "rtl", *flags, "--json").check()
        written = done.json["rtl"]
        assert written["multipliers"] == ["mul8s_exact", "mul8s_trunc3"]
        assert passes(written) == written["accumulators"]
    # The same codes reach the layer on both ways.
    files = {path.name: path.read_bytes() for path in (tmp_path / "rtl").glob("*.hex")}
    cli("cost", out, "--emit-rtl", tmp_path / "again", *flags).check()
    assert {p.name: p.read_bytes() for p in (tmp_path / "again").glob("*.hex")} == files


def test_text_names_what_was_written(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    done = cli("cost", lenet, "--emit-rtl", tmp_path / "rtl", "--rows", "2").check()
    assert "2 x 4 output-stationary systolic array" in done.out.splitlines()[-1]
    assert str(tmp_path / "rtl") in done.out.splitlines()[-1]
    readme = (tmp_path / "rtl" / "README.txt").read_text()
    assert "iverilog -g2012" in readme
    assert "first calibration sample of digits" in readme


def target(path: Path, **keys: object) -> Path:
    lines = (f"{key}: {value}" for key, value in keys.items())
    path.write_text("\n".join([*lines, "frequency_mhz: 100", ""]), encoding="utf-8")
    return path


def test_partitioned_arrays_are_made_up_as_costed(
    cli: Callable, lenet: Path, tmp_path: Path, passes: Callable
) -> None:
    part = target(tmp_path / "t.yaml", kind="temporal", rows=2, cols=7, heterogeneity="partitioned")
    given = write(tmp_path / "a.json", {"conv1": CONV1, "conv2": "mul8s_trunc3"})
    words = ("cost", lenet, "--assignment", given, "--target", part, "--emit-rtl", tmp_path / "rtl")
    found = cli(*words, "--json").check().json
    written = found["rtl"]
    assert passes(written) == written["accumulators"]
    design = (tmp_path / "rtl" / "hawx_accelerator.v").read_text()
    (types,) = re.findall(r"TYPES\(\{(.*)\}\)", design)
    numbers = [int(number) for number in re.findall(r"'d(\d+)", types)]
    columns = {name: numbers.count(i) for i, name in enumerate(written["multipliers"])}
    assert columns == {name: use["multipliers"] // 2 for name, use in found["types"].items()}
    assert min(columns.values()) >= 1
    few = (*words, "--columns", "4")
    cli(*few).refused(2, "5 multiplier types", "4 columns")


def test_small_targets_are_emitted_whole(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    small = target(tmp_path / "t.yaml", kind="temporal", rows=5, cols=7, accumulator_bits=40)
    done = cli("cost", lenet, "--target", small, "--emit-rtl", tmp_path / "rtl", "--json").check()
    assert done.json["rtl"]["accelerator"].startswith("5 x 7 output-stationary")
    assert ".ACCUMULATOR_BITS(40)" in (tmp_path / "rtl" / "hawx_accelerator.v").read_text()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--dataflow", "input-stationary"), ("--emit-rtl", "input-stationary", "--dataflow")),
        (("--layer", "conv9"), ("--layer", "'conv9'", "conv1")),
        (("--pe", "2"), ("--pe", "temporal")),
        (("--rows", "0"), ("--rows", "0", "256")),
        (("--target", "temporal-softgpu"), ("--emit-rtl", "soft-gpu", "spatial")),
        (("--target", "spatial", "--columns", "2"), ("--columns", "spatial")),
        (("--target", "spatial", "--simd", "3"), ("--simd", "25 products", "1, 5, 25")),
        (("--target", "spatial", "--pe", "4"), ("--pe", "6 filters", "1, 2, 3, 6")),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_what_cannot_be_written(
    cli: Callable, lenet: Path, tmp_path: Path, flags: tuple, words: tuple
) -> None:
    cli("cost", lenet, "--emit-rtl", tmp_path / "rtl", *flags).refused(2, *words)
    assert not list(tmp_path.iterdir())


def test_narrow_accumulators_are_refused(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    narrow = target(tmp_path / "t.yaml", kind="temporal", rows=4, cols=4, accumulator_bits=24)
    done = cli("cost", lenet, "--target", narrow, "--emit-rtl", tmp_path / "rtl")
    done.refused(2, "accumulator_bits", "24", "32")


def test_flags_without_emit_rtl_are_refused(cli: Callable, lenet: Path) -> None:
    for flags in (("--layer", "conv1"), ("--simd", "2"), ("--from-table",)):
        cli("cost", lenet, *flags).refused(2, "--emit-rtl")


def test_tables_need_a_word(cli: Callable, lenet: Path, tmp_path: Path, passes: Callable) -> None:
    known = components.load("mul8s_trunc4")
    table = known.table.copy()
    table[0, 0] = 9  # so that it is nobody's circuit
    mine = replace(stored(known), name="mine", table=table)
    write_library([mine], tmp_path / "lib")
    given = write(tmp_path / "a.json", {"conv2": "mine"})
    words = ("cost", lenet, "--assignment", given, "--library", tmp_path / "lib")
    words += ("--layer", "conv2", "--emit-rtl", tmp_path / "rtl")
    cli(*words).refused(2, "mine", "nothing but a truth table", "--from-table")
    assert not (tmp_path / "rtl").exists()
    written = cli(*words, "--from-table", "--json").check().json["rtl"]
    assert passes(written) == written["accumulators"]
