"""The decision which kind of kernel emulates a truth table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.factorization import Factorization, factorize
from hawx_onnx.components.rank import distinct_rows
from hawx_onnx.components.tables import Encoding, IntArray, exact_table

FEW = 64
"""Distinct rows or columns that one 512-bit register of bytes holds: shorter look-ups."""

Kind = Literal["exact", "rank1", "low-rank", "low-rank-error", "few-rows", "few-columns", "general"]


@dataclass(frozen=True, eq=False)
class KernelPlan:
    """What structure of a table a kernel can make use of.

    Attributes:
        kind: ``exact`` (the exact product), ``rank1`` (one product of transformed operands),
            ``low-rank`` (several), ``low-rank-error`` (the exact product and several),
            ``few-rows`` or ``few-columns`` (look-ups in at most 64 distinct rows or columns),
            or ``general``.
        factorization: The best one found, whether the kind makes use of it or not; None for the
            exact table, and where the rank is too high.
        distinct_rows: Activation codes that the table tells apart.
        distinct_columns: Weight codes that the table tells apart.
        max_row_span: Largest minus smallest entry of a row (one activation code), at most.
        max_column_span: The same of a column (one weight code).
        max_error_span: The same of a column of T - a*w; below 256, corrections fit a byte.
    """

    kind: Kind
    factorization: Factorization | None
    distinct_rows: int
    distinct_columns: int
    max_row_span: int
    max_column_span: int
    max_error_span: int

    @property
    def terms(self) -> int:
        """Terms of the factorisation that the kind makes use of; 0 without."""
        used = self.kind in ("rank1", "low-rank", "low-rank-error")
        return self.factorization.terms if self.factorization and used else 0

    @property
    def fits_8_bits(self) -> bool:
        """Whether a factorisation was found with every factor within int8 or uint8."""
        return self.factorization is not None and self.factorization.fits_8_bits

    @property
    def text(self) -> str:
        """One line for people."""
        terms = f"{self.terms} term{'s' if self.terms != 1 else ''} of 8-bit factors"
        told = {
            "exact": "the exact product",
            "rank1": "one exact product of transformed operands",
            "low-rank": terms,
            "low-rank-error": f"the exact product and {terms}",
            "few-rows": f"look-ups in {self.distinct_rows} distinct rows",
            "few-columns": f"look-ups in {self.distinct_columns} distinct columns",
            "general": "look-ups in the whole table",
        }[self.kind]
        found = self.factorization
        wide = found is not None and not found.fits_8_bits
        note = f" (rank {found.rank}, wider than 8 bits)" if found and wide else ""
        return f"{self.kind}: {told}{note}"

    def document(self) -> dict[str, Any]:
        """Returns the plan as a JSON object; factors themselves are left out."""
        found = self.factorization
        return {
            "kind": self.kind,
            "terms": self.terms,
            "fits_8_bits": self.fits_8_bits,
            "factorization": found
            and {
                "of": found.of,
                "rank": found.rank,
                "terms": found.terms,
                "products": found.products,
                "scales": [int(scale) for scale in found.scales],
                "left_types": list(found.left_types),
                "right_types": list(found.right_types),
            },
            "distinct_rows": self.distinct_rows,
            "distinct_columns": self.distinct_columns,
            "max_row_span": self.max_row_span,
            "max_column_span": self.max_column_span,
            "max_error_span": self.max_error_span,
            "text": self.text,
        }


def plan_table(table: npt.NDArray[np.integer], encoding: Encoding) -> KernelPlan:
    """Decides what structure of a table a kernel should make use of.

    Args:
        table: Integers [256, 256] within the int32 range, by bit patterns [activation][weight].
        encoding: How operands are read.
    """
    truth = table.astype(np.int64)
    error = truth - exact_table(encoding)
    found = factorize(truth, encoding) if error.any() else None
    rows, columns = len(distinct_rows(truth)), len(distinct_rows(truth.T))
    return KernelPlan(
        kind=_kind(found, rows, columns) if error.any() else "exact",
        factorization=found,
        distinct_rows=rows,
        distinct_columns=columns,
        max_row_span=_span(truth.T),
        max_column_span=_span(truth),
        max_error_span=_span(error),
    )


def _kind(found: Factorization | None, rows: int, columns: int) -> Kind:
    if found is not None and found.fits_8_bits:
        if found.of == "error":
            return "low-rank-error"
        return "rank1" if found.terms == 1 else "low-rank"
    if min(rows, columns) <= FEW:
        return "few-rows" if rows <= columns else "few-columns"
    return "general"


def _span(matrix: IntArray) -> int:
    """The largest difference within a column."""
    return int((matrix.max(axis=0) - matrix.min(axis=0)).max())
