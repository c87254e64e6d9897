"""``hawx-onnx library import``."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_global_flags

if TYPE_CHECKING:
    from hawx_onnx.components import StoredMultiplier
    from hawx_onnx.components.importers import Failure

HELP = "netlists, an EvoApproxLib checkout, truth tables or a function into a library"
ENCODINGS = ("signed", "unsigned", "sign_magnitude")
BAD_INPUT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    add_global_flags(parser)
    parser.add_argument(
        "path",
        metavar="PATH",
        help="EvoApproxLib checkout, folder, Verilog file, table, or package.module:function",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="LIB",
        required=True,
        help="folder, or file ending in .npz; multipliers are added to a library that is there",
    )
    parser.add_argument("--top", metavar="NAME", help="top module of the Verilog")
    parser.add_argument(
        "--ports", metavar="A,B,O", help="its ports: activation, weight and product"
    )
    parser.add_argument("--encoding", choices=ENCODINGS, help="how the operands are read")
    parser.add_argument(
        "--sign-logic",
        action="store_true",
        help="put sign logic around unsigned multipliers, so that int8 networks can use them",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", default=0, help="processes; 0 takes all cores"
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Imports, writes the library, and tells what failed."""
    from hawx_onnx.components.importers import ImportOptions, import_path
    from hawx_onnx.components.library_files import check_place, is_library, read_library
    from hawx_onnx.components.library_files import write_library as write

    start = time.perf_counter()
    options = ImportOptions.of(args.top, args.ports, args.encoding, args.sign_logic)
    check_place(args.output)
    before = read_library(args.output) if is_library(args.output) else ()

    def tell(done: int, total: int) -> None:
        if done:
            ui.tick()
        else:
            ui.measure(total)
            ui.step(f"importing {args.path}")

    found = import_path(args.path, options, jobs=max(args.jobs, 0), progress=tell)
    kept, failures = _merged(before, found.multipliers)
    failures = [*found.failures, *failures]
    imported = [m for m in found.multipliers if kept.get(m.name) is m]
    if imported:
        ui.measure(None)
        ui.step(f"writing {args.output}")
        write(kept.values(), args.output)
    seconds = time.perf_counter() - start
    _report(ui, args.output, imported, failures, seconds)
    return 0 if imported else BAD_INPUT


def _merged(
    before: tuple[StoredMultiplier, ...], after: tuple[StoredMultiplier, ...]
) -> tuple[dict[str, StoredMultiplier], list[Failure]]:
    """Adds multipliers to those of a library; another table under a name that is there fails."""
    from hawx_onnx.components.importers import Failure

    kept, failures = {m.name: m for m in before}, []
    for multiplier in after:
        other = kept.get(multiplier.name, multiplier)
        same = (other.content_hash, other.encoding) == (
            multiplier.content_hash,
            multiplier.encoding,
        )
        if same:
            kept[multiplier.name] = multiplier
        else:
            origin = multiplier.provenance.origin
            what = f"the library holds another table under the name {multiplier.name}"
            failures.append(Failure(origin, origin, what, "import it into another library"))
    return kept, failures


def _report(
    ui: Ui,
    output: str,
    imported: list[StoredMultiplier],
    failures: list[Failure],
    seconds: float,
) -> None:
    """Prints the summary."""
    if ui.json:
        from hawx_onnx.cli.library_rows import summary

        rows = [{**summary(m), "notes": list(m.provenance.notes)} for m in imported]
        failed = [asdict(failure) for failure in failures]
        ui.print_json(
            {"library": output, "imported": rows, "failed": failed, "seconds": round(seconds, 3)}
        )
        return
    for multiplier in imported:
        for note in multiplier.provenance.notes:
            ui.line(f"{multiplier.name}: {note}")
    for failure in failures:
        ui.line(f"not imported: {failure.where}: {failure.what}\n  {failure.mend}".rstrip())
    total = len(imported) + len(failures)
    place = f" into {output}" if imported else ""
    ui.line(f"imported {len(imported)} of {total}{place} in {seconds:.1f} s")
