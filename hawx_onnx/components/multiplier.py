"""The multiplier: one approximate-computing block as a truth table, with cost and provenance."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.planning import KernelPlan, plan_table
from hawx_onnx.components.rank import rational_rank
from hawx_onnx.components.statistics import (
    ErrorStatistics,
    error_statistics,
    weighted_error_statistics,
)
from hawx_onnx.components.tables import CODES, Encoding, IntArray, Table, exact_table
from hawx_onnx.components.used_bits import UsedBits, used_bits
from hawx_onnx.errors import LibraryError

if TYPE_CHECKING:
    from hawx_onnx.components.synthesis.characterization import CostedNetlist
    from hawx_onnx.components.synthesis.technology_costs import TechnologyCosts


@dataclass(frozen=True)
class ComponentCost:
    """What one hardware block costs in one technology.

    Costs compare only within one ``technology``: figures of different flows never share a budget.

    Attributes:
        technology: Short name of the flow and process that the figures come from.
        area_um2: Cell area, in square micrometres.
        delay_ns: Longest path, in nanoseconds.
        energy_fj: Dynamic energy of one operation, in femtojoules.
        leakage_nw: Static power, in nanowatts.
        provenance: Where the figures come from and what they are good for.
        periphery: Adders, registers and exact multipliers of the technology, where they are known
            from elsewhere than the package's own figures.
        netlist: Reads the mapped circuit that the figures are of; None where there is none. It
            may return None too.
        bits: What of its operands and product a multiplier uses; filled in with its table.
    """

    technology: str
    area_um2: float
    delay_ns: float
    energy_fj: float
    leakage_nw: float
    provenance: str
    periphery: TechnologyCosts | None = field(default=None, compare=False, repr=False)
    netlist: Callable[[], CostedNetlist | None] | None = field(
        default=None, compare=False, repr=False
    )
    bits: UsedBits | None = field(default=None, compare=False, repr=False)

    def document(self) -> dict[str, Any]:
        """Returns the figures as a JSON object."""
        return {name: value for name, value in vars(self).items() if name not in _PARTS}


_PARTS = ("periphery", "netlist", "bits")


@dataclass(frozen=True, eq=False)
class Multiplier:
    """An 8-bit by 8-bit multiplier, exact or approximate.

    Two multipliers compute the same if and only if their encodings and ``content_hash`` agree;
    names prove nothing, since libraries give one name to different circuits.

    Attributes:
        name: The name that users choose it by.
        encoding: How operand bit patterns are read.
        table: int32 [256, 256], read-only, indexed by bit patterns [activation][weight].
        cost: Hardware cost, or None where it is not known.
        source: Citation of the circuit.
        description: One line on what it does.

    Raises:
        LibraryError: The table has a wrong shape, or entries outside the int32 range.
    """

    name: str
    encoding: Encoding
    table: Table
    cost: ComponentCost | None
    source: str
    description: str

    def __post_init__(self) -> None:
        given = np.asarray(self.table)
        if given.shape != (CODES, CODES) or given.dtype.kind not in "iu":
            raise LibraryError(
                f"a truth table holds integers [256, 256], not {given.dtype} {list(given.shape)}",
                where=self.name,
            )
        table = np.array(given, dtype=np.int32, order="C")
        if given.dtype.itemsize >= table.itemsize and (table != given).any():
            raise LibraryError("the truth table has entries outside int32", where=self.name)
        table.setflags(write=False)
        object.__setattr__(self, "table", table)
        if self.cost is not None and self.cost.bits is None:
            object.__setattr__(self, "cost", replace(self.cost, bits=used_bits(table)))

    def __repr__(self) -> str:
        return f"Multiplier({self.name!r}, {self.encoding.value}, {self.content_hash[:12]})"

    @functools.cached_property
    def error_table(self) -> IntArray:
        """T[a][w] - a*w, int64 [256, 256], read-only."""
        error = self.table.astype(np.int64) - exact_table(self.encoding)
        error.setflags(write=False)
        return error

    @functools.cached_property
    def statistics(self) -> ErrorStatistics:
        """Error figures over all 65,536 operand pairs."""
        return error_statistics(self.table, exact_table(self.encoding))

    def statistics_under(
        self, activations: npt.ArrayLike, weights: npt.ArrayLike
    ) -> ErrorStatistics:
        """Returns error figures as operands occur.

        Args:
            activations: How often each activation code occurs, [256] by bit pattern.
            weights: The same of the weights' codes.

        Raises:
            ConfigError: A histogram has another shape, is negative, not finite, or counts nothing.
        """
        exact = exact_table(self.encoding)
        return weighted_error_statistics(self.table, exact, activations, weights)

    @functools.cached_property
    def rank(self) -> int:
        """Exact rational rank of the table: as many exact integer products emulate it."""
        return rational_rank(self.table)

    @functools.cached_property
    def error_rank(self) -> int:
        """Exact rational rank of the error table; 0 for the exact multiplier."""
        return rational_rank(self.error_table)

    @functools.cached_property
    def plan(self) -> KernelPlan:
        """What structure of the table a kernel can make use of.

        Found on first use, within half a second for multipliers known today.
        """
        return plan_table(self.table, self.encoding)

    @functools.cached_property
    def content_hash(self) -> str:
        """SHA-256 of the table's little-endian int32 bytes, in hex."""
        return hashlib.sha256(self.table.astype("<i4").tobytes()).hexdigest()

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether every product is exact."""
        return bool(np.array_equal(self.table, exact_table(self.encoding)))
