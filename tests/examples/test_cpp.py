"""The C++ example, built by CMake against onnxruntime's SDK or a stand-in for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from .c_api import header
from .conftest import Prepared, rows


@pytest.fixture(scope="module")
def sdk(shared: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in ONNXRUNTIME_ROOT; otherwise the wheel's library and a header of our own."""
    if os.environ.get("ONNXRUNTIME_ROOT"):
        return Path(os.environ["ONNXRUNTIME_ROOT"])
    found = sorted(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"))
    if not found:
        pytest.skip("this onnxruntime has no library to link to; set ONNXRUNTIME_ROOT")
    folder = tmp_path_factory.mktemp("sdk")
    for name in ("include", "lib"):
        (folder / name).mkdir()
    slots = json.loads(shared("ort_c_api_slots.json").read_text(encoding="utf-8"))
    (folder / "include" / "onnxruntime_c_api.h").write_text(header(slots), encoding="utf-8")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / "lib" / name).symlink_to(found[0])
    return folder


@pytest.fixture(scope="module")
def program(sdk: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cmake = shutil.which("cmake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    if cmake is None or shutil.which("g++") is None:
        pytest.skip("needs cmake and a C++ compiler")
    build = tmp_path_factory.mktemp("build")
    for words in (
        ["-S", str(examples / "cpp"), "-B", str(build), f"-DONNXRUNTIME_ROOT={sdk}"],
        ["--build", str(build)],
    ):
        done = subprocess.run([cmake, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "classify"


def run(program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", ["library", "portable"])
def test_it_says_what_python_says(program: Path, prepared: Prepared, path: str) -> None:
    library = [prepared.library] if path == "library" else []
    done = run(program, *prepared.arguments, *library)
    assert done.returncode == 0, done.stderr
    assert len(prepared.expected) == 8
    assert rows(done.stdout) == prepared.expected


def test_errors_are_told(program: Path, prepared: Prepared, tmp_path: Path) -> None:
    model, samples = prepared.arguments
    short = tmp_path / "short.f32"
    short.write_bytes(b"\0" * 12)
    for words, told in (
        (["no.onnx", samples], "no.onnx"),
        ([model, "no.f32"], "no.f32"),
        ([model, short], "no whole number of samples"),
        ([model, samples, "no.so"], "no.so"),
    ):
        done = run(program, *words)
        assert done.returncode == 1
        assert told in done.stderr
