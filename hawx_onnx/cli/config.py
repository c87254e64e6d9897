"""Flags from a configuration file: those of the commands, beside the settings."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names
from hawx_onnx.setting_checks import flag_name
from hawx_onnx.settings import Settings
from hawx_onnx.settings_file import read_config

# Flags that make no sense in a file.
_NEVER = frozenset({"--config", "--help", "--version"})


def flags_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The long flags of a parser with their actions."""
    actions = parser._option_string_actions  # argparse has no public list of them
    return {flag: action for flag, action in actions.items() if flag.startswith("--")}


def with_config(
    arguments: Sequence[str], verb_at: int, parser: argparse.ArgumentParser
) -> list[str]:
    """Writes out the flags that ``--config FILE`` holds, as far as they are no settings.

    They are put right behind the command's name, so that the flags that the user gave win.

    Args:
        arguments: The whole command line.
        verb_at: Position of the command's name in it.
        parser: The command's parser.

    Raises:
        ConfigError: The file cannot be read, or names no flag of the command and no setting.
    """
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    scan.add_argument("--config")
    try:
        path = scan.parse_known_args(arguments)[0].config
    except argparse.ArgumentError:
        return list(arguments)  # the command's own parser tells what is wrong
    if path is None:
        return list(arguments)
    settings = {flag_name(item.name) for item in dataclasses.fields(Settings)}
    flags = {flag[2:]: action for flag, action in flags_of(parser).items() if flag not in _NEVER}
    words: list[str] = []
    for key, value in read_config(path).items():
        if key in settings:
            continue
        if key not in flags:
            raise ConfigError(
                f"there is no option {key!r}",
                where=path,
                mend=close_names(key, sorted(settings | flags.keys())),
            )
        if not _given(flags[key], arguments):
            words += _words(key, flags[key], value, f"{path}, {key}")
    return [*arguments[: verb_at + 1], *words, *arguments[verb_at + 1 :]]


def _given(action: argparse.Action, arguments: Sequence[str]) -> bool:
    """Whether the user gave a flag: it wins over the file, also where it could be repeated."""
    return any(
        word == flag or word.startswith(f"{flag}=")
        for word in arguments
        for flag in action.option_strings
    )


def _words(key: str, action: argparse.Action, value: Any, where: str) -> list[str]:  # noqa: ANN401
    """A key of the file as words of the command line."""
    if action.nargs == 0:
        if not isinstance(value, (bool, int)):
            raise ConfigError(
                f"{value!r} is not true or false", where=where, mend=action.help or ""
            )
        return [f"--{key}"] * int(value)
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, (str, int, float)) for one in values):
        raise ConfigError(f"{value!r} is not a text", where=where, mend=action.help or "")
    return [f"--{key}={one}" for one in values]
