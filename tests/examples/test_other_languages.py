"""The examples in C# and Rust, where their compilers and packages are at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Prepared, rows


def built(words: list[str], folder: Path, *missing: str) -> None:
    """Builds in a folder, or skips where packages cannot be had: its output says ``missing``."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {words[0]}")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode and any(word in said for word in missing):
        pytest.skip(f"the packages that {words[0]} needs are not at hand")
    assert done.returncode == 0, said


@pytest.mark.parametrize("path", ["library", "portable"])
def test_rust(examples: Path, prepared: Prepared, tmp_path: Path, path: str) -> None:
    shutil.copytree(examples / "rust", tmp_path / "rust", ignore=shutil.ignore_patterns("target"))
    built(["cargo", "build", "--offline"], tmp_path / "rust", "no matching package")
    check(tmp_path / "rust" / "target" / "debug" / "classify", prepared, path)


@pytest.mark.parametrize("path", ["library", "portable"])
def test_csharp(examples: Path, prepared: Prepared, tmp_path: Path, path: str) -> None:
    shutil.copytree(examples / "csharp", tmp_path / "csharp")
    built(["dotnet", "build", "-o", "out"], tmp_path / "csharp", "NU1101", "NU1301")
    check(tmp_path / "csharp" / "out" / "Classify", prepared, path)


def check(program: Path, prepared: Prepared, path: str) -> None:
    library = [str(prepared.library)] if path == "library" else []
    done = subprocess.run(
        [program, *prepared.arguments, *library], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [[float(f"{number:.9g}") for number in row] for row in rows(done.stdout)]
    assert told == prepared.expected
