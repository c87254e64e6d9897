"""Where the process ``hawx-onnx`` starts: signals are heeded before anything else is imported."""

from __future__ import annotations

import sys

from hawx_onnx.cli.signals import asked, heeded, let_go


def main() -> int:
    """Runs the command that the process was given and returns its exit code."""
    try:
        with heeded():
            try:
                from hawx_onnx.cli.main import main as run

                return run()
            except KeyboardInterrupt:
                # Before or after the command itself, which tells the rest.
                sys.stderr.write("interrupted\n")
                return 128 + (asked() or 2)
    finally:
        let_go()
