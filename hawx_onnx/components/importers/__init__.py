"""Multipliers of others: netlists, an EvoApproxLib checkout, truth tables, Python functions."""

from __future__ import annotations

from hawx_onnx.components.importers.options import Failure, Imported, ImportOptions
from hawx_onnx.components.importers.paths import import_path

__all__ = ["Failure", "ImportOptions", "Imported", "import_path"]
