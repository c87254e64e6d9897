"""64 sessions at once, each against itself alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path


def test_64_sessions_give_what_each_gives_alone() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    command = [sys.executable, Path(__file__).with_name("parallel.py"), "--sessions", "64"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.endswith(": 0 differ") for line in lines] == [True] * 3, done.stdout
