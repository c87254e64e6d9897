"""Hardware cost of any model: float, int8 or rewritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.frontend.model import load_model
from hawx_onnx.hardware import LayerWorkload, Target, load_target, operands_of
from hawx_onnx.one_order import one_order
from hawx_onnx.passes import Canonicalize, PassState
from hawx_onnx.passes.approximate import TABLES
from hawx_onnx.passes.find_candidates import FLOAT_OPS, measure_workloads, products
from hawx_onnx.passes.graph import metadata
from hawx_onnx.passes.integer_ops import INTEGER_OPS
from hawx_onnx.passes.rewrite import ASSIGNMENT_KEY
from hawx_onnx.predictors.hardware_cost import prediction_warning, with_predicted_costs
from hawx_onnx.report.build import savings
from hawx_onnx.rewritten import held_assignment, is_rewritten
from hawx_onnx.rtl_emission import RtlRequest, check_request, emit_rtl
from hawx_onnx.settings import Settings

_UNIFORM = "power is that of uniform operands"


@one_order()
def cost_model(
    path: str | Path,
    settings: Settings,
    assignment: Assignment | None = None,
    dataflow: str | None = None,
    rtl: RtlRequest | None = None,
) -> dict[str, Any]:
    """Costs a model on a target.

    Args:
        path: The ONNX file; a rewritten one is costed with the multipliers it holds.
        settings: ``target``, ``library`` and ``predict_costs`` are read.
        assignment: Multipliers; wins over those in the file. Layers left out are exact.
        dataflow: Replaces the dataflow of a temporal target.
        rtl: The accelerator to write in Verilog; ``data``, ``preprocess``, ``seed`` and ``jobs`` of
            the settings are read then.

    Returns:
        The document of ``cost --json``. Its ``operands`` tell what multiplications are costed
        under: ``own`` operands of each layer, as far as the assignment carries energies, else
        ``uniform`` ones, or ``mixed``.

    Raises:
        HawxError: Whatever the user can mend.
    """
    target = load_target(settings.target)
    if dataflow is not None:
        target = target.override(dataflow=dataflow)
    if rtl is not None:
        check_request(rtl, target)
    model = load_model(path)
    workloads = model_workloads(model)
    chosen = Assignment(()) if assignment is None else assignment
    held = is_rewritten(model) or ASSIGNMENT_KEY in metadata(model)
    if assignment is None and held:
        chosen = held_assignment(model)
    used = _multipliers(chosen, settings)
    chosen.check([workload.name for workload in workloads], list(used))
    exact = _exact_for(used.values(), settings)
    target = target.for_network(workloads, exact)
    workloads, notes = _with_energies(workloads, chosen, exact, target)
    if assignment is None and not held:
        # A plain model is exact, and nobody expects it to know its operands.
        notes = []
    choices = _choices(chosen, workloads, used)
    report = target.cost(workloads, choices, exact)
    baseline = target.cost(workloads, {}, exact)
    document = report.to_dict()
    document["baseline"] = baseline.to_dict()["total"]
    document["savings"] = savings(baseline.total, report.total)
    document["assignment"] = chosen.to_dict()
    document["operands"] = operands_of(workloads)
    document["notes"] += [*notes, *prediction_warning(used.values())]
    if rtl is not None:
        multipliers = (exact, *(one for one in used.values() if one.name != exact.name))
        document["rtl"] = emit_rtl(model, settings, target, rtl, chosen, multipliers, workloads)
    return document


def model_workloads(model: onnx.ModelProto) -> tuple[LayerWorkload, ...]:
    """The products of every Conv, MatMul and Gemm, whatever its precision.

    Raises:
        ModelError: There is none.
    """
    known = [p for p in products(model) if p.kind in (*FLOAT_OPS, *INTEGER_OPS)]
    if not known:
        raise ModelError(
            "has no Conv, MatMul or Gemm to cost", where="model", mend="give another model"
        )
    if not all(product.node.name for product in known):
        # Layers go by the names of an assignment, which the first pass gave to unnamed nodes.
        named = Canonicalize()(PassState(model)).model
        return model_workloads(named)
    return measure_workloads(model, known)


def held_tables(model: onnx.ModelProto) -> np.ndarray:
    """The truth tables of a rewritten model: int32 [T, 256, 256]."""
    for tensor in model.graph.initializer:
        if tensor.name == TABLES:
            return np.asarray(onnx.numpy_helper.to_array(tensor))
    return np.zeros((0, 256, 256), np.int32)


def _multipliers(assignment: Assignment, settings: Settings) -> dict[str, Multiplier]:
    shelf = ("builtin", *settings.library)
    found = components.resolve(assignment.multipliers(), shelf)
    costed = [components.with_known_cost(one) for one in found]
    if settings.predict_costs:
        costed = list(with_predicted_costs(costed))
    return {one.name: one for one in costed}


def _exact_for(used: Iterable[Multiplier], settings: Settings) -> Multiplier:
    used = list(used)
    signed = {multiplier.encoding.codes_signed for multiplier in used}
    if len(signed) > 1:
        raise ConfigError(
            "mixes multipliers of int8 and of uint8 codes",
            where="assignment",
            mend="one network has one kind of codes",
        )
    return components.exact_for(used, settings.library)


def _choices(
    assignment: Assignment, workloads: Sequence[LayerWorkload], used: Mapping[str, Multiplier]
) -> dict[str, Multiplier | tuple[Multiplier, ...]]:
    """Names turned into multipliers, channel counts checked."""
    result: dict[str, Multiplier | tuple[Multiplier, ...]] = {}
    for workload in workloads:
        choice = assignment.get(workload.name)
        if isinstance(choice, str):
            result[workload.name] = used[choice]
        elif choice is not None:
            names = assignment.per_channel(workload.name, workload.filters, "")
            result[workload.name] = tuple(used[name] for name in names)
    return result


def _with_energies(
    workloads: tuple[LayerWorkload, ...], chosen: Assignment, exact: Multiplier, target: Target
) -> tuple[tuple[LayerWorkload, ...], list[str]]:
    """Returns workloads with the energies that an assignment carries, and a note on lacking ones.

    A layer takes its own where they tell of all multipliers that it uses and of the exact one;
    energies under uniform and under real operands do not compare.
    """
    energies = chosen.energies
    if energies is None:
        return workloads, [
            f"{_UNIFORM}: the assignment carries no energies under the layers' own (those that "
            "`optimize` writes do)"
        ]
    technology = None if exact.cost is None else exact.cost.technology
    if energies.technology != technology:
        return workloads, [
            f"{_UNIFORM}: the assignment's energies are of {energies.technology}, the multipliers' "
            f"figures of {technology}"
        ]
    same = energies.stays == target.stays
    if not same and {energies.stays, target.stays} != {"output", "engine"}:
        return workloads, [
            f"{_UNIFORM}: in the elements that the assignment's energies are of, the "
            f"{energies.stays} stays, in those of {target.name} the {target.stays}"
        ]
    result, lacking = [], {}
    for work in workloads:
        own = energies.of_layer(work.name)
        used = chosen.per_channel(work.name, work.filters, exact.name)
        absent = dict.fromkeys((*used, exact.name)).keys() - dict(own).keys()
        if absent:
            lacking[work.name] = min(absent)
        around = energies.around_layer(work.name) if same else ()
        result.append(work if absent else replace(work, energies_fj=own, around_fj=around))
    if not lacking:
        return tuple(result), []
    layer, name = next(iter(lacking.items()))
    more = f" and {len(lacking) - 1} more layers" if len(lacking) > 1 else ""
    return tuple(result), [
        f"{_UNIFORM} in {layer}{more}: the assignment carries no energy of {name} there"
    ]
