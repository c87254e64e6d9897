"""What a hardware model answers: the cost per layer and in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

OBJECTIVES: Mapping[str, str] = {
    "power": "power_mw",
    "area": "area_um2",
    "energy": "energy_uj",
    "latency": "latency_cycles",
    "luts": "area_lut6",
}
"""Objective name -> field of `CostTotals`."""


def objective_field(objective: str) -> str:
    """Returns the field of `CostTotals` that an objective minimises.

    Raises:
        ConfigError: If there is no such objective.
    """
    try:
        return OBJECTIVES[objective]
    except KeyError:
        raise ConfigError(
            f"there is no objective {objective!r}",
            where="objective",
            mend=close_names(objective, OBJECTIVES),
        ) from None


@dataclass(frozen=True)
class EnergyParts:
    """What an energy per inference is the sum of, in microjoules.

    Args:
        multiplication_uj: Switched by the multipliers.
        periphery_uj: Switched by adders and registers.
        sram_uj: On-chip memories read and written.
        dram_uj: DRAM read and written.
        leakage_uj: Static power of the whole chip over the time it takes.
    """

    multiplication_uj: float = 0.0
    periphery_uj: float = 0.0
    sram_uj: float = 0.0
    dram_uj: float = 0.0
    leakage_uj: float = 0.0

    @property
    def total_uj(self) -> float:
        """All parts together."""
        switched = self.multiplication_uj + self.periphery_uj
        return switched + self.sram_uj + self.dram_uj + self.leakage_uj

    @staticmethod
    def sum_of(parts: Sequence[EnergyParts]) -> EnergyParts:
        """Returns the sums part by part."""
        return EnergyParts(
            sum(part.multiplication_uj for part in parts),
            sum(part.periphery_uj for part in parts),
            sum(part.sram_uj for part in parts),
            sum(part.dram_uj for part in parts),
            sum(part.leakage_uj for part in parts),
        )


@dataclass(frozen=True)
class TypeUse:
    """How the hardware of one multiplier type is used.

    Args:
        multipliers: Multipliers of the type that the accelerator has.
        macs: Multiply-accumulates per inference that run on them.
        utilization: Their share of the slots of these multipliers, 0 to 1.
    """

    multipliers: int
    macs: int
    utilization: float


@dataclass(frozen=True)
class CostTotals:
    """The modelled cost of a network on a target, for one inference in steady state.

    Args:
        power_mw: Mean power in milliwatts: energy over the initiation interval.
        area_um2: Area of multipliers, adders, registers and memories in square micrometres.
        energy_uj: Dynamic and static energy per inference in microjoules, memories included where
            the target counts them.
        latency_cycles: Clock cycles from the first operand to the last result.
        multiplication_energy_uj: The part of energy_uj that the multipliers switch.
        initiation_interval_cycles: Clock cycles from one inference to the next.
        inferences_per_second: Throughput at the target's clock.
        stall_cycles: The part of latency_cycles that waits for DRAM.
        memory_area_um2: The part of area_um2 that is memory.
        sram_bytes: Bytes read and written in on-chip memories per inference.
        dram_bytes: Bytes read and written in DRAM per inference.
        energy_parts: What energy_uj is the sum of.
        area_lut6: Look-up tables of six inputs on an FPGA; None on an ASIC, and where those of a
            multiplier are not known.
    """

    power_mw: float
    area_um2: float
    energy_uj: float
    latency_cycles: int
    multiplication_energy_uj: float
    initiation_interval_cycles: int = 0
    inferences_per_second: float = 0.0
    stall_cycles: int = 0
    memory_area_um2: float = 0.0
    sram_bytes: int = 0
    dram_bytes: int = 0
    energy_parts: EnergyParts = field(default_factory=EnergyParts)
    area_lut6: int | None = None

    def value(self, objective: str) -> float:
        """Returns the figure that an objective (power, area, energy, latency, luts) minimises.

        Raises:
            ConfigError: If there is no such objective, or the target has no such figure.
        """
        found = getattr(self, objective_field(objective))
        if found is None:
            raise ConfigError(
                f"{objective} of this design are not known",
                where=f"objective {objective}",
                mend="take an FPGA target and built-in multipliers",
            )
        return float(found)


@dataclass(frozen=True)
class LayerCost:
    """The modelled cost of one layer.

    Args:
        name: The layer's name.
        op: Its operator type.
        macs: Multiply-accumulate operations per inference.
        compute_cycles: Clock cycles of computation.
        stall_cycles: Clock cycles that wait for DRAM beside those of computation.
        utilization: Useful multiplications over multiplier slots, 0 to 1.
        energy_uj: Energy per inference in microjoules.
        power_mw: Power in milliwatts; the target's model says over which time.
        area_um2: Area that serves the layer, in square micrometres.
        multipliers: Multiplier name -> number of output channels.
        mapping: How the layer lies on the hardware, in the target's own terms.
        energy_parts: What energy_uj is the sum of.
        sram_bytes: Bytes read and written in on-chip memories per inference.
        dram_bytes: Bytes read and written in DRAM per inference.
    """

    name: str
    op: str
    macs: int
    compute_cycles: int
    stall_cycles: int
    utilization: float
    energy_uj: float
    power_mw: float
    area_um2: float
    multipliers: dict[str, int]
    mapping: dict[str, int] = field(default_factory=dict)
    energy_parts: EnergyParts = field(default_factory=EnergyParts)
    sram_bytes: int = 0
    dram_bytes: int = 0


@dataclass(frozen=True)
class FpgaArea:
    """What an accelerator takes of an FPGA.

    Args:
        area_lut6: Look-up tables of six inputs; None where those of a multiplier are not known.
        flip_flops: Register bits.
        block_ram18: Block RAMs of 18 kbit.
    """

    area_lut6: int | None
    flip_flops: int
    block_ram18: int


@dataclass(frozen=True)
class CostReport:
    """The modelled cost of an assignment on a target.

    Args:
        target: The target's name.
        kind: ``temporal`` or ``spatial``.
        total: The whole network.
        layers: One entry per layer, in the order of the network.
        notes: What the figures leave out, in plain words.
        types: Multiplier name -> how its hardware is used.
        memories: Where the figures of memories come from; empty if they are not counted.
        fpga: What it takes of an FPGA, if the target is one.
    """

    target: str
    kind: str
    total: CostTotals
    layers: tuple[LayerCost, ...]
    notes: tuple[str, ...] = ()
    types: dict[str, TypeUse] = field(default_factory=dict)
    memories: str = ""
    fpga: FpgaArea | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain types, ready for JSON."""
        return {
            "target": self.target,
            "kind": self.kind,
            "total": asdict(self.total),
            "layers": [asdict(layer) for layer in self.layers],
            "types": {name: asdict(use) for name, use in self.types.items()},
            "memories": self.memories,
            "fpga": None if self.fpga is None else asdict(self.fpga),
            "notes": list(self.notes),
        }
