"""`hawx-onnx optimize` over every network of the reference collection: the table of docs/models.md.

    python benchmarks/coverage.py [--quick] [--models A,B] [--share 0.2] [--fresh] [--write FILE]

Each network is optimised in a process of its own, which is stopped at a time limit; its peak memory
is what the system tells of that process. Rows are kept in a file, so that an interrupted run goes
on where it was. The collection is read from beside the checkout (shared/data); what is missing is
left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collection.networks import MODELS, NETWORKS, Network, write_data
from collection.runs import Run, run
from collection.table import table, write_table

ROWS = Path(__file__).resolve().parents[1] / "build" / "coverage.json"
CANDIDATES = "mul8s_trunc1,mul8s_trunc2,mul8sm_bam_h1_v6"


def flags(args: argparse.Namespace) -> list[str]:
    """The flags that all networks are optimised with."""
    counts = {
        "--score-samples": max(16, round(64 * args.share)),
        "--validation-samples": max(32, round(1000 * args.share)),
        "--max-evaluations": 30,
        "--jobs": 1,
    }
    words = ["--candidates", args.candidates, "--max-accuracy-drop", "0.01"]
    return words + [str(word) for pair in counts.items() for word in pair] + args.flag


def measure(network: Network, args: argparse.Namespace) -> dict[str, Any]:
    """Optimises one network.

    Returns:
        The row of the table.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [sys.executable, "-m", "hawx_onnx", "optimize", str(network.path), "--json"]
        words += ["-o", str(folder / "out"), *write_data(network, folder, args.share), *flags(args)]
        done = run(words, args.limit)
    return row(network, done)


def row(network: Network, done: Run) -> dict[str, Any]:
    """What the table tells of a run: figures of its report, or its error."""
    told = {
        "model": network.name,
        "framework": network.framework,
        "code": done.code,
        "seconds": round(done.seconds, 1),
        "peak_mib": round(done.peak_mib),
    }
    if done.code != 0:
        error = done.err.rpartition("error: ")[2].strip()
        return {**told, "error": error if done.code is not None else "stopped at the time limit"}
    report = json.loads(done.out)
    parts = ("float", "baseline", "selected")
    multipliers = [set(layer["multipliers"]) for layer in report["layers"]]
    exact = report["candidates"][0]["name"]
    return {
        **told,
        "metric": report["data"]["metric"],
        "samples": report["baseline"]["samples"],
        **{part: report[part]["accuracy"] for part in parts},
        "power_saved": report["savings"]["power"],
        "candidates": report["model"]["candidate_nodes"],
        "rewritten": sum(bool(used) and used != {exact} for used in multipliers),
        "left_exact": [
            {"node": layer["name"], "op": layer["op"], "reason": layer["reason"]}
            for layer in report["layers"]
            if layer.get("reason")
        ],
        "warnings": report["warnings"],
    }


def main(words: Sequence[str] | None = None) -> None:
    """Fills the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--quick", action="store_true", help="LeNet-5 on few samples")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of samples")
    parser.add_argument("--candidates", default=CANDIDATES, help="multipliers")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for each network")
    parser.add_argument("--flag", action="append", default=[], help="a further word for optimize")
    parser.add_argument("--rows", type=Path, default=ROWS, help="file of the rows")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    args = parser.parse_args(words)
    if args.quick:
        args.models, args.share, args.fresh = args.models or NETWORKS[0].name, 0.05, True
        args.rows = Path(tempfile.mkdtemp()) / "rows.json"
    wanted = [name.strip() for name in args.models.split(",") if name.strip()]
    known = {network.name: network for network in NETWORKS}
    for name in wanted:
        if name not in known:
            parser.error(f"--models: there is no {name!r}; there are {', '.join(known)}")
    rows = json.loads(args.rows.read_text()) if args.rows.is_file() else {}
    for network in NETWORKS:
        if (wanted and network.name not in wanted) or (network.name in rows and not args.fresh):
            continue
        if not network.path.is_file():
            print(f"{network.name} is left out: {MODELS.name} are not beside this checkout")
            continue
        rows[network.name] = measure(network, args)
        print(table([rows[network.name]]).splitlines()[-1], flush=True)
        args.rows.parent.mkdir(parents=True, exist_ok=True)
        args.rows.write_text(json.dumps(rows, indent=1))
    ordered = [rows[network.name] for network in NETWORKS if network.name in rows]
    if args.write:
        write_table(args.write, ordered)
    elif ordered:
        print("", table(ordered), sep="\n")


if __name__ == "__main__":
    main()
