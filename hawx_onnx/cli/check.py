"""``hawx-onnx check``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_settings, settings_of
from hawx_onnx.errors import ConfigError, HawxError
from hawx_onnx.names import close_names
from hawx_onnx.printable import one_line, plain_json

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport, Request

HELP = "hold models against rules on accuracy, cost and structure: a gate for pipelines"
SPLITS = ("test", "validation", "calibration")
FORMATS = ("text", "json", "junit", "sarif", "github")
_SETTINGS = (
    *("data", "preprocess", "metric", "output_name", "validation_samples"),
    *("library", "target", "predict_costs", "jobs"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("models", metavar="MODEL", nargs="+", help="ONNX file")
    parser.add_argument("--rules", metavar="FILE", help="YAML file with the rules")
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="model, baseline file or report.json that accuracy, or --metric, is held against",
    )
    parser.add_argument(
        "--format",
        metavar="WORD[=FILE]",
        action="append",
        help=f"{', '.join(FORMATS)}; with =FILE into a file (repeatable; default: text)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="file for --format; default: stdout")
    parser.add_argument(
        "--write-baseline",
        metavar="FILE",
        help="measure MODEL and write a baseline file; nothing is checked",
    )
    parser.add_argument(
        "--split", choices=SPLITS, default="test", help="samples for accuracy; default: test"
    )
    parser.add_argument(
        "--portable",
        action="store_true",
        help="measure accuracy with the portable bodies in a stock onnxruntime",
    )
    add_settings(parser, _SETTINGS)


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Checks, and writes what was found in every format that is asked for."""
    settings = settings_of(args)
    if args.write_baseline is not None:
        return _write_baseline(args, ui)
    plain, files = _formats(args, ui.json)
    from hawx_onnx.checks import Request, run_checks
    from hawx_onnx.writable import check_writable_file

    for path in files.values():
        check_writable_file(path)
    request = Request(tuple(args.models), (), settings, args.baseline, args.split, args.portable)
    try:
        report = run_checks(_with_rules(request, args.rules), ui.step)
    except HawxError as error:
        # A pipeline that reads a document finds the error in it, too.
        report = _stopped(error, args.models)
        _write(report, ui, plain if plain != "text" else None, files)
        raise
    _write(report, ui, plain, files)
    for finding in report.of_status("error"):
        ui.close()
        sys.stderr.write(f"error: {one_line(finding.message)}\n  {one_line(finding.mend)}\n")
    return report.exit_code


def _with_rules(request: Request, path: str | None) -> Request:
    import dataclasses

    from hawx_onnx.checks import read_rules

    return request if path is None else dataclasses.replace(request, rules=read_rules(path))


def _formats(args: argparse.Namespace, json: bool) -> tuple[str, dict[str, str]]:
    """The format of stdout, and the files of the others."""
    plain: list[str] = []
    files: dict[str, str] = {}
    for text in args.format or ():
        word, mark, path = text.partition("=")
        if word not in FORMATS:
            raise ConfigError(
                f"there is no format {word!r}", where="--format", mend=close_names(word, FORMATS)
            )
        if not mark:
            plain.append(word)
        elif not path or word in files:
            what = f"{word} is given twice" if path else f"{text} names no file"
            raise ConfigError(what, where="--format", mend="write WORD=FILE, each format once")
        else:
            files[word] = path
    if args.output is not None:
        word = plain.pop() if plain else "json" if json else "text"
        if word in files:
            raise ConfigError(f"{word} is given twice", where="--format", mend="leave one out")
        files[word] = args.output
    plain += ["json"] * (json and "json" not in plain)
    if len(plain) > 1:
        raise ConfigError(
            f"{' and '.join(plain)} cannot both go to stdout",
            where="--format",
            mend=f"write one of them into a file: --format {plain[0]}=FILE",
        )
    return (plain or ["text"])[0], files


def _write(report: CheckReport, ui: Ui, plain: str | None, files: dict[str, str]) -> None:
    """Writes files first: they are there when the last line is read."""
    from hawx_onnx.report import atomic_write_text
    from hawx_onnx.report.checks import FORMATS as RENDER
    from hawx_onnx.report.checks import github_summary

    for word, path in files.items():
        atomic_write_text(path, RENDER[word](report))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and "github" in (plain, *files):
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(github_summary(report))
        except OSError as error:
            ui.warn(f"GITHUB_STEP_SUMMARY={summary} cannot be written: {error.strerror}")
    if plain is not None:
        ui.close()
        text = RENDER[plain](report)
        sys.stdout.write(plain_json(text) if plain in ("json", "sarif") else text)


def _stopped(error: HawxError, models: list[str]) -> CheckReport:
    """What a check found that came to no rule."""
    from hawx_onnx.checks import CheckReport, error_finding

    finding = error_finding(error, models[0])
    return CheckReport((finding,), {}, None, None, None, 0)


def _write_baseline(args: argparse.Namespace, ui: Ui) -> int:
    """Measures a model for later checks."""
    given = [f"--{n}" for n in ("rules", "baseline", "format", "output") if getattr(args, n)]
    if given or len(args.models) > 1:
        raise ConfigError(
            f"checks nothing, so that {given[0] if given else 'a second model'} means nothing",
            where="--write-baseline",
            mend="write the baseline in a run of its own",
        )
    from hawx_onnx.checks import measure_baseline
    from hawx_onnx.report import write_json
    from hawx_onnx.writable import check_writable_file

    check_writable_file(args.write_baseline)
    document = measure_baseline(args.models[0], settings_of(args), args.split, args.portable)
    write_json(document, args.write_baseline)
    if ui.json:
        ui.print_json(document)
        return 0
    from hawx_onnx.report.metric_text import MetricText

    value = " ".join(MetricText.of(document).value(document["accuracy"]).split())
    counted = f"{document['samples']} {args.split} samples"
    ui.line(f"{document['metric']} {value} on {counted}: {args.write_baseline}")
    return 0
