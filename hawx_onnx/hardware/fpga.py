"""What an accelerator takes of an FPGA: look-up tables, flip-flops, block RAMs.

Counts of look-up tables of six inputs (LUT6) of multipliers come from mapping their circuits. An
adder takes one LUT6 for each bit, with the carry chain beside it, a register one flip-flop for each
bit. A memory of at most 64 words lies in LUT6s, 64 bits each; a deeper one in block RAMs of 18
kbit, of which 2,048 bytes and a width of 36 bits are used (AMD UG473, UG474: 7 series).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.report import FpgaArea, TypeUse
from hawx_onnx.hardware.technology import OPERAND_BITS, ComponentFigures

_LUT_WORDS = 64
_BLOCK_BYTES, _BLOCK_BITS = 2048, 36

FPGA_NOTE = (
    "power, energy and um2 are those of standard cells: of an FPGA only their ratios tell something"
)


@dataclass(frozen=True)
class MemoryShape:
    """Memories of one shape.

    Args:
        size_bytes: Bytes of one.
        width_bytes: Bytes read from it in a cycle.
        copies: How many there are.
    """

    size_bytes: int
    width_bytes: int
    copies: int = 1


@dataclass(frozen=True)
class Fabric:
    """What an accelerator is built of beside its multipliers.

    Args:
        adder_bits: Bits of all adders.
        register_bits: Bits of all registers.
        memories: Its memories.
    """

    adder_bits: int
    register_bits: int
    memories: tuple[MemoryShape, ...]

    @property
    def luts(self) -> int:
        """Look-up tables of adders and shallow memories."""
        return self.adder_bits + _memory_area(self.memories)[0]


def tree_bits(inputs: int) -> int:
    """Returns the bits of the adders that sum so many products, each level one bit wider."""
    total = 0
    for level in range(1, (inputs - 1).bit_length() + 1):
        total += (2 * OPERAND_BITS + level) * (inputs // 2)
        inputs -= inputs // 2
    return total


def fpga_area(
    fabric: Fabric,
    types: Mapping[str, TypeUse],
    figures: Mapping[str, ComponentFigures],
) -> tuple[FpgaArea, tuple[str, ...]]:
    """Returns what an accelerator takes of an FPGA, and notes for the report.

    Args:
        fabric: What it is built of beside multipliers.
        types: How many multipliers of each type it has.
        figures: Their figures by name.
    """
    luts = {name: lut6_of(name, figures[name]) for name in types}
    unknown = [name for name, count in luts.items() if count is None]
    blocks = _memory_area(fabric.memories)[1]
    whole = fabric.luts + sum(use.multipliers * (luts[name] or 0) for name, use in types.items())
    notes: tuple[str, ...] = (FPGA_NOTE,)
    if unknown:
        notes += (f"area_lut6 is not known: no LUT6 count of {', '.join(unknown)}",)
    return FpgaArea(None if unknown else whole, fabric.register_bits, blocks), notes


def multiplier_luts(
    multipliers: npt.NDArray[np.int64], figures: Mapping[str, ComponentFigures]
) -> npt.NDArray[np.float64]:
    """Returns the LUT6s of the multipliers of many designs.

    Args:
        multipliers: Int array [A, T], how many of each type a design has.
        figures: Their figures by name (T).

    Returns:
        Float array [A]; not a number where those of a type in use are not known.
    """
    counts = [lut6_of(name, cost) for name, cost in figures.items()]
    luts = np.asarray(multipliers @ np.array([count or 0 for count in counts]), np.float64)
    unknown = np.array([count is None for count in counts])
    luts[(multipliers[:, unknown] > 0).any(axis=1)] = np.nan
    return luts


def known_luts(target: str, figures: Mapping[str, ComponentFigures]) -> npt.NDArray[np.float64]:
    """Returns the LUT6s of one multiplier of each type, which all have to be known: [T].

    Args:
        target: The target's name, for messages.
        figures: Their figures by name (T).

    Raises:
        ConfigError: One is not known.
    """
    counts = {name: lut6_of(name, cost) for name, cost in figures.items()}
    unknown = [name for name, count in counts.items() if count is None]
    if unknown:
        raise ConfigError(
            f"no LUT6 count of {', '.join(unknown)}: only built-in multipliers have one",
            where=f"look-up tables of target {target}",
            mend="name built-in --candidates, or an ASIC target and --objective area",
        )
    return np.array(list(counts.values()), np.float64)


def check_luts(target: str, fabric: str, figures: Mapping[str, ComponentFigures]) -> None:
    """Refuses look-up tables as a cost where they cannot be counted.

    Args:
        target: The target's name, for messages.
        fabric: What it is built of.
        figures: The multipliers' figures by name.

    Raises:
        ConfigError: The target is an ASIC, or those of a multiplier are not known.
    """
    if fabric == "asic":
        raise ConfigError(
            "an ASIC has no look-up tables",
            where=f"target {target}",
            mend="take a target with `fabric: fpga`",
        )
    known_luts(target, figures)


def _memory_area(memories: Iterable[MemoryShape]) -> tuple[int, int]:
    """Returns LUT6s and block RAMs of memories."""
    in_luts = blocks = 0
    for memory in memories:
        if not memory.size_bytes:
            continue
        words = -(-memory.size_bytes // memory.width_bytes)
        if words <= _LUT_WORDS:
            in_luts += memory.copies * memory.width_bytes * 8
        else:
            deep = -(-memory.size_bytes // _BLOCK_BYTES)
            wide = -(-memory.width_bytes * 8 // _BLOCK_BITS)
            blocks += memory.copies * max(deep, wide)
    return in_luts, blocks


def lut6_of(name: str, cost: ComponentFigures) -> int | None:
    """Returns the LUT6s of a built-in multiplier; None for others, whatever their name.

    Args:
        name: Its name.
        cost: Its figures, which have to be those of the built-in one.
    """
    from hawx_onnx.components.synthesis import shipped

    if cost.technology not in shipped.technologies():
        return None
    known = shipped.characterization(name, cost.technology)
    if known is None or known.cost.area_um2 != cost.area_um2:
        return None
    return known.lut6
