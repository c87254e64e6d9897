"""Multipliers of libraries: with provenance, published figures and Verilog, read when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.statistics import ErrorStatistics
from hawx_onnx.components.tables import Table


@dataclass(frozen=True)
class Provenance:
    """Where a multiplier of a library comes from.

    Attributes:
        origin: The file or function, relative to what was imported.
        licence: The licence line of the file; empty where it has none.
        source_sha256: SHA-256 of the file, in hex.
        flow: Programs and versions that made the table.
        date: Day of the import, ISO 8601.
        top: The Verilog's top module.
        ports: Its ports: activation, weight, product.
        core: Whether the Verilog is the unsigned core that a sign-magnitude table wraps.
        notes: What was guessed or found odd.
    """

    origin: str = ""
    licence: str = ""
    source_sha256: str = ""
    flow: str = ""
    date: str = ""
    top: str = ""
    ports: tuple[str, ...] = ()
    core: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known of a table without reading it."""

    content_hash: str
    is_exact: bool
    rank: int
    error_rank: int
    statistics: ErrorStatistics

    @classmethod
    def of(cls, multiplier: Multiplier) -> Known:
        """Takes or finds the figures of a multiplier."""
        return cls(
            multiplier.content_hash,
            multiplier.is_exact,
            multiplier.rank,
            multiplier.error_rank,
            multiplier.statistics,
        )


@dataclass(frozen=True, eq=False, repr=False)
class StoredMultiplier(Multiplier):
    """A multiplier of a library.

    Instead of the table a function may be given that reads it on first use; what ``known`` holds
    is then told without it.

    Attributes:
        provenance: Where it comes from.
        published: Figures that its authors published, by name with unit (``pdk45_area_um2``). They
            are of another flow than ``cost`` and never enter a budget.
        figures: Further figures of our flow, by name with unit.
        verilog: The Verilog text, or a function that reads it; None for a table alone.
        known: Figures of the table, or None.
    """

    provenance: Provenance = Provenance()
    published: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    verilog: str | Callable[[], str] | None = None
    known: Known | None = None

    def __post_init__(self) -> None:
        table: object = self.table
        if callable(table):
            object.__setattr__(self, "_read_table", table)
            object.__delattr__(self, "table")  # looked up again, it is read
        else:
            super().__post_init__()
        known = self.known
        if known is None:
            return
        if not callable(table) and known.content_hash != self.content_hash:
            object.__setattr__(self, "known", None)
            return
        # Where the cached properties of a multiplier look first.
        self.__dict__.update(vars(known))

    def __getattr__(self, name: str) -> Table:
        read = self.__dict__.get("_read_table")
        if name != "table" or read is None:
            raise AttributeError(name)
        object.__setattr__(self, "table", read())
        Multiplier.__post_init__(self)
        return self.table

    def read_verilog(self) -> str | None:
        """Returns the Verilog text, or None where the library holds a table alone.

        Raises:
            ComponentError: The file is missing or is not what the library's index says.
        """
        return self.verilog() if callable(self.verilog) else self.verilog


def stored(multiplier: Multiplier) -> StoredMultiplier:
    """Returns a multiplier as one of a library, with its figures."""
    known = Known.of(multiplier)
    if isinstance(multiplier, StoredMultiplier):
        if multiplier.known is not None:
            return multiplier
        fields = {name: getattr(multiplier, name) for name in multiplier.__dataclass_fields__}
        return StoredMultiplier(**{**fields, "known": known})
    return StoredMultiplier(
        multiplier.name,
        multiplier.encoding,
        multiplier.table,
        multiplier.cost,
        multiplier.source,
        multiplier.description,
        known=known,
    )
