"""The scripts of ``benchmarks/`` as modules; skips where they cannot run."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path


@pytest.fixture(scope="session")
def script(root: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of ``benchmarks/`` by its name there."""
    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("there is no C compiler for the look-up loop")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "benchmarks")
        yield importlib.import_module
