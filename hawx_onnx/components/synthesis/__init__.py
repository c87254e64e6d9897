"""Synthesis: circuits mapped to the cells of a technology, and what they cost there."""

from hawx_onnx.components.synthesis.characterization import (
    Characterization,
    CostedNetlist,
    characterize,
    costed_netlist,
)
from hawx_onnx.components.synthesis.power import MODES, UNIT_DELAY, ZERO_DELAY
from hawx_onnx.components.synthesis.technology import cell_library, technology_name

__all__ = [
    "MODES",
    "UNIT_DELAY",
    "ZERO_DELAY",
    "Characterization",
    "CostedNetlist",
    "cell_library",
    "characterize",
    "costed_netlist",
    "technology_name",
]
