"""Designs as multipliers of a library: with Verilog and provenance."""

from __future__ import annotations

import datetime
import hashlib

import hawx_onnx
from hawx_onnx.components.generation.sweep import Design
from hawx_onnx.components.rtl import LICENCE, design_text
from hawx_onnx.components.stored import Provenance, StoredMultiplier


def stored_design(design: Design, family: str) -> StoredMultiplier:
    """Returns a design as a library keeps it.

    Args:
        design: The multiplier and its circuit.
        family: The family that it was generated from.
    """
    multiplier = design.multiplier
    text = design_text(multiplier, design.network, multiplier.source)
    return StoredMultiplier(
        multiplier.name,
        multiplier.encoding,
        multiplier.table,
        multiplier.cost,
        multiplier.source,
        multiplier.description,
        provenance=Provenance(
            origin=f"library generate --family {family}",
            licence=LICENCE,
            source_sha256=hashlib.sha256(text.encode()).hexdigest(),
            flow=f"hawx-onnx {hawx_onnx.__version__}, circuit simulated",
            date=datetime.date.today().isoformat(),
            top=multiplier.name,
            ports=("A", "B", "O"),
        ),
        verilog=text,
    )
