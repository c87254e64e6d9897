"""Results as the tables of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
RANKS = tuple(f"rank {rank}" for rank in range(1, 6))
GENERAL, LOW_CODES, LOOP = "general", "general, codes < 128", "look-up loop"


def table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)


def kernel_tables(rows: Sequence[Row]) -> Iterator[str]:
    """Yields a table for each instruction set: the widest, then AVX2 if it was measured."""
    for isa in dict.fromkeys(row["isa"] for row in rows):
        found = [row for row in rows if row["isa"] == isa]
        by = {(r["shape"], r["batch"], r["case"], r["threads"]): r for r in found}
        shapes = dict.fromkeys((row["shape"], row["batch"]) for row in found)
        heads, line = (_AVX2, _avx2_line) if isa == "avx2" else (_HEADS, _line)
        yield table(heads, (line(by, *key) for key in shapes))


_HEADS = (
    *("shape", "batch", "exact GMAC/s", *RANKS),
    *("any table GMAC/s", "codes < 128", "loop", "two threads, rank 1", "any table"),
)
_AVX2 = ("shape", "batch", "loop GMAC/s", "any table", "times the loop", "rank 1", "times the loop")


def _line(by: Mapping[Any, Row], shape: str, batch: int) -> list[str]:
    """Of ranks the time over the exact operator's, of threads the speed-up; ? where disturbed."""

    def cell(case: str, key: str, digits: int, threads: int = 1) -> str:
        row = by.get((shape, batch, case, threads))
        if row is None or row[key] is None:
            return "-"
        return f"{row[key]:.{digits}f}{'?' if row['disturbed'] else ''}"

    return [
        *(shape, str(batch), cell("exact", "gmacs", 0)),
        *(cell(rank, "of_exact", 2) for rank in RANKS),
        *(cell(case, "gmacs", 1) for case in (GENERAL, LOW_CODES, LOOP)),
        *(cell(case, "times_one_thread", 2, 2) for case in ("rank 1", GENERAL)),
    ]


def _avx2_line(by: Mapping[Any, Row], shape: str, batch: int) -> list[str]:
    loop, every, one = (by[shape, batch, case, 1] for case in (LOOP, GENERAL, "rank 1"))
    figures = (every["gmacs"], every["times_loop"], one["gmacs"], one["times_loop"])
    return [shape, str(batch), *(f"{figure:.1f}" for figure in (loop["gmacs"], *figures))]


def network_table(rows: Sequence[Row]) -> str:
    """Milliseconds of each network, and the ratio to onnxruntime's own int8 form."""
    heads = (
        "network",
        "batch",
        "threads",
        "int8 ms",
        "rank 1 ms",
        "ratio",
        "any table ms",
        "ratio",
    )
    by = {(r["network"], r["batch"], r["threads"], r["case"]): r for r in rows}

    def line(network: str, batch: int, threads: int) -> list[object]:
        stock, one, every = (
            by[network, batch, threads, case] for case in ("int8", "rank 1", GENERAL)
        )
        cells = [f"{stock['ms']:.3f}"]
        for row in (one, every):
            cells += [f"{row['ms']:.3f}", f"{row['of_int8']:.2f}"]
        return [network, batch, threads, *cells]

    return table(heads, (line(*key) for key in dict.fromkeys(key[:3] for key in by)))
