"""What a command shows: steps and progress on stderr, results on stdout."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any

from hawx_onnx.cli import signals
from hawx_onnx.printable import plain_json, plain_lines

log = logging.getLogger("hawx_onnx")


class Ui:
    """Progress on a terminal, plain log lines in a pipe, one JSON document on request.

    Args:
        json: Print JSON on stdout instead of text.
        quiet: Show neither progress nor warnings.
        command: The command line, told at the end of what took several steps.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, command: str = "") -> None:
        self.json = json
        self._command, self._begun = command, time.monotonic()
        self._stepped: float | None = None
        self._measured = 0
        self._quiet = quiet
        self._live = not quiet and sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None
        self._count = 0
        self._total: int | None = None

    def __enter__(self) -> Ui:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the progress display."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def step(self, text: str) -> None:
        """Tells which step begins."""
        signals.check()
        log.info("%s", text)
        self._stepped, self._count = time.monotonic(), 0
        if not self._live:
            return
        if self._progress is None:
            self._start()
        self._progress.refresh()  # the last of the step before may not have been drawn
        self._progress.reset(self._task, description=text, total=None, told="")

    def measure(self, total: int | None) -> None:
        """Says how many assignments a step measures at most; None where that is not known."""
        self._total = total

    def tick(self) -> None:
        """Counts one measured assignment."""
        signals.check()
        self._count += 1
        self._measured += 1
        if self._progress is not None:
            told, total = self._told(), self._total
            self._progress.update(self._task, completed=self._count, total=total, told=told)

    def _told(self) -> str:
        """How many assignments a step has measured, and how long the others may take."""
        if self._total is None or self._stepped is None:
            return f"{self._count} measured"
        each = (time.monotonic() - self._stepped) / self._count
        left = duration(each * max(0, self._total - self._count))
        return f"{self._count} of {self._total} measured, {left} left"

    def finish(self, code: int) -> None:
        """Tells how a command of several steps ended, and how to repeat it."""
        self.close()
        if self._stepped is None:
            return
        status = "done" if code == 0 else f"ended with exit code {code}"
        took = duration(time.monotonic() - self._begun)
        count = self._measured
        measured = f", {count} assignment{'s' * (count > 1)} measured" if count else ""
        text = plain_lines(f"{status} in {took}{measured}; to repeat: {self._command}")
        log.info("%s", text)
        if self._live and not log.isEnabledFor(logging.INFO):
            sys.stderr.write(f"{text}\n")

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, told="")
        self._progress.start()

    def print_json(self, document: object) -> None:
        """Prints the one JSON document."""
        from hawx_onnx.report import json_text

        self.close()
        sys.stdout.write(plain_json(json_text(document)).rstrip("\n") + "\n")

    def line(self, text: str = "") -> None:
        """Prints a line of the result."""
        self.close()
        sys.stdout.write(f"{plain_lines(text)}\n")

    def warn(self, text: str) -> None:
        """Writes a warning to stderr, unless the command is quiet."""
        if self._quiet:
            return
        self.close()
        sys.stderr.write(f"warning: {plain_lines(text)}\n")


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 5 s`` or ``2 h 7 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
