"""What memories cost: published figures, scaled to the technology of the multipliers.

Nothing here was synthesised. Energies of an access are those of M. Horowitz, "Computing's Energy
Problem (and What We Can Do About It)", ISSCC 2014, at 45 nm and 0.9 V: a cache of 8, 32 and 1024
kB takes 10, 20 and 100 pJ for 64 bits, a DRAM 1,300 to 2,600 pJ. Between these capacities the
energy is interpolated, and beyond them extended, as a power of the capacity. The area of a bit is
that of Intel's 45 nm cell, 0.346 um2 (Mistry et al., IEDM 2007), with 30 % of the array for
decoders and sense amplifiers. To another process of feature size F and supply V:

- switched energy scales with (F / 45 nm) (V / 0.9 V)^2: capacitance with length, times V squared
- area scales with (F / 45 nm)^2
- leakage of a bit is that of the technology's own register bit times 6 / 24, by transistors
- a DRAM is another chip and does not scale: its energy is a key of the target
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.technology import PeripheryFigures

_REFERENCE_NM, _REFERENCE_V = 45.0, 0.9
_ACCESS_PJ_PER_BYTE = ((8.0, 10 / 8), (32.0, 20 / 8), (1024.0, 100 / 8))
_BIT_UM2, _ARRAY_SHARE = 0.346, 0.7
_BIT_TRANSISTORS, _REGISTER_TRANSISTORS = 6, 24

DRAM_PJ_PER_BYTE = 1300 / 8
"""The lower of Horowitz's figures, for LPDDR2."""

FEATURE_SIZES_NM = {"osu018": 180.0, "generic": 45.0}
"""Feature sizes of the technologies that come with the package, by the beginning of their name."""


@dataclass(frozen=True)
class Process:
    """What memories are scaled by.

    Args:
        feature_nm: Feature size in nanometres.
        supply_v: Supply in volts.
        bit_leakage_nw: Leakage of one bit of SRAM in nanowatts.
    """

    feature_nm: float
    supply_v: float
    bit_leakage_nw: float

    @property
    def provenance(self) -> str:
        """Where the figures come from, in words."""
        return (
            f"published figures at {_REFERENCE_NM:g} nm, scaled to {self.feature_nm:g} nm and "
            f"{self.supply_v:g} V; not synthesised"
        )

    def sram_pj_per_byte(self, kilobytes: float) -> float:
        """Returns the energy of reading or writing a byte of a memory of so many kB."""
        points = [(math.log(size), math.log(energy)) for size, energy in _ACCESS_PJ_PER_BYTE]
        low, high = points[:2] if kilobytes < _ACCESS_PJ_PER_BYTE[1][0] else points[1:]
        slope = (high[1] - low[1]) / (high[0] - low[0])
        energy = math.exp(low[1] + slope * (math.log(kilobytes) - low[0]))
        scale = self.feature_nm / _REFERENCE_NM * (self.supply_v / _REFERENCE_V) ** 2
        return energy * scale

    def sram_um2(self, kilobytes: float) -> float:
        """Returns the area of a memory in square micrometres."""
        bit = _BIT_UM2 / _ARRAY_SHARE * (self.feature_nm / _REFERENCE_NM) ** 2
        return kilobytes * 8192 * bit

    def sram_leakage_nw(self, kilobytes: float) -> float:
        """Returns the leakage of a memory in nanowatts."""
        return kilobytes * 8192 * self.bit_leakage_nw


def process_of(
    technology: str,
    known: PeripheryFigures | None,
    mode: str,
    feature_nm: float,
    target: str,
) -> tuple[Process | None, tuple[str, ...]]:
    """Returns what memories are scaled by in a technology, and notes for the report.

    Args:
        technology: The multipliers' technology; the supply is told by its name.
        known: Its adders and registers; without registers, bits of SRAM do not leak.
        mode: ``auto`` counts memories where the feature size is known, ``required`` refuses a
            technology where it is not, ``none`` counts none.
        feature_nm: The feature size in nanometres, 0 to take the technology's.
        target: The target's name, for messages.

    Raises:
        ConfigError: If ``required`` finds no feature size or supply.
    """
    if mode == "none":
        return None, ("memories are not counted: memories is none",)
    size_nm = feature_nm or FEATURE_SIZES_NM.get(technology.split("-")[0], 0.0)
    supply = re.search(r"-(\d+(?:\.\d+)?)V(?:-|$)", technology)
    if not size_nm or supply is None:
        what = "supply" if size_nm else "feature size"
        if mode == "required":
            raise ConfigError(
                f"the {what} of technology {technology} is not known",
                where=f"target {target}: key memories",
                mend="set memory_feature_nm, or memories to none"
                if not size_nm
                else "set memories to none",
            )
        return None, (f"memories are not counted: the {what} of {technology} is not known",)
    register = known.register(1) if known is not None else None
    bit_nw = register.leakage_nw * _BIT_TRANSISTORS / _REGISTER_TRANSISTORS if register else 0.0
    return Process(size_nm, float(supply[1]), bit_nw), ()
