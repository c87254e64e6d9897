"""Accelerators in Verilog: a small array or engine with given multipliers, and a tile to prove it.

What never changes lies in ``verilog/`` as parametric modules; what depends on the multipliers and
on the layer is written here.
"""

from hawx_onnx.hardware.rtl.accelerator import AcceleratorRtl
from hawx_onnx.hardware.rtl.arrays import ArrayRtl
from hawx_onnx.hardware.rtl.engines import EngineRtl
from hawx_onnx.hardware.rtl.multipliers import MultiplierModule, MultiplierSet
from hawx_onnx.hardware.rtl.operands import LayerOperands

__all__ = [
    "AcceleratorRtl",
    "ArrayRtl",
    "EngineRtl",
    "LayerOperands",
    "MultiplierModule",
    "MultiplierSet",
]
