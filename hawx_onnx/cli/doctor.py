"""``hawx-onnx doctor``."""

from __future__ import annotations

import argparse
from typing import Any

from hawx_onnx.cli.console import Ui

HELP = "versions, processor features, kernels, plug-ins, and what runs a model's nodes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="tell what runs each ai.hawx node of this ONNX file, instead of each multiplier",
    )
    parser.add_argument(
        "--portable",
        action="store_true",
        help="MODEL in a stock onnxruntime, without the custom-op library",
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Prints what this installation would run; exit code 4 where something cannot run."""
    from hawx_onnx.errors import ConfigError

    if args.portable and args.model is None:
        raise ConfigError(
            "tells of a model, and none is given",
            where="--portable",
            mend="name one: hawx-onnx doctor MODEL --portable",
        )
    document, problem = diagnose(args.model, args.portable)
    if ui.json:
        ui.print_json(document)
    else:
        _print(document, ui)
    if problem:
        ui.warn(problem)
        return 4
    return 0


def _print(document: dict[str, Any], ui: Ui) -> None:
    for name, version in document["versions"].items():
        ui.line(f"{name:17} {version}")
    library = document["library"]
    ui.line(f"{'library':17} {library['path'] or 'not found'}")
    ui.line(f"{'loaded':17} {'yes' if library['loaded'] else 'no'}")
    ui.line(f"{'instruction set':17} {document['isa'] or '-'}")
    ui.line(f"{'processor':17} {', '.join(document['cpu']) or '-'}")
    for name, kernel in document["kernels"].items():
        ui.line(f"  {name:22} {kernel}")
    for one in document["plugins"]:
        told = one["brings"] or f"left out: {one['problem']}"
        ui.line(f"  {one['name']:22} {told} ({one['package']} {one['version']})")
    if document.get("nodes") == []:
        ui.line("the model has no ai.hawx nodes: every onnxruntime runs it")
    for node in document.get("nodes", []):
        chosen = [f"{name}: {kernel}" for name, kernel in node["kernels"].items()]
        if node["path"] == "none":
            chosen = ["nothing runs it"]
        told = "; ".join(chosen) or f"{node['path']}, its multipliers are chosen at run time"
        ui.line(f"  {node['name']:22} {node['op']:20} {told}")


def diagnose(model: str | None = None, portable: bool = False) -> tuple[dict[str, Any], str]:
    """The document of ``doctor --json``, and what is wrong (empty if nothing is).

    Args:
        model: An ONNX file, whose nodes are told of instead of all multipliers.
        portable: Tell what would run in a stock onnxruntime.
    """
    from hawx_onnx import components
    from hawx_onnx.diagnosis import diagnose_model
    from hawx_onnx.errors import LibraryError
    from hawx_onnx.optimization import kernels_of
    from hawx_onnx.plugin_diagnosis import diagnose_plugins
    from hawx_onnx.report.environment import versions
    from hawx_onnx.runtime.library import get_library_path

    library: dict[str, Any] = {"path": None, "loaded": False, "api_version": None}
    document: dict[str, Any] = {
        "versions": versions(),
        "library": library,
        "cpu": [],
        "isa": None,
        "kernels": {},
        "plugins": diagnose_plugins(),
    }
    problem = ""
    # A model is told of by its nodes; one multiplier is enough to see that the library runs.
    shown = (
        components.load_library("builtin") if model is None else (components.load("mul8s_exact"),)
    )
    try:
        library["path"] = str(get_library_path())
        kernels = kernels_of(shown)
        library["loaded"] = True
        library["api_version"] = kernels.get("api_version")
        document.update(cpu=kernels["cpu"], isa=kernels["isa"])
        document["kernels"] = kernels["chosen"] if model is None else {}
    except LibraryError as error:
        problem = str(error)
    if model is not None:
        with_library = library["loaded"] and not portable
        document["nodes"], refused = diagnose_model(model, with_library)
        problem = problem or refused
    return document, problem
