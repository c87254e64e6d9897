"""Layers of random codes, multipliers written by hand, and Icarus Verilog."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx.hardware.rtl import AcceleratorRtl, LayerOperands, MultiplierModule

CODES = np.arange(256)
SIGNED = np.where(CODES < 128, CODES, CODES - 256)


def written(name: str, expression: str, *, signed: bool, width: int = 16) -> MultiplierModule:
    """A multiplier of one expression over the ports x and y."""
    sign = "signed " if signed else ""
    text = (
        f"module {name}_top (input {sign}[7:0] x, input {sign}[7:0] y, "
        f"output {sign}[{width - 1}:0] z);\n  assign z = {expression};\nendmodule\n"
    )
    zero = name not in ("offset", "below")
    return MultiplierModule(name, f"{name}_top", ("x", "y", "z"), width, signed, zero, text)


# One that is not 0 where both operands are, one with a narrow product, and unsigned ones.
MODULES = {
    "exact": written("exact", "x * y", signed=True),
    "offset": written("offset", "x * y + 16'sd5", signed=True),
    "coarse": written("coarse", "(x >>> 5) * (y >>> 5)", signed=True, width=7),
    "unsigned": written("unsigned", "x * y", signed=False),
    "below": written("below", "x * y - 16'd3", signed=False),
}
PRODUCTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "exact": lambda x, y: x * y,
    "offset": lambda x, y: x * y + 5,
    "coarse": lambda x, y: (x >> 5) * (y >> 5),
    "unsigned": lambda x, y: x * y,
    "below": lambda x, y: (x * y - 3) & 0xFFFF,
}


@dataclass(frozen=True)
class Case:
    """Sizes of a random layer and its zero points."""

    positions: int = 9
    filters: int = 7
    window: int = 11
    activation_zero: int = 0
    weight_zero: int = 0

    def operands(self, *names: str) -> LayerOperands:
        """Random codes; filters take the multipliers in turn."""
        rng = np.random.default_rng(self.positions * self.filters * self.window)
        x, w = (
            rng.integers(0, 256, (count, self.window)).astype(np.uint8)
            for count in (self.positions, self.filters)
        )
        types = tuple(names[index % len(names)] for index in range(self.filters))
        signed = MODULES[names[0]].signed
        values = SIGNED if signed else CODES
        zeros = self.weight_zero + np.arange(self.filters) * (self.weight_zero != 0)
        sums = [
            PRODUCTS[kind](values[x], values[row]).sum(axis=1)
            - self.activation_zero * values[row].sum()
            - zero * values[x].sum(axis=1)
            + self.window * self.activation_zero * zero
            for kind, row, zero in zip(types, w, zeros, strict=True)
        ]
        return LayerOperands(
            layer="random",
            windows=lambda chosen: x[chosen],
            positions=self.positions,
            weights=w,
            types=types,
            codes_signed=signed,
            activation_zero=self.activation_zero,
            weight_zeros=zeros,
            accumulators=np.stack(sums, axis=1).astype(np.int32),
            told="random codes",
        )


def simulate(folder: Path, accelerator: AcceleratorRtl) -> subprocess.CompletedProcess[str]:
    """Compiles and runs what lies in a folder."""
    compile_command, run_command = accelerator.commands()
    done = subprocess.run(
        compile_command.replace("iverilog", "iverilog -Wall").split(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return subprocess.run(
        run_command.split(), cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="session")
def layer() -> type[Case]:
    """Makes layers of random codes."""
    return Case


@pytest.fixture(scope="session")
def modules() -> dict[str, MultiplierModule]:
    """Multipliers by name."""
    return MODULES


@pytest.fixture(scope="session")
def simulated() -> Callable[[Path, AcceleratorRtl], subprocess.CompletedProcess[str]]:
    """Compiles and runs what lies in a folder."""
    return simulate


@pytest.fixture(scope="session")
def icarus() -> str:
    """The path of Icarus Verilog, or skips."""
    found = shutil.which("iverilog")
    if found is None or shutil.which("vvp") is None:
        pytest.skip("iverilog is not installed")
    return found


@pytest.fixture
def proves(icarus: str, tmp_path: Path) -> Callable[[AcceleratorRtl], str]:
    """Writes an accelerator, simulates it and returns what a passing testbench prints."""

    def run(accelerator: AcceleratorRtl) -> str:
        for name, text in accelerator.files().items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        done = simulate(tmp_path, accelerator)
        assert done.returncode == 0, done.stdout
        assert done.stderr == ""
        return done.stdout

    return run
