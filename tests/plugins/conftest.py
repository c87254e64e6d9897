"""Packages with plug-ins, installed in a folder of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hawx_onnx.components.plugged import multipliers_of
from hawx_onnx.plugins import imported

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def lay_down(site: Path, name: str, version: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Writes what an installer writes beside a package's modules."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    text = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(text) + "\n")


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """An empty folder that packages are found in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)
    yield folder
    for name in set(sys.modules) - known:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    imported.cache_clear()
    multipliers_of.cache_clear()


@pytest.fixture
def acme(root, site) -> Path:
    """The plug-in of ``examples/plugin``, installed."""
    source = root / "examples" / "plugin"
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lay_down(site, project["name"], project["version"], project["entry-points"])
    shutil.copytree(source / "acme_hawx", site / "acme_hawx")
    return site


@pytest.fixture
def package(site) -> Callable[..., None]:
    """Installs a package of one module: its source, and ``group: {name: value}``."""

    def install(name: str, source: str, groups: Mapping[str, Mapping[str, str]]) -> None:
        lay_down(site, name, "0.1", groups)
        (site / f"{name}.py").write_text(source, encoding="utf-8")

    return install
