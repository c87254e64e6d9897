"""``hawx-onnx``: parses, dispatches, and turns errors into one or two lines and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NoReturn

import hawx_onnx
from hawx_onnx.cli import signals
from hawx_onnx.cli.config import flags_of, with_config
from hawx_onnx.cli.options import add_global_flags
from hawx_onnx.disk_errors import DISK_FAILURES, refusal
from hawx_onnx.errors import HawxError
from hawx_onnx.names import close_names
from hawx_onnx.printable import one_line, plain_lines

# Verb -> module of this package. A module brings HELP, add_arguments(parser) and run(args, ui).
VERBS = {
    "optimize": "optimize",
    "analyze": "analyze",
    "explore": "explore",
    "evaluate": "evaluate",
    "cost": "cost",
    "apply": "apply",
    "check": "check",
    "report": "report",
    "library": "library",
    "doctor": "doctor",
    "olive-config": "olive_config",
}
_LONGEST = 2000
USAGE_ERROR, INTERNAL_ERROR = 2, 4
SIGNALLED = 128  # and the number of the signal, as shells tell it
WITHOUT_READER = SIGNALLED + 13  # SIGPIPE, which not all systems have


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are two lines, as all errors are."""

    verbs: Mapping[str, argparse.ArgumentParser]

    def error(self, message: str) -> NoReturn:
        hint = f"`{self.prog} --help` lists what it takes"
        sys.stderr.write(f"error: {plain_lines(message)}\n  {hint}\n")
        raise SystemExit(USAGE_ERROR)


def build_parser() -> _Parser:
    """The whole command line; ``verbs`` of the result are the parsers of the commands."""
    parser = _Parser(
        prog="hawx-onnx",
        description="Find where a trained network can do with approximate multipliers.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=hawx_onnx.__version__)
    add_global_flags(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", parser_class=_Parser)
    for verb in VERBS:
        module = _module(verb)
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP, allow_abbrev=False)
        add_global_flags(sub)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    parser.verbs = verbs.choices
    return parser


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"hawx_onnx.cli.{VERBS[verb]}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code.

    Args:
        argv: Arguments after the program's name; those of the process if None.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = given
    parser = build_parser()
    verb_at = _verb_at(arguments)
    if verb_at is not None:
        verb = arguments[verb_at]
        if verb not in VERBS:
            parser.error(f"there is no command {verb!r}: {close_names(verb, VERBS)}")
        try:
            arguments = with_config(arguments, verb_at, parser.verbs[verb])
        except HawxError as error:
            return _tell(error, error.exit_code, 0)
    args, unknown = parser.parse_known_args(arguments)
    if args.verb is None:
        parser.print_help(sys.stderr)
        return USAGE_ERROR
    if unknown:
        _refuse(args.verb, parser.verbs[args.verb], unknown)
    return _run(args, shlex.join(["hawx-onnx", *given]))


def _verb_at(arguments: Sequence[str]) -> int | None:
    """Position of the command's name: the first word that is no flag and no flag's value."""
    at = 0
    while at < len(arguments):
        if not arguments[at].startswith("-"):
            return at
        at += 2 if arguments[at] in ("--seed", "--config") else 1
    return None


def _refuse(verb: str, parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Tells which argument a command does not take, with close names for a flag."""
    first = unknown[0].partition("=")[0]
    if not first.startswith("-"):
        parser.error(f"{verb} does not take {first!r} here")
    near = close_names(first.lstrip("-"), [flag[2:] for flag in flags_of(parser)])
    hint = f": {near}" if near.startswith("did you mean") else ""
    parser.error(f"{verb} has no flag {first}{hint}")


def _run(args: argparse.Namespace, command: str) -> int:
    from hawx_onnx.cli.console import Ui

    verbosity = getattr(args, "verbose", 0) - getattr(args, "quiet", 0)
    _set_up_logging(verbosity)
    ui = Ui(json=getattr(args, "json", False), quiet=verbosity < 0, command=command)
    try:
        with ui:
            code = int(args.run(args, ui))
            ui.finish(code)
            sys.stdout.flush()
            return code
    except SystemExit:
        return WITHOUT_READER  # what draws tables ends so where nobody reads them
    except (Exception, KeyboardInterrupt) as error:
        # Whatever came of it: libraries make errors of their own of what a signal raises in them.
        number = signals.asked()
        if isinstance(error, KeyboardInterrupt) or number is not None:
            return _interrupted(args, command, number or signal.SIGINT)
        return _failed(error, verbosity)


def _interrupted(args: argparse.Namespace, command: str, number: int) -> int:
    """Tells how to go on after a signal."""
    sys.stderr.write("interrupted\n")
    if _keeps_a_journal(args):
        again = "" if args.resume else " --resume"
        sys.stderr.write(f"  to go on: {plain_lines(command)}{again}\n")
    return SIGNALLED + number


def _failed(error: BaseException, verbosity: int) -> int:
    """Tells what went wrong."""
    if isinstance(error, OSError):
        if isinstance(error, BrokenPipeError):
            _drop_output()
            return WITHOUT_READER
        if error.errno in DISK_FAILURES:
            # Whoever writes files tells them.
            _drop_output()
            error = refusal(error.filename or "standard output", error)
    if isinstance(error, HawxError):
        return _tell(error, error.exit_code, verbosity)
    if isinstance(error, MemoryError):
        return _tell(error, INTERNAL_ERROR, verbosity, "out of memory", "use fewer samples")
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    hint = "this is a defect of hawx-onnx; -vv shows where it happened"
    return _tell(error, INTERNAL_ERROR, verbosity, f"unexpected {text}", hint)


def _drop_output() -> None:
    """Drops what is left of the output, which would be tried and told of once more at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _keeps_a_journal(args: argparse.Namespace) -> bool:
    """Whether what was measured so far is written down: where there is an output."""
    return hasattr(args, "resume") and args.output is not None


def _tell(
    error: BaseException, code: int, verbosity: int, text: str | None = None, hint: str = ""
) -> int:
    """Writes an error to stderr, with a traceback at -vv only."""
    if verbosity >= 2:
        logging.getLogger(__name__).error("traceback", exc_info=error)
    told = (text, hint)
    if isinstance(error, HawxError) and text is None:
        told = (f"{error.where}: {error.what}" if error.where else error.what, error.mend)
    # Names of nodes and files stand in it, which must not start lines of their own.
    lines = (one_line(part, _LONGEST) for part in told if part)
    sys.stderr.write("error: " + "\n  ".join(lines) + "\n")
    return code


class _Plain(logging.Formatter):
    """Formats records, names in them made fit for a log."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_lines(super().format(record))


def _set_up_logging(verbosity: int) -> None:
    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(
        max(-1, min(verbosity, 2)), logging.DEBUG
    )
    root = logging.getLogger()
    if not root.handlers:
        # A library that logs through the root would else give it a handler, and all lines twice.
        root.addHandler(logging.NullHandler())
    handler = logging.StreamHandler(sys.stderr)
    plain, full = "warning: %(message)s", "%(levelname)s %(name)s: %(message)s"
    handler.setFormatter(_Plain(plain if verbosity <= 0 else full))
    logger = logging.getLogger("hawx_onnx")
    logger.handlers = [handler]
    logger.setLevel(level)


if __name__ == "__main__":
    raise SystemExit(main())
