"""Bounds of the dependencies: both are there, and what is installed lies between them."""

from __future__ import annotations

import importlib.metadata
import runpy
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def tested(root: Path) -> dict:
    return runpy.run_path(str(root / "tests/environments/run.py"))


def bounded(project: dict, extras: tuple[str, ...]) -> list[Requirement]:
    texts = list(project["dependencies"])
    texts += [text for name in extras for text in project["optional-dependencies"][name]]
    return [Requirement(text) for text in texts]


def test_every_dependency_has_both_bounds(project: dict, tested: dict) -> None:
    for one in bounded(project, tested["EXTRAS"]):
        assert sorted(clause.operator for clause in one.specifier) == ["<", ">="], str(one)


def test_what_is_installed_lies_between_them(project: dict, tested: dict) -> None:
    looked_at = 0
    for one in bounded(project, tested["EXTRAS"]):
        if one.marker is not None and not one.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(one.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        assert one.specifier.contains(version, prereleases=True), f"{one}, {version}"
        looked_at += 1
    assert looked_at >= 10


def test_the_oldest_environment_has_every_lower_bound(project: dict, tested: dict) -> None:
    wanted = [tested["oldest"](one) for one in tested["requirements"]()]
    names = {one.split("==")[0].lower() for one in wanted}
    assert {"numpy==1.26", "onnxruntime==1.21", "distributed==2024.2"} <= set(wanted)
    here = [
        r for r in bounded(project, tested["EXTRAS"]) if r.marker is None or r.marker.evaluate()
    ]
    assert {one.name.lower() for one in here} <= names
    assert {"pytest", "hypothesis", "jsonschema"} <= names


def test_the_tests_of_both_environments_are_there(root: Path, tested: dict) -> None:
    assert all((root / path).exists() for path in tested["SHORT"])
