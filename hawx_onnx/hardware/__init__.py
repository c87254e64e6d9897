"""Accelerators: what a network with given multipliers costs on spatial and temporal hardware."""

from __future__ import annotations

from hawx_onnx.hardware.loading import load_target, target_names
from hawx_onnx.hardware.report import (
    OBJECTIVES,
    CostReport,
    CostTotals,
    EnergyParts,
    LayerCost,
    TypeUse,
)
from hawx_onnx.hardware.soft_gpu import SoftGpuTarget
from hawx_onnx.hardware.spatial import SpatialTarget
from hawx_onnx.hardware.target import Target
from hawx_onnx.hardware.temporal import DATAFLOWS, TemporalTarget
from hawx_onnx.hardware.terms import CostTerms, ManyTotals
from hawx_onnx.hardware.workload import Geometry, LayerWorkload, operands_of

__all__ = [
    "DATAFLOWS",
    "OBJECTIVES",
    "CostReport",
    "CostTerms",
    "CostTotals",
    "EnergyParts",
    "Geometry",
    "LayerCost",
    "LayerWorkload",
    "ManyTotals",
    "SoftGpuTarget",
    "SpatialTarget",
    "Target",
    "TemporalTarget",
    "TypeUse",
    "load_target",
    "operands_of",
    "target_names",
]
