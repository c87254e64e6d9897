"""What no choice of multipliers changes about a network on a spatial accelerator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.engine import Engine, engine_memory, make_engine
from hawx_onnx.hardware.folding import Folding, cycles_within, smallest_folding
from hawx_onnx.hardware.memory import process_of
from hawx_onnx.hardware.pipeline import schedule, sources_of
from hawx_onnx.hardware.streaming import streamed_layers
from hawx_onnx.hardware.technology import PeripheryFigures, PeripheryLibrary
from hawx_onnx.hardware.units import femto_to_micro
from hawx_onnx.hardware.workload import LayerWorkload

if TYPE_CHECKING:
    from hawx_onnx.hardware.spatial import SpatialTarget


@dataclass(frozen=True)
class SpatialPlan:
    """A network on engines of its own, whatever the multipliers.

    Args:
        engines: The engine of each layer.
        interval: Clock cycles from one inference to the next.
        latency: Clock cycles from the first operand to the last result.
        starts: Clock cycle in which each engine starts on the first inference.
        fixed_uj: Energy per inference of adders, registers and memories.
        memories: Where the figures of memories come from; empty if they are not counted.
        notes: What the report has to tell.
    """

    engines: tuple[Engine, ...]
    interval: int
    latency: int
    starts: tuple[int, ...]
    fixed_uj: float
    memories: str
    notes: tuple[str, ...]


@lru_cache(maxsize=64)
def spatial_plan(
    target: SpatialTarget,
    workloads: tuple[LayerWorkload, ...],
    technology: str,
    known: PeripheryFigures | None,
) -> SpatialPlan:
    """Folds the layers once for all assignments."""
    library = PeripheryLibrary(technology, known, target.periphery, target.name)
    process, notes = process_of(
        technology, known, target.memories, target.memory_feature_nm, target.name
    )
    foldings, relaxed = fold_all(target, workloads)
    streamed = streamed_layers(workloads, foldings, target.weight_memory_kb)
    outside = outside_bytes(workloads, streamed)
    stalls = [0] * len(workloads)
    if process is not None:
        waits = -int(-sum(outside) // target.dram_bytes_per_cycle)
        # Those that use DRAM share it so that all of them are served in the same time.
        stalls = [
            max(0, waits - folding.cycles) if moved else 0
            for folding, moved in zip(foldings, outside, strict=True)
        ]
    cycles = [folding.cycles + stall for folding, stall in zip(foldings, stalls, strict=True)]
    times = schedule(workloads, cycles)
    engines = []
    for index, (work, folding) in enumerate(zip(workloads, foldings, strict=True)):
        memory = engine_memory(
            work,
            folding,
            times.fifo_values[index],
            outside[index],
            target.dram_pj_per_byte,
            process,
            index in streamed,
        )
        engine = make_engine(library, target.accumulator_bits, work, folding, memory)
        engines.append(replace(engine, stall_cycles=stalls[index]))
    fixed = sum(engine.memory.sram_uj + engine.memory.dram_uj for engine in engines)
    return SpatialPlan(
        engines=tuple(engines),
        interval=max(cycles),
        latency=times.latency_cycles,
        starts=tuple(int(start) for start in times.starts),
        fixed_uj=fixed + femto_to_micro(sum(engine.periphery_fj for engine in engines)),
        memories=process.provenance if process else "",
        notes=relaxed + library.notes + notes + _streamed_note(workloads, streamed),
    )


def outside_bytes(
    workloads: tuple[LayerWorkload, ...], streamed: frozenset[int]
) -> tuple[int, ...]:
    """Returns the bytes that each layer reads from DRAM and writes there per inference.

    Args:
        workloads: The layers.
        streamed: Those whose weights come from there.
    """
    sources = sources_of(workloads)
    read = {name for names in sources for name in names}
    return tuple(
        (0 if names else work.input_values)
        + (0 if work.name in read else work.output_values)
        + (work.macs if index in streamed else 0)
        for index, (work, names) in enumerate(zip(workloads, sources, strict=True))
    )


def _streamed_note(
    workloads: tuple[LayerWorkload, ...], streamed: frozenset[int]
) -> tuple[str, ...]:
    names = ", ".join(workloads[index].name for index in sorted(streamed))
    return (f"weights that do not fit weight_memory_kb are streamed: {names}",) if names else ()


def fold_all(
    target: SpatialTarget, workloads: tuple[LayerWorkload, ...]
) -> tuple[tuple[Folding, ...], tuple[str, ...]]:
    """Returns the engines, and a note where the target had to be relaxed."""
    slowest = max(workloads, key=lambda work: work.output_positions)
    cycles = target.target_cycles
    notes: tuple[str, ...] = ()
    if target.multiplier_budget:
        cycles = cycles_within(workloads, target.multiplier_budget)
        if not cycles:
            raise ConfigError(
                f"{len(workloads)} layers need a multiplier each, multiplier_budget is "
                f"{target.multiplier_budget}",
                where=f"target {target.name}",
                mend=f"raise multiplier_budget to {len(workloads)} or more",
            )
    elif target.area_budget_um2 or target.lut_budget:
        raise ConfigError(
            "an area budget says nothing before the network and the exact multiplier are known",
            where=f"target {target.name}",
            mend="cost on target.for_network(workloads, exact)",
        )
    elif slowest.output_positions > cycles:
        reason = (
            f"layer {slowest.name} takes {slowest.output_positions} cycles per inference even with "
            f"one multiplier per weight, target_cycles is {cycles}"
        )
        cycles = slowest.output_positions
        if target.when_unmet == "refuse":
            raise ConfigError(
                reason,
                where=f"target {target.name}",
                mend=f"raise target_cycles to {cycles} or more, or set when_unmet to relax",
            )
        notes = (f"{reason}; all layers are folded for {cycles} cycles",)
    foldings = (smallest_folding(work, cycles) for work in workloads)
    return tuple(folding for folding in foldings if folding is not None), notes
