"""What arrays and engines have in common: design, testbench, and the tile that proves them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hawx_onnx.hardware.rtl.multipliers import LICENCE, MultiplierSet
from hawx_onnx.hardware.rtl.operands import NONE, Ints, LayerOperands, Tile

VERILOG = Path(__file__).parent / "verilog"
TOP, BENCH, README = "hawx_accelerator", "hawx_accelerator_tb", "README.txt"
MULTIPLIERS, ELEMENT_MULTIPLIER = "multipliers.v", "hawx_multiplier.v"

Ports = Sequence[tuple[str, str, str]]
"""Direction, range and name of each port."""


@dataclass(frozen=True, kw_only=True)
class AcceleratorRtl(ABC):
    """An accelerator in Verilog with a tile of a layer.

    Args:
        types: Its multipliers; each filter's is among them.
        operands: The layer's.
        accumulator_bits: Width of the accumulators, 32 at least.
    """

    types: MultiplierSet
    operands: LayerOperands
    accumulator_bits: int = 32

    @property
    @abstractmethod
    def told(self) -> str:
        """What it is, in a few words."""

    @property
    @abstractmethod
    def tile(self) -> Tile:
        """What its testbench feeds."""

    @property
    @abstractmethod
    def _kind(self) -> str:
        """Last part of the names of array or engine and bench."""

    @property
    @abstractmethod
    def _modules(self) -> tuple[str, ...]:
        """Parametric modules of the design, the top one last."""

    @property
    @abstractmethod
    def _ports(self) -> Ports:
        """Ports of the top module."""

    @property
    @abstractmethod
    def _design(self) -> Mapping[str, object]:
        """Parameters of the design."""

    @property
    @abstractmethod
    def _bench(self) -> Mapping[str, object]:
        """Parameters of the bench that are its own."""

    @property
    def design_files(self) -> tuple[str, ...]:
        """Names of the synthesizable files."""
        own = (f"{name}.v" for name in self._modules)
        return (MULTIPLIERS, ELEMENT_MULTIPLIER, *own, f"{TOP}.v")

    @property
    def bench_files(self) -> tuple[str, ...]:
        """Names of the files of the testbench."""
        return ("hawx_tile.v", f"hawx_bench_{self._kind}.v", f"{BENCH}.v")

    def commands(self) -> tuple[str, str]:
        """Returns what compiles and what runs the simulation, in the folder of the files."""
        names = " ".join((*self.design_files, *self.bench_files))
        return f"iverilog -g2012 -o {TOP}.vvp {names}", f"vvp -n {TOP}.vvp"

    def files(self) -> dict[str, str]:
        """Returns all files by name.

        Raises:
            ComponentError: The multipliers' modules clash.
        """
        fixed = (*self._modules, "hawx_tile", f"hawx_bench_{self._kind}")
        return {
            MULTIPLIERS: self.types.designs(),
            ELEMENT_MULTIPLIER: self.types.element_text(),
            **{f"{n}.v": (VERILOG / f"{n}.v").read_text(encoding="utf-8") for n in fixed},
            f"{TOP}.v": self._top_text(),
            f"{BENCH}.v": self._bench_text(),
            **self.tile.files(),
            README: self._readme(),
        }

    def _top_text(self) -> str:
        numbers = ", ".join(f"{i} {m.name}" for i, m in enumerate(self.types.modules))
        ports = ",\n".join(f"  {way} {bits}{name}" for way, bits, name in self._ports)
        wires = ",\n".join(f"    .{name}({name})" for _, _, name in self._ports)
        parameters = _parameters(self._design)
        return (
            f"// {self.told}.\n// Multiplier types: {numbers}.\n{LICENCE}\n"
            f"module {TOP} (\n{ports}\n);\n"
            f"  {self._modules[-1]} #(\n{parameters}\n  ) accelerator (\n{wires}\n  );\n"
            "endmodule\n"
        )

    def _bench_text(self) -> str:
        layer = self.operands
        parameters = {
            **self._bench,
            "WINDOW": layer.window,
            "CODES_SIGNED": int(layer.codes_signed),
            "ACTIVATION_ZERO": layer.activation_zero,
            "CHECKS": self.tile.checks,
            "ACCUMULATOR_BITS": self.accumulator_bits,
        }
        # Names of layers and files must not end the comment.
        about = " ".join(f"Layer {layer.layer}: {layer.told}.".split())
        return (
            f"// {about}\n{LICENCE}\n"
            f"module {BENCH};\n  hawx_bench_{self._kind} #(\n{_parameters(parameters)}\n"
            "  ) bench ();\nendmodule\n"
        )

    def products(self) -> dict[str, object]:
        """Parameters that come from the multipliers."""
        return {
            "PRODUCT_BITS": self.types.product_bits,
            "PRODUCT_SIGNED": int(self.types.signed),
            "ACCUMULATOR_BITS": self.accumulator_bits,
        }

    def numbers(self) -> Ints:
        """The type of each filter by its number."""
        number = {module.name: index for index, module in enumerate(self.types.modules)}
        return np.array([number[name] for name in self.operands.types], np.int64)

    def _readme(self) -> str:
        tile, layer, both = self.tile, self.operands, self.commands()
        shown = sorted({int(p) for p in tile.positions} - {NONE})
        return f"""\
{self.told}.

Simulate, in this folder:

  {both[0]}
  {both[1]}

It prints PASS, or FAIL after the first wrong accumulators, and then exits with a status other
than 0.

Design (synthesizable, Verilog-2001): {", ".join(self.design_files)}
Testbench: {", ".join(self.bench_files)}
Operands and expected accumulators: *.hex

The operands are codes of layer {layer.layer}: {layer.told}.
Output positions {shown[0]} to {shown[-1]}, {len(shown)} of {layer.positions}; \
{int((tile.filters != NONE).sum())} of {layer.filters} filters; {layer.window} products each.
The expected int32 accumulators are those of the operator that executes the layer in onnxruntime.

Multipliers work on raw codes. Zero points are corrected outside of the array, in hawx_tile.v.
Padding enters the array as the activations' zero point. Accumulators wrap.
"""


def _parameters(values: Mapping[str, object]) -> str:
    return ",\n".join(f"    .{name}({value})" for name, value in values.items())


def packed(types: Sequence[int]) -> str:
    """Types as one constant, 32 bits each, the first one lowest."""
    return "{" + ", ".join(f"32'd{kind}" for kind in reversed(types)) + "}"
