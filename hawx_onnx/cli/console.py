"""What a command shows: steps and progress on stderr, results on stdout."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any

log = logging.getLogger("hawx_onnx")


class Ui:
    """Progress on a terminal, plain log lines in a pipe, one JSON document on request.

    Args:
        json: Print JSON on stdout instead of text.
        quiet: Show neither progress nor warnings.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
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
        log.info("%s", text)
        if not self._live:
            return
        if self._progress is None:
            self._start()
        self._count = 0
        self._progress.reset(self._task, description=text, total=self._total)

    def measure(self, total: int | None) -> None:
        """Says how many assignments the next step measures at most."""
        self._total = total

    def tick(self) -> None:
        """Counts one measured assignment."""
        self._count += 1
        if self._progress is not None:
            self._progress.update(self._task, completed=self._count)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def print_json(self, document: object) -> None:
        """Prints the one JSON document."""
        from hawx_onnx.report import json_text

        self.close()
        sys.stdout.write(json_text(document).rstrip("\n") + "\n")

    def line(self, text: str = "") -> None:
        """Prints a line of the result."""
        self.close()
        sys.stdout.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """Writes a warning to stderr, unless the command is quiet."""
        if self._quiet:
            return
        self.close()
        sys.stderr.write(f"warning: {text}\n")
