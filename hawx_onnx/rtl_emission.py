"""``cost --emit-rtl``: an accelerator in Verilog with a model's multipliers, and a tile of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.components.rtl import rtl
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, SpatialTarget, Target, TemporalTarget
from hawx_onnx.hardware.folding import divisors
from hawx_onnx.hardware.rtl import (
    AcceleratorRtl,
    ArrayRtl,
    EngineRtl,
    LayerOperands,
    MultiplierModule,
    MultiplierSet,
)
from hawx_onnx.layer_operands import find_layer, layer_operands
from hawx_onnx.passes import PassState, Rewrite
from hawx_onnx.passes.graph import HAWX_DOMAIN
from hawx_onnx.preparation import quantized_state
from hawx_onnx.report import atomic_write_text
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

SMALL = 64
"""Multipliers of a target that are emitted all; of a larger one a part is."""

_PART = 4
_MOST = 256


@dataclass(frozen=True)
class RtlRequest:
    """What ``--emit-rtl`` and the flags beside it say.

    Attributes:
        folder: Where to write.
        layer: The layer whose codes prove the accelerator; None takes the first convolution.
        rows: Rows of a temporal target's array; None takes the target's own if it is small.
        columns: Its columns.
        pe: Elements of a spatial target's engine.
        simd: Lanes of an element.
        from_table: Whether multipliers of which only a table is known get a circuit made of it.
    """

    folder: str
    layer: str | None = None
    rows: int | None = None
    columns: int | None = None
    pe: int | None = None
    simd: int | None = None
    from_table: bool = False


def check_request(request: RtlRequest, target: Target) -> None:
    """Refuses what cannot be written, before anything is computed.

    Raises:
        ConfigError: There is no Verilog of such a target, or a size is none of it or out of range.
    """
    foreign = {"pe": request.pe, "simd": request.simd}
    if isinstance(target, SpatialTarget):
        foreign = {"rows": request.rows, "columns": request.columns}
    elif not isinstance(target, TemporalTarget):
        raise ConfigError(
            f"there is no Verilog of targets of kind {target.kind}",
            where="--emit-rtl",
            mend="take a temporal or a spatial target",
        )
    elif target.dataflow not in ("output-stationary", "weight-stationary"):
        raise ConfigError(
            f"there is no Verilog of {target.dataflow} arrays",
            where="--emit-rtl",
            mend="give --dataflow output-stationary or weight-stationary",
        )
    for name, value in foreign.items():
        if value is not None:
            raise ConfigError(
                f"a {target.kind} target has none", where=f"--{name}", mend="leave it out"
            )
    for name in ("rows", "columns", "pe", "simd"):
        value = getattr(request, name)
        if value is not None and not 1 <= value <= _MOST:
            raise ConfigError(
                f"{value} is not from 1 to {_MOST}", where=f"--{name}", mend="choose a small array"
            )
    if target.accumulator_bits < 32:
        raise ConfigError(
            f"accumulators of {target.accumulator_bits} bits do not hold the operators' int32 ones",
            where=f"target {target.name}: key accumulator_bits",
            mend="set it to 32 or more",
        )


def emit_rtl(
    model: onnx.ModelProto,
    settings: Settings,
    target: Target,
    request: RtlRequest,
    chosen: Assignment,
    multipliers: tuple[Multiplier, ...],
    workloads: tuple[LayerWorkload, ...],
) -> dict[str, Any]:
    """Writes an accelerator and the tile that proves it.

    Args:
        model: The user's: float, int8 or rewritten.
        settings: ``data``, ``preprocess``, ``seed`` and ``jobs`` are read.
        target: A temporal or spatial one.
        request: What to write.
        chosen: Layer -> multipliers; others are exact.
        multipliers: The exact one first, then all that the assignment names.
        workloads: The model's layers.

    Returns:
        The entry ``rtl`` of the document of ``cost --json``.

    Raises:
        HawxError: Whatever the user can mend.
    """
    check_request(request, target)
    exact, *_ = multipliers
    by_name = {multiplier.name: multiplier for multiplier in multipliers}
    dataset = load_data(model, settings)
    int8 = model
    if not any(node.domain == HAWX_DOMAIN for node in model.graph.node):
        state = quantized_state(model, dataset, multipliers, lambda text: None, settings=settings)
        int8 = _rewritten(state, chosen)
    node = find_layer(int8, request.layer)
    work = {work.name: work for work in workloads}[node.name]
    choices = {
        each.name: tuple(
            by_name[name] for name in chosen.per_channel(each.name, each.filters, exact.name)
        )
        for each in workloads
    }
    operands = layer_operands(
        int8,
        node,
        dataset.calibration.x,
        choices[node.name],
        f"first calibration sample of {Path(dataset.name).name}",
        settings.jobs,
    )
    accelerator: AcceleratorRtl
    if isinstance(target, SpatialTarget):
        accelerator = _engine(target, request, operands, work, choices[node.name])
    else:
        assert isinstance(target, TemporalTarget)
        accelerator = _array(target, request, operands, workloads, choices, exact)
    files = accelerator.files()
    for name, text in files.items():
        atomic_write_text(Path(request.folder) / name, text)
    compile_command, run_command = accelerator.commands()
    return {
        "folder": request.folder,
        "accelerator": accelerator.told,
        "layer": node.name,
        "accumulators": accelerator.tile.checks,
        "multipliers": [module.name for module in accelerator.types.modules],
        "design": list(accelerator.design_files),
        "testbench": list(accelerator.bench_files),
        "compile": compile_command,
        "run": run_command,
    }


def _rewritten(state: PassState, chosen: Assignment) -> onnx.ModelProto:
    """The int8 model with the assignment in it, so that codes are those that layers see."""
    chosen.check([c.name for c in state.candidates], [m.name for m in state.multipliers])
    return Rewrite()(state.replace(assignment=chosen)).model


def _array(
    target: TemporalTarget,
    request: RtlRequest,
    operands: LayerOperands,
    workloads: tuple[LayerWorkload, ...],
    choices: Mapping[str, tuple[Multiplier, ...]],
    exact: Multiplier,
) -> ArrayRtl:
    """Chooses the sizes of an array; a partitioned one is made up as the cost model makes it up."""
    small = target.elements <= SMALL
    rows = request.rows or (target.rows if small else min(target.rows, _PART))
    columns = request.columns or (target.cols if small else min(target.cols, _PART))
    in_use = {m.name: m for chosen in choices.values() for m in chosen}
    types = [in_use[name] for name in sorted(in_use)]
    makeup: tuple[int, ...] = ()
    if target.partitioned:
        part = target.override(rows=rows, cols=columns)
        held = part.cost(workloads, choices, exact).types
        makeup = tuple(held[multiplier.name].multipliers // rows for multiplier in types)
    return ArrayRtl(
        types=_types(types, request, multi_mode=not target.partitioned),
        operands=operands,
        accumulator_bits=target.accumulator_bits,
        rows=rows,
        columns=columns,
        dataflow=target.dataflow,
        makeup=makeup,
    )


def _engine(
    target: SpatialTarget,
    request: RtlRequest,
    operands: LayerOperands,
    work: LayerWorkload,
    multipliers: tuple[Multiplier, ...],
) -> EngineRtl:
    """Chooses the sizes of an engine; it holds the types of its layer."""
    pe, simd = _engine_sizes(target, request, operands, work)
    own = {m.name: m for m in multipliers if m.name in operands.types}
    return EngineRtl(
        types=_types([own[name] for name in sorted(own)], request, multi_mode=False),
        operands=operands,
        accumulator_bits=target.accumulator_bits,
        pe=pe,
        simd=simd,
    )


def _engine_sizes(
    target: SpatialTarget, request: RtlRequest, operands: LayerOperands, work: LayerWorkload
) -> tuple[int, int]:
    """Elements and lanes: as asked for, the target's own where that is small, or a part."""
    folding = next(iter(target.foldings((work,))))
    pe, simd = min(folding.pe, operands.filters), folding.simd
    if pe * simd > SMALL:
        pe = max(d for d in divisors(operands.filters) if d <= _PART)
        simd = max(d for d in divisors(operands.window) if d <= _PART)
    pe, simd = request.pe or pe, request.simd or simd
    for name, size, whole, what in (
        ("pe", pe, operands.filters, "filters"),
        ("simd", simd, operands.window, "products of an output"),
    ):
        if whole % size:
            fitting = ", ".join(map(str, divisors(whole)))
            raise ConfigError(
                f"{size} does not divide the {whole} {what} of layer {operands.layer}",
                where=f"--{name}",
                mend=f"choose of {fitting}",
            )
    return pe, simd


def _types(
    multipliers: list[Multiplier], request: RtlRequest, *, multi_mode: bool
) -> MultiplierSet:
    return MultiplierSet(tuple(_module(m, request.from_table) for m in multipliers), multi_mode)


def _module(multiplier: Multiplier, from_table: bool) -> MultiplierModule:
    """The Verilog of a multiplier."""
    found = rtl(multiplier, from_table=from_table)
    interface = found.interface
    return MultiplierModule(
        name=multiplier.name,
        top=interface.top,
        ports=(interface.activation, interface.weight, interface.product),
        width=interface.width,
        signed=multiplier.encoding.codes_signed or bool(multiplier.table.min() < 0),
        zero=int(multiplier.table[0, 0]) == 0,
        text=found.design,
    )
