"""Virtual environments for tools that are no dependency of this project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def environment(folder: Path, requirements: list[str]) -> tuple[Path | None, str]:
    """Makes a virtual environment, or takes the one that is there.

    Args:
        folder: Where it lies, or will lie.
        requirements: What pip installs into it.

    Returns:
        Its Python and an empty text, or None and the reason why it cannot be had.
    """
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python, ""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*pip, *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return None, (lines or done.stderr.splitlines() or ["pip failed"])[-1]
    (folder / "ready").touch()
    return python, ""
