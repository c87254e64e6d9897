"""``hawx-onnx doctor``."""

from __future__ import annotations

import argparse
from typing import Any

from hawx_onnx.cli.console import Ui

HELP = "versions, processor features, and the kernel chosen for each multiplier"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This verb takes no arguments of its own."""


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Prints what this installation would run; exit code 4 where the library does not load."""
    document, problem = diagnose()
    if ui.json:
        ui.print_json(document)
    else:
        for name, version in document["versions"].items():
            ui.line(f"{name:17} {version}")
        library = document["library"]
        ui.line(f"{'library':17} {library['path'] or 'not found'}")
        ui.line(f"{'loaded':17} {'yes' if library['loaded'] else 'no'}")
        ui.line(f"{'instruction set':17} {document['isa'] or '-'}")
        ui.line(f"{'processor':17} {', '.join(document['cpu']) or '-'}")
        for name, kernel in document["kernels"].items():
            ui.line(f"  {name:22} {kernel}")
    if problem:
        ui.warn(problem)
        return 4
    return 0


def diagnose() -> tuple[dict[str, Any], str]:
    """The document of ``doctor --json``, and what is wrong (empty if nothing is)."""
    from hawx_onnx import components
    from hawx_onnx.errors import LibraryError
    from hawx_onnx.optimization import kernels_of
    from hawx_onnx.report.build import versions
    from hawx_onnx.runtime.library import get_library_path

    library: dict[str, Any] = {"path": None, "loaded": False, "api_version": None}
    document: dict[str, Any] = {
        "versions": versions(),
        "library": library,
        "cpu": [],
        "isa": None,
        "kernels": {},
    }
    try:
        library["path"] = str(get_library_path())
        kernels = kernels_of(components.load_library("builtin"))
    except LibraryError as error:
        return document, str(error)
    library["loaded"] = True
    library["api_version"] = kernels.get("api_version")
    document.update(cpu=kernels["cpu"], isa=kernels["isa"], kernels=kernels["chosen"])
    return document, ""
