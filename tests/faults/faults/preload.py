"""Builds what is preloaded into runs, and tells it what to do."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("preload.cc")


class CannotPreloadError(Exception):
    """There is no compiler, or another system than Linux."""


@functools.lru_cache(maxsize=1)
def library() -> Path:
    """Compiles it, once in a process.

    Raises:
        CannotPreloadError: It cannot be had; the text says why.
    """
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if sys.platform != "linux":
        raise CannotPreloadError("libraries are preloaded on Linux alone")
    if compiler is None:
        raise CannotPreloadError("there is no C++ compiler")
    path = Path(_folder().name) / "preload.so"
    words = ("-std=c++17", "-O1", "-fPIC", "-shared", "-D_GNU_SOURCE", "-o", path, SOURCE, "-ldl")
    subprocess.run([compiler, *words], check=True)
    return path


@functools.lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hawx-faults-")


def environment(**values: object) -> dict[str, str]:
    """Variables of a process that it is preloaded into; keys are those of preload.cc."""
    return {
        "LD_PRELOAD": str(library()),
        **{f"HAWX_{key.upper()}": str(value) for key, value in values.items()},
    }
