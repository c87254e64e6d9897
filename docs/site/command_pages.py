"""The page of all commands and flags, made from the argument parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

_HEAD = """# Commands and their flags

What `hawx-onnx COMMAND --help` prints, for all commands. What the flags mean for a run, which forms
of data they take and which exit codes there are: [commands, explained](../cli.md).
"""


def command_page() -> str:
    """Returns the page in Markdown."""
    from hawx_onnx.cli.main import build_parser

    parser = build_parser()
    common = {action.dest for action in parser._actions}
    parts = [_HEAD, "## For all commands\n", *_flags(parser, set())]
    for verb, sub in parser.verbs.items():
        parts += _section(f"hawx-onnx {verb}", sub, common, level=2)
    return "\n".join(parts) + "\n"


def _section(
    name: str, parser: argparse.ArgumentParser, common: set[str], level: int
) -> Iterator[str]:
    """A command, then the commands below it."""
    yield f"{'#' * level} {name}\n"
    yield f"{_sentence(parser.description or '')}\n"
    yield f"```text\n{_usage(parser, common)}```\n"
    yield from _flags(parser, common)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, sub in action.choices.items():
                yield from _section(f"{name} {verb}", sub, common, level + 1)


def _usage(parser: argparse.ArgumentParser, common: set[str]) -> str:
    """The usage line without the flags that all commands take."""
    formatter = argparse.HelpFormatter(parser.prog, width=80)
    own = [action for action in parser._actions if action.dest not in common]
    formatter.add_usage(None, own, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help()


def _flags(parser: argparse.ArgumentParser, common: set[str]) -> Iterator[str]:
    """The table of arguments."""
    rows = [
        f"| {_names(action)} | {_cell(_help(parser, action))} |"
        for action in parser._actions
        if action.dest not in common
        and action.help != argparse.SUPPRESS
        and not isinstance(action, argparse._SubParsersAction)
    ]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n"


def _names(action: argparse.Action) -> str:
    """How an argument is written, such as ``--jobs N``."""
    value = ""
    if action.nargs != 0:
        value = argparse.HelpFormatter("")._format_args(action, _metavar(action))
    words = [f"{flag} {value}".strip() for flag in action.option_strings] or [value]
    return ", ".join(f"`{_cell(word)}`" for word in words)


def _metavar(action: argparse.Action) -> str:
    if action.metavar is not None:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    if action.choices is not None:
        return "{" + ",".join(str(choice) for choice in action.choices) + "}"
    return action.dest.upper()


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help text, its ``%(default)s`` and the like filled in."""
    formatter = parser._get_formatter()
    return formatter._expand_help(action) if action.help else ""


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") or not text else f"{text}."


def _cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
