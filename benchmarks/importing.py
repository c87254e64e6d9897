"""How long libraries take: importing and characterising 49 netlists, and listing 500.

    python benchmarks/importing.py            # 49 netlists, two processes
    python benchmarks/importing.py --quick    # 8 netlists

The netlists are those of built-in multipliers, so that every imported table is held against the one
that the circuit was made for. Targets: importing 49 within 60 s on two cores, characterising them
within 4 minutes more, listing 500 within a second, the start of the program included. On a computer
that has other work, the seconds that processors were busy tell more than those that went by.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hawx_onnx import components
from hawx_onnx.components.builtin import builtin, builtin_names, builtin_network
from hawx_onnx.components.netlist.verilog import module_text
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.errors import LibraryError


def write_netlists(folder: Path, count: int) -> list[str]:
    """Writes netlists of built-in multipliers, spread over all of them."""
    names = [name for name in builtin_names() if not name.startswith("mul8sm_")]
    chosen = names[:: max(1, len(names) // count)][:count]
    folder.mkdir()
    for name in chosen:
        text = module_text(builtin_network(name), signed=name.startswith("mul8s_"))
        (folder / f"{name}.v").write_text(text, encoding="utf-8")
    return chosen


def timed(*words: str | Path) -> tuple[float, float]:
    """Runs a command in a process of its own; seconds that went by, and seconds of processors."""
    command = [sys.executable, "-m", "hawx_onnx", *map(str, words)]
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, passed = os.times(), time.perf_counter() - start
    busy = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return passed, busy


def check(library: Path, names: list[str]) -> None:
    """Holds every imported table against the built-in one."""
    found = {multiplier.name: multiplier for multiplier in components.load_library(library)}
    wrong = [name for name in names if found[name].content_hash != builtin(name).content_hash]
    if wrong:
        raise SystemExit(f"wrong tables: {', '.join(wrong)}")


def main() -> None:
    """Prints seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="import 8 netlists")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    args = parser.parse_args()
    try:
        print(f"{find_yosys().version}, {args.jobs} processes")
    except LibraryError as error:
        print(f"skipped: {error.what}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HAWX_ONNX_CACHE"] = str(folder / "cache")
        names = write_netlists(folder / "netlists", 8 if args.quick else 49)
        words = ("--jobs", str(args.jobs), "--output")
        for kind in ("first", "cached"):
            library = folder / kind
            told = timed("library", "import", folder / "netlists", *words, library)
            check(library, names)
            tell(f"import of {len(names)} netlists, {kind}", told)
            told = timed("library", "characterize", library, *words, library)
            tell(f"characterising them, {kind}", told)
        loaded = components.load_library(folder / "first")
        many = [
            dataclasses.replace(loaded[number % len(loaded)], name=f"m{number}")
            for number in range(500)
        ]
        components.write_library(many, folder / "many")
        tell("list of built-in multipliers", min(timed("library", "list") for _ in range(3)))
        words = ("library", "list", "--library", str(folder / "many"))
        tell("list with 500 of a library", min(timed(*words) for _ in range(3)))


def tell(what: str, seconds: tuple[float, float]) -> None:
    """Prints a line."""
    print(f"{what}: {seconds[0]:.2f} s, processors busy for {seconds[1]:.2f} s", flush=True)


if __name__ == "__main__":
    main()
