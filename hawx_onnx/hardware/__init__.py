"""Accelerators: what a network with given multipliers costs on spatial and temporal hardware."""

from __future__ import annotations

from hawx_onnx.hardware.loading import load_target, target_names
from hawx_onnx.hardware.report import OBJECTIVES, CostReport, CostTotals, LayerCost
from hawx_onnx.hardware.spatial import SpatialTarget
from hawx_onnx.hardware.target import Target
from hawx_onnx.hardware.temporal import DATAFLOWS, TemporalTarget
from hawx_onnx.hardware.terms import CostTerms
from hawx_onnx.hardware.workload import LayerWorkload, operands_of

__all__ = [
    "DATAFLOWS",
    "OBJECTIVES",
    "CostReport",
    "CostTerms",
    "CostTotals",
    "LayerCost",
    "LayerWorkload",
    "SpatialTarget",
    "Target",
    "TemporalTarget",
    "load_target",
    "operands_of",
    "target_names",
]
