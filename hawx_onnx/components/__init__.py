"""Approximate-computing blocks: multipliers as truth tables, with error statistics and costs.

>>> from hawx_onnx import components
>>> multiplier = components.load("mul8sm_drum6")
>>> multiplier.statistics.mre < 0.01, multiplier.rank
(True, 1)
"""

from __future__ import annotations

from hawx_onnx.components.builtin import builtin_network, exact
from hawx_onnx.components.factorization import Factorization, factorize
from hawx_onnx.components.factors import stacked_factors
from hawx_onnx.components.histograms import OperandHistograms, read_histograms
from hawx_onnx.components.importers import import_path
from hawx_onnx.components.library import (
    exact_for,
    load,
    load_library,
    names,
    resolve,
    with_known_cost,
)
from hawx_onnx.components.library_files import write_library
from hawx_onnx.components.multiplier import ComponentCost, Multiplier
from hawx_onnx.components.planning import KernelPlan
from hawx_onnx.components.selection import default_candidates, network_error, pareto
from hawx_onnx.components.statistics import (
    ErrorStatistics,
    error_statistics,
    weighted_error_statistics,
)
from hawx_onnx.components.stored import Provenance, StoredMultiplier
from hawx_onnx.components.table_files import save_library
from hawx_onnx.components.tables import Encoding, exact_table, operand_values

__all__ = [
    "ComponentCost",
    "Encoding",
    "ErrorStatistics",
    "Factorization",
    "KernelPlan",
    "Multiplier",
    "OperandHistograms",
    "Provenance",
    "StoredMultiplier",
    "builtin_network",
    "default_candidates",
    "error_statistics",
    "exact",
    "exact_for",
    "exact_table",
    "factorize",
    "import_path",
    "load",
    "load_library",
    "names",
    "network_error",
    "operand_values",
    "pareto",
    "read_histograms",
    "resolve",
    "save_library",
    "stacked_factors",
    "weighted_error_statistics",
    "with_known_cost",
    "write_library",
]
