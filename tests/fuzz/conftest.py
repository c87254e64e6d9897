"""Puts `fuzzing` where it can be imported; skips where the library is not built."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore: list[str] = []


@pytest.fixture(autouse=True, scope="session")
def _can_run() -> None:
    if not hasattr(signal, "SIGPROF"):
        pytest.skip("there are no timers of processor time here")
    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
