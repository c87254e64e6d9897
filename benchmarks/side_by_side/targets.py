"""What the speeds of kernels are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from side_by_side.shapes import SHAPES, Shape

Row = Mapping[str, Any]
SHAPE_OF = {shape.name: shape for shape in SHAPES}
WORTH_SPLITTING = 1_000_000  # products below which threads have nothing to share


@dataclass(frozen=True)
class Verdict:
    """A measured figure against its limit.

    Attributes:
        shape: Name of the shape.
        batch: Images or rows.
        case: Name of the case.
        what: What is measured.
        value: The figure.
        limit: What it is held against.
        met: Whether the target is met.
        disturbed: Whether other programs took part, so that the figure tells little.
    """

    shape: str
    batch: int
    case: str
    what: str
    value: float
    limit: float
    met: bool
    disturbed: bool

    def document(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Returns a verdict for every row and target that concerns it."""
    return [
        Verdict(
            row["shape"], row["batch"], row["case"], what, row[key], limit, met, row["disturbed"]
        )
        for row in rows
        for what, key, limit, met in _judged(row)
    ]


def _judged(row: Row) -> Iterator[tuple[str, str, float, bool]]:
    """Yields what, the key of the figure, the limit, and whether it is met."""
    shape = SHAPE_OF[row["shape"]]
    if row["case"] in ("exact", "look-up loop"):
        return
    if row["isa"] == "avx2":
        yield _at_least("AVX2, times the loop", "times_loop", row, 2.0)
        return
    if row["threads"] > 1:
        if row["threads"] == 2 and shape.macs(row["batch"]) >= WORTH_SPLITTING:
            yield _at_least("two threads, times one", "times_one_thread", row, 1.7)
        return
    if row["rank"] and shape.large:
        limit = 1.4 if row["rank"] == 1 else row["rank"] + 1.0
        yield "time, of exact", "of_exact", limit, row["of_exact"] <= limit
    if not row["rank"]:
        floor = _floor(shape, row)
        if floor:
            yield _at_least("GMAC/s", "gmacs", row, floor)


def _at_least(what: str, key: str, row: Row, limit: float) -> tuple[str, str, float, bool]:
    return what, key, limit, row[key] >= limit


def _floor(shape: Shape, row: Row) -> float:
    """The least GMAC/s of look-ups on one core; 0 where nothing is asked."""
    if shape.depthwise:
        return 8.0
    if shape.name == "LeNet-5 conv2":
        return 10.0 if row["batch"] == 16 else 0.0
    if shape.depth < 64:
        return 0.0
    return 28.0 if "codes < 128" in row["case"] else 20.0
