"""Rank correlation of our area, delay and energy with the figures that authors published.

Beside it stands the root-mean-square error of both as shares of the exact multiplier's figures.

Published figures are told by a CSV file with the columns name, encoding, table_sha256 (of the
little-endian int32 truth table), pdk45_area_um2, pdk45_delay_ns and pdk45_power_mw. Circuits are
those of the libraries given, made by `hawx-onnx library import` and `library characterize`, and
the built-in ones.

    python benchmarks/published_area.py metrics.csv [--library LIB]...
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from hawx_onnx import components
from hawx_onnx.components import Multiplier

FIGURES = {
    "area_um2": "pdk45_area_um2",
    "delay_ns": "pdk45_delay_ns",
    "energy_fj": "pdk45_power_mw",
}
DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "evoapprox" / "metrics.csv"


def hashes(multiplier: Multiplier) -> tuple[str, str]:
    """Hashes of the table with the operands in either order."""
    turned = np.ascontiguousarray(multiplier.table.T).astype("<i4").tobytes()
    return multiplier.content_hash, hashlib.sha256(turned).hexdigest()


def main() -> int:
    """Matches circuits with rows by truth table and encoding, and correlates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metrics", nargs="?", type=Path, default=DEFAULT, help="CSV file")
    parser.add_argument("--library", action="append", default=[], metavar="LIB")
    args = parser.parse_args()
    if not args.metrics.is_file():
        print(f"left out: there is no {args.metrics.name}")
        return 0
    with args.metrics.open(encoding="utf-8", newline="") as file:
        rows = {(row["encoding"], row["table_sha256"]): row for row in csv.DictReader(file)}
    pairs: dict[str, tuple[Multiplier, dict[str, str]]] = {}
    for library in (*args.library, "builtin"):
        for multiplier in components.load_library(library):
            for digest in hashes(multiplier):
                row = rows.get((multiplier.encoding.value, digest))
                if row is not None and multiplier.cost is not None:
                    pairs.setdefault(row["name"], (multiplier, row))
    print(f"{len(pairs)} of {len(rows)} published multipliers have a circuit here")
    for encoding in ("signed", "unsigned"):
        report(encoding, [pair for pair in pairs.values() if pair[1]["encoding"] == encoding])
    report("all", list(pairs.values()))
    return 0


def report(title: str, pairs: list[tuple[Multiplier, dict[str, str]]]) -> None:
    """Prints the correlations of a group, where it is large enough."""
    if len(pairs) < 3:
        return
    exact = next((place for place, (one, _) in enumerate(pairs) if one.is_exact), None)
    for ours, theirs in FIGURES.items():
        found = np.array([getattr(multiplier.cost, ours) for multiplier, _ in pairs])
        told = np.array([float(row[theirs]) for _, row in pairs])
        line = f"{title:9} {ours:10} Spearman {spearmanr(found, told)[0]:.3f} over {len(pairs)}"
        if exact is not None:
            off = found / found[exact] - told / told[exact]
            line += f", shares of {pairs[exact][0].name} off by {np.sqrt((off**2).mean()):.3f} RMS"
        print(line)


if __name__ == "__main__":
    sys.exit(main())
