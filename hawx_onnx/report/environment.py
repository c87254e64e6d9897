"""Where a run took place: versions, processor, threads, seed."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from typing import Any

import hawx_onnx
from hawx_onnx.settings import Settings


def environment_block(settings: Settings, kernels: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, processor and seed."""
    return {
        "versions": versions(),
        "cpu": kernels.get("cpu", []),
        "isa": kernels.get("isa"),
        "threads": settings.jobs,
        "seed": settings.seed,
        "platform": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Versions of this package, Python and what results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"hawx-onnx": hawx_onnx.__version__, "python": platform.python_version()}
    for name in ("onnx", "onnxruntime", "onnx-graphsurgeon", "numpy", "scipy", "catboost"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
