"""``hawx-onnx library``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hawx_onnx.cli import (
    library_characterize,
    library_export,
    library_generate,
    library_import,
    library_plots,
)
from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.library_rows import library_details, summary
from hawx_onnx.cli.options import add_global_flags, add_settings, settings_of

HELP = "list, show, import and export multipliers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sub-verbs."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all multipliers, with errors and costs")
    add_global_flags(listing)
    add_settings(listing, ("library",))
    listing.add_argument("--pareto", action="store_true", help="only the front of energy and MAE")
    listing.add_argument("--plot", metavar="FILE.svg", help="draw error against power")
    listing.add_argument(
        "--encoding", choices=("signed", "unsigned", "sign_magnitude"), help="only this encoding"
    )
    show = actions.add_parser("show", help="one multiplier, with everything known of it")
    add_global_flags(show)
    show.add_argument("name", metavar="NAME", help="name, or path of an .npy or .npz file")
    show.add_argument(
        "--histogram",
        metavar="FILE",
        help=".npz file with how often operands occur, for error figures weighted by it",
    )
    add_settings(show, ("library",))
    show.add_argument("--plot", metavar="FILE.svg", help="draw where the multiplier errs")
    library_import.add_arguments(actions.add_parser("import", help=library_import.HELP))
    library_export.add_arguments(actions.add_parser("export", help=library_export.HELP))
    library_characterize.add_arguments(
        actions.add_parser("characterize", help=library_characterize.HELP)
    )
    library_generate.add_arguments(actions.add_parser("generate", help=library_generate.HELP))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Dispatches the sub-verb."""
    if args.action == "import":
        return library_import.run(args, ui)
    if args.action == "characterize":
        return library_characterize.run(args, ui)
    if args.action == "generate":
        return library_generate.run(args, ui)
    settings = settings_of(args)
    libraries = ("builtin", *settings.library)
    if args.action == "export":
        return library_export.run(args, ui, libraries)
    return _show(args, ui, libraries) if args.action == "show" else _list(args, ui, libraries)


def _list(args: argparse.Namespace, ui: Ui, libraries: tuple[str, ...]) -> int:
    from hawx_onnx import components

    found = [m for library in libraries for m in components.load_library(library)]
    if args.encoding:
        found = [m for m in found if m.encoding.value == args.encoding]
    if args.pareto:
        found = library_plots.fronts(found)
    if args.plot:
        library_plots.draw_costs(found, args.plot)
    rows = [summary(multiplier) for multiplier in found]
    if ui.json:
        ui.print_json({"multipliers": rows})
        return 0
    _print_rows(f"{len(rows)} multipliers", [_cells(row) for row in rows], ui)
    return 0


_HEADS = ("Name", "Encoding", "MAE", "WCE", "MRE %", "EP %", "Rank", "Energy fJ", "Area um2")
_TEXTS = 2


def _print_rows(title: str, rows: Sequence[tuple[str, ...]], ui: Ui) -> None:
    """Prints a table; in a pipe as plain columns, since hundreds of rows take rich a second."""
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
        ui.line(title)
        for row in (_HEADS, *rows):
            pairs = zip(row[:_TEXTS], widths, strict=False)
            texts = [cell.ljust(width) for cell, width in pairs]
            numbers = zip(row[_TEXTS:], widths[_TEXTS:], strict=True)
            ui.line("  ".join([*texts, *[cell.rjust(width) for cell, width in numbers]]))
        return
    from rich.table import Table

    from hawx_onnx.report import print_table

    table = Table(title=title)
    for index, head in enumerate(_HEADS):
        table.add_column(head, justify="left" if index < _TEXTS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    cost = row["cost"] or {}
    return (
        row["name"],
        row["encoding"],
        f"{row['mae']:.4g}",
        f"{row['wce']:.0f}",
        f"{100 * row['mre']:.3g}",
        f"{100 * row['ep']:.3g}",
        str(row["rank"]),
        f"{cost['energy_fj']:.1f}" if cost else "-",
        f"{cost['area_um2']:.1f}" if cost else "-",
    )


def _show(args: argparse.Namespace, ui: Ui, libraries: tuple[str, ...]) -> int:
    from hawx_onnx import components
    from hawx_onnx.errors import ConfigError, LibraryError
    from hawx_onnx.runtime.library import describe_kernels

    histograms = components.read_histograms(args.histogram) if args.histogram else None
    multiplier, *more = components.resolve([args.name], libraries)
    if more:
        raise ConfigError(
            f"the pattern matches {1 + len(more)} multipliers",
            where=args.name,
            mend=f"name one of them, for instance {multiplier.name}",
        )
    if args.plot:
        library_plots.draw_errors(multiplier, args.plot)
    document = summary(multiplier)
    if histograms:
        weighted = multiplier.statistics_under(histograms.activation, histograms.weight)
        document["weighted"] = asdict(weighted)
    document["source"] = multiplier.source
    document["description"] = multiplier.description
    document["error_rank"] = multiplier.error_rank
    document["plan"] = multiplier.plan.document()
    document |= library_details(multiplier)
    try:
        described = describe_kernels(multiplier.table, components.stacked_factors([multiplier]))
        document["kernel"] = described["chosen"][0]
    except LibraryError:
        document["kernel"] = None
    if ui.json:
        ui.print_json(document)
        return 0
    cost = document.pop("cost")
    document["plan"] = multiplier.plan.text
    for part in ("weighted", "figures", "published", "provenance"):
        values = document.pop(part, {})
        document |= {f"{part} {key}": value for key, value in values.items() if _told(value)}
    lines = {**document, **(cost or {"cost": "not characterised"})}
    width = max(map(len, lines))
    for key, value in lines.items():
        ui.line(f"{key:{width}} {_shown(value)}")
    return 0


def _told(value: object) -> bool:
    """Whether a detail says something."""
    return value is not False and value not in ("", ())


def _shown(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return "; ".join(value) if any(" " in part for part in value) else ",".join(value)
    return "yes" if value is True else "no" if value is False else value
