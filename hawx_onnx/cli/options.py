"""Flags made of the option table, and settings made of flags and configuration file."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.setting_checks import flag_name
from hawx_onnx.settings import Settings
from hawx_onnx.settings_file import load_config

DEFAULT_OUTPUT = "hawx-out"

# Options by theme; a verb names the themes that it takes.
DATA = ("data", "preprocess", "metric", "validation_samples")
CHOICE = ("library", "candidates", "exact", "operand_aware_power", "predict_costs")
SCORE = ("score_samples", "output_name", "memory_limit", "force")
SEARCH = (
    "target",
    "granularity",
    "max_accuracy_drop",
    "confidence",
    "objective",
    "max_power",
    "max_area",
    "max_luts",
    "max_energy",
    "max_latency",
    "max_multipliers",
    "exclude",
    "max_evaluations",
    "max_seconds",
    "early_stop",
)
QUANTIZATION = (
    "quantization",
    "calibration",
    "activations",
    "bias_correction",
    "keep_float",
    "functions",
    "passes",
)
COMPENSATION = ("fold_bias", "map_weights", "rescale")
ALL = (*DATA, *QUANTIZATION, *CHOICE, *SEARCH, *SCORE, "jobs")


def add_global_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that every verb takes, before or after its name."""
    group = parser.add_argument_group("everywhere")
    hidden = argparse.SUPPRESS
    group.add_argument(
        "--json", action="store_true", default=hidden, help="print one JSON document on stdout"
    )
    group.add_argument(
        "-v", "--verbose", action="count", default=hidden, help="tell more (-vv: all)"
    )
    group.add_argument("-q", "--quiet", action="count", default=hidden, help="tell errors only")
    group.add_argument("--seed", type=int, default=hidden, help=_help("seed"))
    group.add_argument(
        "--config", metavar="FILE", default=hidden, help="YAML file with any of the options"
    )


def add_output_folder(parser: argparse.ArgumentParser, content: str) -> None:
    """Adds ``-o DIR``; ``content`` says what is written there."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        default=DEFAULT_OUTPUT,
        help=f"folder for {content} (default: {DEFAULT_OUTPUT})",
    )


def _help(name: str) -> str:
    item = next(field for field in dataclasses.fields(Settings) if field.name == name)
    default = item.default
    shown = "" if default in (None, dataclasses.MISSING) else f" (default: {default})"
    return f"{item.metadata['text']}{shown}"


def add_settings(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Adds the flags of some options."""
    group = parser.add_argument_group("options")
    for item in dataclasses.fields(Settings):
        if item.name not in names:
            continue
        about, flag = item.metadata, f"--{flag_name(item.name)}"
        common: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(item.name)}
        if about["kind"] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
        elif item.default is dataclasses.MISSING:
            group.add_argument(flag, action="append", metavar="NAME", **common)
        else:
            choices = about["choices"] or None
            metavar = None if choices else _METAVARS[about["kind"]]
            group.add_argument(flag, type=about["kind"], choices=choices, metavar=metavar, **common)


_METAVARS = {str: "TEXT", int: "N", float: "X"}


def settings_of(args: argparse.Namespace) -> Settings:
    """Settings of a command: defaults, then the configuration file, then the flags.

    Raises:
        ConfigError: A value is out of range, or the configuration file is wrong.
    """
    values: dict[str, Any] = {}
    if getattr(args, "config", None):
        values.update(load_config(args.config))
    for item in dataclasses.fields(Settings):
        if item.name in vars(args):
            values[item.name] = getattr(args, item.name)
    try:
        return Settings.of(values)
    except ConfigError as error:
        # Whether some values fit depends on others; name the file where it brought one.
        if not getattr(args, "config", None) or not error.where.startswith("--"):
            raise
        name = error.where.removeprefix("--")
        if name.replace("-", "_") in vars(args):
            raise
        where = f"{args.config}, {name}"
        raise ConfigError(error.what, where=where, mend=error.mend) from error
