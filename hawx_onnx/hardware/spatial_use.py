"""How a network uses the multipliers of a pipeline, beyond what its plan counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware.assignment import Usage
from hawx_onnx.hardware.report import TypeUse
from hawx_onnx.hardware.spatial_plan import SpatialPlan
from hawx_onnx.hardware.technology import ComponentFigures
from hawx_onnx.hardware.units import femto_to_micro
from hawx_onnx.hardware.workload import LayerWorkload


def beyond_uj(
    plan: SpatialPlan,
    workloads: tuple[LayerWorkload, ...],
    figures: Mapping[str, ComponentFigures],
) -> npt.NDArray[np.float64]:
    """Returns what a lane takes for a product beyond what the plan counts: [L, M] in uJ."""
    return np.array(
        [
            [femto_to_micro(e.beyond_fj(w, name, cost)) for name, cost in figures.items()]
            for e, w in zip(plan.engines, workloads, strict=True)
        ]
    )


def types_of_plan(
    plan: SpatialPlan, workloads: tuple[LayerWorkload, ...], usage: Usage
) -> dict[str, TypeUse]:
    """Returns how the multipliers of each type are used."""
    held, macs = dict.fromkeys(usage.figures, 0), dict.fromkeys(usage.figures, 0)
    for engine, work, counts in zip(plan.engines, workloads, usage.layers, strict=True):
        for name, channels in counts.items():
            held[name] += -(-channels // engine.folding.neuron_fold) * engine.folding.simd
            macs[name] += work.output_positions * work.window * channels
    return {
        name: TypeUse(count, macs[name], macs[name] / (count * plan.interval))
        for name, count in held.items()
    }
