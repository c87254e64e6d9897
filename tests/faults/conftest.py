"""Puts `faults` where it can be imported; skips where nothing can be preloaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Short runs to disturb."""
    from faults.preload import CannotPreloadError, library
    from faults.runs import Runs

    try:
        library()
        get_library_path()
    except (CannotPreloadError, LibraryError) as error:
        pytest.skip(str(error))
    return Runs("short", tmp_path_factory.mktemp("faults"))
