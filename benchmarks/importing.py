"""How long libraries take: importing 49 netlists, once more from the cache, and listing 500.

    python benchmarks/importing.py            # 49 netlists, two processes
    python benchmarks/importing.py --quick    # 8 netlists

The netlists are those of built-in multipliers, so that every imported table is held against the one
that the circuit was made for. Targets: importing 49 within 60 s on two cores, listing 500 within a
second, the start of the program included.
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


def timed(*words: str | Path) -> float:
    """Runs a command in a process of its own and returns its seconds."""
    command = [sys.executable, "-m", "hawx_onnx", *map(str, words)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


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
            seconds = timed("library", "import", folder / "netlists", *words, library)
            check(library, names)
            print(f"import of {len(names)} netlists, {kind}: {seconds:.2f} s")
        loaded = components.load_library(folder / "first")
        many = [
            dataclasses.replace(loaded[number % len(loaded)], name=f"m{number}")
            for number in range(500)
        ]
        components.write_library(many, folder / "many")
        plain = min(timed("library", "list") for _ in range(3))
        seconds = min(timed("library", "list", "--library", folder / "many") for _ in range(3))
        print(
            f"list of built-in multipliers: {plain:.2f} s, with 500 of a library: {seconds:.2f} s"
        )


if __name__ == "__main__":
    main()
