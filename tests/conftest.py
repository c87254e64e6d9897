"""Fixtures that every test area shares."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Returns the path of a file of the reference collection beside the checkout, or skips."""

    def find(relative: str) -> Path:
        path = SHARED / relative
        if not path.exists():
            pytest.skip(f"reference file {relative} is not beside this checkout")
        return path

    return find


def _helper(name: str) -> ModuleType:
    """A module of the tests themselves, ``tests/NAME.py``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_helper("run_files")  # tests import it by its name


@pytest.fixture(scope="session")
def netlists() -> ModuleType:
    """The generator of netlists, ``tests/netlists.py``."""
    return _helper("netlists")


@pytest.fixture(scope="session")
def dask_cluster() -> ModuleType:
    """Starts real schedulers and workers, ``tests/dask_cluster.py``; skips without Dask."""
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    return _helper("dask_cluster")


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of Chromium, or skips."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed (Debian's package chromium)")
    return found


@pytest.fixture
def judge(browser: str, tmp_path: Path) -> Callable[..., Any]:
    """Judges pages by axe-core, ``tests/accessibility.py``; skips without it."""
    modules = Path(os.environ.get("HAWX_NODE_MODULES") or ROOT / "build" / "axe" / "node_modules")
    axe = modules / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed: make axe")
    text = axe.read_text(encoding="utf-8")

    def run(pages: list[Path], scheme: str) -> Any:
        return _helper("accessibility").judge(browser, text, pages, scheme, tmp_path)

    return run


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAWX_ONNX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def yosys() -> str:
    """The path of an installed yosys, or skips."""
    found = shutil.which("yosys")
    if found is None:
        pytest.skip("yosys is not installed")
    return found
