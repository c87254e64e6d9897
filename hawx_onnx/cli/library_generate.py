"""``hawx-onnx library generate``."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_global_flags

if TYPE_CHECKING:
    from hawx_onnx.components import StoredMultiplier
    from hawx_onnx.components.generation import Design

HELP = "a library from a parametric family, its parameters swept"
_RANGE = re.compile(r"(?P<name>[a-z]+)=(?P<low>\d+)(:(?P<high>\d+))?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    add_global_flags(parser)
    parser.add_argument(
        "--family",
        metavar="NAME",
        required=True,
        help="broken-array, truncation, drum, ... (all: docs/library.md)",
    )
    parser.add_argument(
        "--range",
        metavar="NAME=LO:HI",
        action="append",
        default=[],
        help="values of a parameter, or NAME=VALUE; repeatable (default: all that makes sense)",
    )
    parser.add_argument(
        "--encoding", choices=("signed", "unsigned", "sign_magnitude"), help="only this encoding"
    )
    parser.add_argument(
        "--pareto", action="store_true", help="only the front of circuit size and MAE"
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="LIB",
        required=True,
        help="folder, or file ending in .npz; multipliers are added to a library that is there",
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Generates and writes the library."""
    from hawx_onnx.components import Encoding, write_library
    from hawx_onnx.components.generation import distinct, find_sweep, generate, pareto_designs
    from hawx_onnx.components.generation.keeping import stored_design
    from hawx_onnx.components.library_files import check_place, is_library, read_library

    sweep, ranges = find_sweep(args.family), _ranges(args.range)
    encodings = [Encoding(args.encoding)] if args.encoding else tuple(Encoding)
    check_place(args.output)
    before = read_library(args.output) if is_library(args.output) else ()
    ui.step(f"generating {args.family}")
    made = list(generate(sweep, ranges, encodings))
    designs = distinct(made)
    kept = pareto_designs(designs) if args.pareto else designs
    stored = {each.multiplier.name: stored_design(each, args.family) for each in kept}
    _check_names(before, stored, args.output)
    ui.step(f"writing {args.output}")
    write_library([*(m for m in before if m.name not in stored), *stored.values()], args.output)
    _report(ui, args.output, made, kept)
    return 0


def _ranges(texts: list[str]) -> dict[str, tuple[int, int]]:
    """Reads NAME=LO:HI and NAME=VALUE."""
    from hawx_onnx.errors import ConfigError

    ranges: dict[str, tuple[int, int]] = {}
    for text in texts:
        found = _RANGE.fullmatch(text)
        if found is None:
            raise ConfigError(
                f"{text!r} is no range", where="--range", mend="write NAME=LO:HI or NAME=VALUE"
            )
        if found["name"] in ranges:
            raise ConfigError(
                f"there are two ranges of {found['name']}", where="--range", mend="give one"
            )
        ranges[found["name"]] = int(found["low"]), int(found["high"] or found["low"])
    return ranges


def _check_names(
    before: tuple[StoredMultiplier, ...], stored: dict[str, StoredMultiplier], output: str
) -> None:
    """Refuses to replace another multiplier of the library."""
    from hawx_onnx.errors import ConfigError

    for old in before:
        new = stored.get(old.name, old)
        if (old.content_hash, old.encoding) != (new.content_hash, new.encoding):
            raise ConfigError(
                f"the library holds another table under the name {old.name}",
                where=output,
                mend="generate into another library",
            )


def _report(ui: Ui, output: str, made: list[Design], kept: tuple[Design, ...]) -> None:
    """Prints the summary."""
    if ui.json:
        from hawx_onnx.cli.library_rows import summary

        rows = [{**summary(each.multiplier), "gate_equivalents": each.size} for each in kept]
        ui.print_json({"library": output, "made": len(made), "multipliers": rows})
        return
    ui.line(f"kept {len(kept)} of {len(made)} designs in {output}")
