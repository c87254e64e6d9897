"""The families of built-in multipliers, one module each, generated from published definitions.

A family module offers ``definitions()``; adding one here is all that a new family takes.
"""

from __future__ import annotations

from hawx_onnx.components.families import (
    broken_array,
    broken_booth,
    column_truncation,
    drum,
    etm,
    exact,
    kulkarni,
    lower_or,
    mitchell,
    operand_truncation,
    roba,
    static_segment,
)
from hawx_onnx.components.families.definition import Definition

FAMILIES = (
    exact,
    operand_truncation,
    column_truncation,
    broken_array,
    broken_booth,
    lower_or,
    drum,
    static_segment,
    mitchell,
    roba,
    kulkarni,
    etm,
)

__all__ = ["FAMILIES", "Definition"]
