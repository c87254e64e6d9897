"""Area and power of the cost models against the Verilog of the same accelerators, synthesised.

`cost --emit-rtl` writes arrays and engines of LeNet-5; yosys maps them to OSU 0.18 um, registers to
its flip-flops. Area: each type of element is mapped once and counted, the 4 x 4 arrays and engines
of 15 lanes are mapped flat too. Power: Icarus Verilog simulates the gates of a 4 x 4 array, or of
an engine of 15 lanes, on a real tile of conv2, each gate one step late; toggles are priced as in
characterisation, so that no wires count on either side. The model is told with the operands of that
tile, with those that calibration kept of the layer, and uniform ones. Rank: 20 random mixtures of
the built-in int8 multipliers on the columns of a 4 x 4 array.

    python benchmarks/rtl_costs.py [--quick] [--only area power rank] [--markdown]

Needs yosys, iverilog and qflow-tech-osu018; some 15 minutes, 1 with --quick.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from gate_level.designs import ENGINE, KINDS, OUTPUT, WEIGHT, Design, Kind, array, engine
from gate_level.power import energy, simulate
from gate_level.synthesis import SequentialNetlist, synthesize
from scipy.stats import spearmanr

from hawx_onnx.components.builtin import builtin_names
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.technology import OSU018, cell_library

LAYER = "conv2"
TOP, BENCH = "hawx_accelerator", "hawx_accelerator_tb"
MIXTURES = (
    ("mul8s_exact",),
    ("mul8s_exact", "mul8s_ctrunc4", "mul8sm_mitchell"),
    ("mul8s_exact", "mul8s_trunc2", "mul8sm_drum4", "mul8s_bam_h2_v5"),
)
# Cycles of conv2 that give engines of 15, 60 and 240 lanes, and their elements and lanes.
ENGINES = ((16_000, 1, 15), (4_000, 2, 30), (1_000, 8, 30))
RANDOM = 20


def main() -> int:
    """Runs the parts that are asked for and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one mixture, small arrays, no rank")
    parser.add_argument("--only", nargs="+", choices=("area", "power", "rank"), help="parts to run")
    parser.add_argument("--markdown", action="store_true", help="tables as the docs have them")
    args = parser.parse_args()
    missing = [name for name in ("yosys", "iverilog") if shutil.which(name) is None]
    if missing or not OSU018.is_file():
        print(f"left out: {', '.join(missing) or 'qflow-tech-osu018'} is not installed")
        return 0
    parts = args.only or (("area", "power") if args.quick else ("area", "power", "rank"))
    library = cell_library(OSU018)
    mixtures = MIXTURES[-1:] if args.quick else MIXTURES
    if "area" in parts:
        show(areas(library, mixtures, (4,) if args.quick else (4, 8, 16)), args.markdown)
    if "power" in parts:
        show(powers(library, mixtures, KINDS[:1] if args.quick else KINDS), args.markdown)
    if "rank" in parts:
        ranks(library)
    return 0


def show(rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """Prints a table, its first row the head."""
    if markdown:
        head, *others = rows
        lines = [head, ["---"] * len(head), *others]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines), end="\n\n")
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))
    print()


def over(model: float, found: float) -> str:
    """By how much the model is above what was found."""
    return f"{100 * (model / found - 1):+.1f} %"


def areas(
    library: CellLibrary, mixtures: Sequence[Sequence[str]], sizes: Sequence[int]
) -> list[list[str]]:
    """Areas of arrays, element by element and flat, and of engines."""
    rows = [["design", "size", "multipliers", "synthesised (um2)", "model", "flat"]]
    for mixture in mixtures:
        for kind in (k for k in KINDS if k is not ENGINE):
            for size in sizes:
                made = array(kind, mixture, LAYER, size, size)
                found, flat = counted(made, kind, library), "–"
                if size == 4:
                    flat = over(made.area_um2, mapped(made, library).area_um2(library))
                rows.append(line(kind.name, f"{size} x {size}", mixture, found, made, flat))
        for cycles, pe, simd in ENGINES[: len(sizes)]:
            made = engine(mixture, LAYER, cycles, pe, simd)
            found, flat = counted(made, ENGINE, library), "–"
            if pe * simd < 16:
                flat = over(made.area_um2, mapped(made, library).area_um2(library))
            rows.append(line(ENGINE.name, f"{pe} x {simd}", mixture, found, made, flat))
    return rows


def line(
    kind: str, size: str, mixture: Sequence[str], found: float, made: Design, flat: str
) -> list[str]:
    """A row of the table of areas."""
    names = ", ".join(name.removeprefix("mul8") for name in mixture)
    return [kind, size, names, f"{found:,.0f}", over(made.area_um2, found), flat]


def mapped(made: Design, library: CellLibrary) -> SequentialNetlist:
    """The whole design, flat."""
    return once(made.sources, TOP, library, {})


_KNOWN: dict[str, SequentialNetlist] = {}


def once(
    sources: Mapping[str, str], top: str, library: CellLibrary, given: Mapping[str, object]
) -> SequentialNetlist:
    """A design, mapped when it is first asked for."""
    key = json.dumps([sources, top, given], sort_keys=True)
    if key not in _KNOWN:
        _KNOWN[key] = synthesize(sources, top, library, given)
    return _KNOWN[key]


def counted(made: Design, kind: Kind, library: CellLibrary) -> float:
    """Area of an array or engine, each type of element mapped once.

    Registers at the edges that nothing reads, which synthesis of the whole takes away, are left
    out.
    """
    text = made.files[f"{TOP}.v"]
    given = dict(re.findall(r"\.([A-Z_]+)\((\d+)\)", text))
    (types,) = re.findall(r"\.TYPES\(\{(.*)\}\)", text)
    keys = ("MODES", "SIMD", "TREE_BITS", "PRODUCT_BITS", "PRODUCT_SIGNED", "ACCUMULATOR_BITS")
    shared = {key: given[key] for key in keys if key in given}
    top = "hawx_pe_dataflow"
    if kind is not ENGINE:
        name = WEIGHT.name if kind is WEIGHT else OUTPUT.name
        top = "hawx_pe_" + name.partition(",")[0].replace("-", "_")
    sources = {
        n: t for n, t in made.sources.items() if not re.match(f"hawx_(array|engine)|{TOP}", n)
    }
    elements = Counter(re.findall(r"'d(\d+)", types))
    found, registers = 0.0, 0.0
    for number, count in elements.items():
        netlist = once(sources, top, library, {**shared, "TYPE": number})
        found += int(given.get("ROWS", 1)) * count * netlist.area_um2(library)
        registers = beside(given, kind) * netlist.flip_flop.area_um2
    return found + registers


def beside(given: Mapping[str, str], kind: Kind) -> int:
    """Register bits that the design has beside those of its elements."""
    if kind is ENGINE:
        # Elements share activations, and two bits that start sums.
        return 8 * int(given["SIMD"]) + 2
    rows, columns = int(given["ROWS"]), int(given["COLUMNS"])
    # The last column passes no activations on, and the last row of streaming weights no weights.
    return -8 * rows if kind is WEIGHT else -(9 * rows + 8 * columns)


def measured(made: Design, library: CellLibrary) -> tuple[float, float]:
    """Area of a design, and its energy for each multiply-accumulate in fJ."""
    netlist = mapped(made, library)
    with tempfile.TemporaryDirectory() as name:
        scope = f"{BENCH}.bench.dut"
        toggles = simulate(netlist, library, made.bench, BENCH, scope, Path(name))
    passed = re.search(r"PASS: (\d+) accumulators", toggles.output)
    if passed is None:
        raise SystemExit(f"the gates compute something else:\n{toggles.output}")
    window = re.search(r"\.WINDOW\((\d+)\)", made.files[f"{BENCH}.v"])
    spent = energy(netlist, library, toggles).total
    return netlist.area_um2(library), spent / (int(passed[1]) * int(window[1]))


def powers(
    library: CellLibrary, mixtures: Sequence[Sequence[str]], kinds: Sequence[Kind]
) -> list[list[str]]:
    """Energies of a multiply-accumulate."""
    head = ["design", "multipliers", "toggles (pJ)", "tile's operands", "layer's", "uniform"]
    rows = [head]
    for kind in kinds:
        for mixture in mixtures:
            made = (
                engine(mixture, LAYER, *ENGINES[0])
                if kind is ENGINE
                else array(kind, mixture, LAYER, 4, 4)
            )
            _, found = measured(made, library)
            names = ", ".join(name.removeprefix("mul8") for name in mixture)
            told = made.energies
            models = [over(one, found) for one in (told.tile, told.layer, told.uniform)]
            rows.append([kind.name, names, f"{found / 1e3:.1f}", *models])
    return rows


def ranks(library: CellLibrary) -> None:
    """Prints how well the model ranks random mixtures."""
    names = [name for name in builtin_names() if not name.startswith("mul8u")]
    rng, found, told = np.random.default_rng(0), [], []
    for _ in range(RANDOM):
        made = array(OUTPUT, [str(n) for n in rng.choice(names, 4, replace=False)], LAYER, 4, 4)
        found.append(measured(made, library))
        told.append((made.area_um2, made.energies.tile))
    for index, what in enumerate(("area", "energy")):
        model, real = (np.array([row[index] for row in rows]) for rows in (told, found))
        off = model / real - 1
        print(
            f"{what} of {RANDOM} random mixtures: Spearman {spearmanr(model, real)[0]:.3f}, "
            f"model {100 * off.min():+.1f} to {100 * off.max():+.1f} %"
        )


if __name__ == "__main__":
    sys.exit(main())
