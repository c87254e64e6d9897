"""Arrays and engines in Verilog, simulated on random tiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx.hardware.rtl import (
    ArrayRtl,
    EngineRtl,
    LayerOperands,
    MultiplierModule,
    MultiplierSet,
)

DATAFLOWS = ("output-stationary", "weight-stationary")
MIXTURES = {
    "one signed": ("exact",),
    "not 0 at 0": ("offset",),
    "three signed": ("exact", "offset", "coarse"),
    "two unsigned": ("unsigned", "below"),
}


@pytest.fixture
def array(modules: dict[str, MultiplierModule]) -> Callable[..., ArrayRtl]:
    """Makes arrays of 3 x 4 elements, or of other sizes."""

    def make(
        operands: LayerOperands,
        dataflow: str = DATAFLOWS[0],
        *,
        multi_mode: bool = False,
        **sizes: int,
    ) -> ArrayRtl:
        names = dict.fromkeys(operands.types)
        types = MultiplierSet(tuple(modules[name] for name in names), multi_mode)
        size = {"rows": 3, "columns": 4, **sizes}
        if not multi_mode:
            # The last type gets what is left.
            last = size["columns"] - len(names) + 1
            size["makeup"] = (*[1] * (len(names) - 1), last)
        return ArrayRtl(types=types, operands=operands, dataflow=dataflow, **size)

    return make


@pytest.fixture
def engine(modules: dict[str, MultiplierModule]) -> Callable[..., EngineRtl]:
    """Makes engines."""

    def make(operands: LayerOperands, pe: int, simd: int) -> EngineRtl:
        names = dict.fromkeys(operands.types)
        types = MultiplierSet(tuple(modules[name] for name in names), False)
        return EngineRtl(types=types, operands=operands, pe=pe, simd=simd)

    return make


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("multi_mode", [True, False], ids=["multi-mode", "by column"])
@pytest.mark.parametrize("mixture", MIXTURES)
def test_arrays_give_the_accumulators(
    array: Callable,
    layer: Callable,
    proves: Callable,
    mixture: str,
    multi_mode: bool,
    dataflow: str,
) -> None:
    zeros = {} if mixture.endswith("signed") else {"activation_zero": 7, "weight_zero": 100}
    operands = layer(filters=17, **zeros).operands(*MIXTURES[mixture])
    made = array(operands, dataflow, multi_mode=multi_mode)
    assert f"PASS: {made.tile.checks} accumulators" in proves(made)
    # Neither the rows, the columns nor the window is a multiple of the array's sizes.
    assert made.tile.checks < len(made.tile.positions) * len(made.tile.filters)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 8)], ids=str)
def test_arrays_of_any_shape(
    array: Callable, layer: Callable, proves: Callable, dataflow: str, size: tuple[int, int]
) -> None:
    made = array(
        layer(positions=5, filters=3).operands("offset"), dataflow, rows=size[0], columns=size[1]
    )
    proves(made)


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize(("pe", "simd"), [(2, 3), (8, 1)])
def test_engines_give_the_accumulators(
    engine: Callable, layer: Callable, proves: Callable, mixture: str, pe: int, simd: int
) -> None:
    zeros = {} if mixture.endswith("signed") else {"activation_zero": 7, "weight_zero": 100}
    operands = layer(filters=8, window=12, **zeros).operands(*MIXTURES[mixture])
    made = engine(operands, pe, simd)
    assert f"PASS: {made.tile.checks} accumulators" in proves(made)


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (1, 12), (4, 4)])
def test_engines_of_any_shape(
    engine: Callable, layer: Callable, proves: Callable, pe: int, simd: int
) -> None:
    proves(engine(layer(filters=8, window=12).operands("offset"), pe, simd))


def test_cycles_are_those_of_the_cost_model(
    array: Callable, engine: Callable, layer: Callable, proves: Callable
) -> None:
    operands = layer(positions=6, filters=8, window=10).operands("exact")
    # G ceil(M/R) ceil(N/C) (K + R + C - 2), and for each of them one for the held product and the
    # shifting out of R rows.
    out = proves(array(operands))
    assert int(re.search(r"(\d+) cycles", out)[1]) == 2 * 2 * (10 + 3 + 4 - 2 + 1 + 3)
    # G ceil(K/R) ceil(N/C) (M + 2R + C - 2), and one for the held product
    out = proves(array(operands, DATAFLOWS[1]))
    assert int(re.search(r"(\d+) cycles", out)[1]) == 4 * 2 * (6 + 2 * 3 + 4 - 2 + 1)
    # M (N / PE) (K / SIMD), and two for the last result to come out.
    out = proves(engine(operands, 4, 5))
    assert int(re.search(r"(\d+) cycles", out)[1]) == 6 * 2 * 2 + 2


def test_accumulators_wrap(array: Callable, layer: Callable, proves: Callable) -> None:
    window = 140_000
    codes = np.full((1, window), 128, np.uint8)
    total = 128 * 128 * window
    assert total > 1 << 31
    operands = replace(
        layer(1, 1, window).operands("exact"),
        windows=lambda chosen: codes[chosen],
        weights=codes,
        accumulators=np.array([[total - (1 << 32)]], np.int64).astype(np.int32),
    )
    proves(array(operands, rows=1, columns=1))


def test_accumulators_may_be_wider_than_the_operators(
    array: Callable, layer: Callable, proves: Callable
) -> None:
    operands = layer().operands("exact", "coarse")
    for dataflow in DATAFLOWS:
        proves(replace(array(operands, dataflow), accumulator_bits=40))


@pytest.mark.parametrize("dataflow", [*DATAFLOWS, "dataflow"])
def test_a_wrong_accumulator_is_told(
    array: Callable,
    engine: Callable,
    layer: Callable,
    simulated: Callable,
    icarus: str,
    tmp_path: Path,
    dataflow: str,
) -> None:
    operands = layer(positions=4, filters=4, window=6).operands("exact")
    wrong = operands.accumulators.copy()
    wrong[2, 3] += 1
    operands = replace(operands, accumulators=wrong)
    made = engine(operands, 2, 3) if dataflow == "dataflow" else array(operands, dataflow)
    for name, text in made.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = simulated(tmp_path, made)
    assert done.returncode != 0
    assert f"position 2, filter 3: {wrong[2, 3] - 1}, not {wrong[2, 3]}" in done.stdout
    assert "FAIL: 1 of 16 accumulators are wrong, 16 were checked" in done.stdout


@pytest.mark.parametrize("missing", ["expected.hex", "filters.hex", "weights.hex"])
def test_missing_files_fail(
    array: Callable, layer: Callable, simulated: Callable, icarus: str, tmp_path: Path, missing: str
) -> None:
    made = array(layer().operands("exact"))
    for name, text in made.files().items():
        if name != missing:
            (tmp_path / name).write_text(text, encoding="utf-8")
    done = simulated(tmp_path, made)
    assert done.returncode != 0
    assert "FAIL" in done.stdout


def test_the_testbench_sees_a_wrong_multiplier(
    array: Callable, layer: Callable, simulated: Callable, icarus: str, tmp_path: Path
) -> None:
    made = array(layer().operands("exact", "offset"), multi_mode=True)
    for name, text in made.files().items():
        changed = text.replace("16'sd5", "16'sd4") if name == "multipliers.v" else text
        (tmp_path / name).write_text(changed, encoding="utf-8")
    assert "FAIL" in simulated(tmp_path, made).stdout


@pytest.mark.parametrize("kind", [*DATAFLOWS, "multi-mode", "dataflow"])
def test_designs_are_synthesizable(
    array: Callable, engine: Callable, layer: Callable, yosys: str, tmp_path: Path, kind: str
) -> None:
    operands = layer(filters=8, window=12).operands("exact", "offset", "coarse")
    if kind == "dataflow":
        made = engine(operands, 4, 4)
    else:
        made = array(operands, DATAFLOWS[kind == DATAFLOWS[1]], multi_mode=kind == "multi-mode")
    for name, text in made.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    # Without -sv yosys takes Verilog-2005; latches or loops would be warnings.
    script = (
        f"read_verilog {' '.join(made.design_files)}; hierarchy -check -top hawx_accelerator; "
        "proc; flatten; check -assert; select -assert-none t:$dlatch; select -assert-min 1 t:$dff"
    )
    done = subprocess.run(
        [yosys, "-q", "-e", ".*", "-p", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_do_not_end_their_comment(array: Callable, layer: Callable) -> None:
    bad = "x\ninitial $finish;\r\x85\u2028module y"
    operands = replace(layer().operands("exact"), layer=bad, told=f"sample of {bad}")
    sources = [text for name, text in array(operands).files().items() if name.endswith(".v")]
    assert any("sample of x initial $finish; module y" in text for text in sources)
    for text in sources:
        code = [line.partition("//")[0] for line in text.splitlines()]
        assert not any("initial $finish;" in line or "module y" in line for line in code)


def test_files_of_the_folder_are_all_told(
    array: Callable, engine: Callable, layer: Callable, tmp_path: Path
) -> None:
    for made in (array(layer().operands("exact")), engine(layer().operands("exact"), 7, 11)):
        files = made.files()
        told = set(re.findall(r"[\w]+\.v\b", files["README.txt"]))
        assert {name for name in files if name.endswith(".v")} == told
        assert set(made.commands()[0].split()) >= told


def test_modules_of_the_package_are_verilog_2001(
    array: Callable, layer: Callable, icarus: str, tmp_path: Path
) -> None:
    assert shutil.which("iverilog")
    made = array(layer().operands("exact"), multi_mode=True)
    for name, text in made.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [icarus, "-g2001", "-t", "null", *made.design_files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
