"""Whole libraries from parametric families: their parameters swept, the best ones kept."""

from hawx_onnx.components.generation.catalogue import find_sweep, sweep_names
from hawx_onnx.components.generation.sweep import (
    Design,
    Parameter,
    Sweep,
    distinct,
    generate,
    pareto_designs,
)

__all__ = [
    "Design",
    "Parameter",
    "Sweep",
    "distinct",
    "find_sweep",
    "generate",
    "pareto_designs",
    "sweep_names",
]
