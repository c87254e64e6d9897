"""Installation without a C++ compiler: the build goes through and brings no library."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "custom_ops"
COMPILERS = ("CC", "CXX", "CMAKE_GENERATOR", "CMAKE_TOOLCHAIN_FILE", "CMAKE_ARGS")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for PATH that holds make and a shell, and no compiler."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("make", "sh", "uname"):
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"there is no {name}")
        (folder / name).symlink_to(path)
    return folder


def cmake(*words: str | Path, path: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("cmake")
    if program is None:
        pytest.skip("there is no cmake")
    environment = {name: value for name, value in os.environ.items() if name not in COMPILERS}
    return subprocess.run(
        [program, *map(str, words)],
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def configure(build: Path, path: str) -> subprocess.CompletedProcess[str]:
    return cmake("-S", SOURCES, "-B", build, "-G", "Unix Makefiles", path=path)


def test_the_build_goes_through_without_a_library(programs: Path, tmp_path: Path) -> None:
    build, installed = tmp_path / "build", tmp_path / "installed"
    done = configure(build, str(programs))
    assert done.returncode == 0, done.stderr
    assert "There is no C++ compiler" in done.stderr
    done = cmake("--build", build, path=str(programs))
    assert done.returncode == 0, done.stderr
    done = cmake("--install", build, "--prefix", installed, path=str(programs))
    assert done.returncode == 0, done.stderr
    assert not [path for path in installed.rglob("*") if path.is_file()]


def test_a_compiler_that_comes_later_is_found(programs: Path, tmp_path: Path) -> None:
    if shutil.which("c++") is None:
        pytest.skip("there is no C++ compiler")
    assert configure(tmp_path / "build", str(programs)).returncode == 0
    done = configure(tmp_path / "build", os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    assert "There is no C++ compiler" not in done.stderr
    done = cmake("--build", tmp_path / "build", "--target", "help", path=os.environ["PATH"])
    assert "hawx_ops" in done.stdout
