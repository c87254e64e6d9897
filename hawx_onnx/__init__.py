"""hawx-onnx: hardware-aware approximation of trained networks, from ONNX to ONNX."""

from __future__ import annotations

import os as _os
from pathlib import Path as _Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hawx_onnx.api import Result, analyze, apply, cost, evaluate, explore, optimize
    from hawx_onnx.checks import check
    from hawx_onnx.runtime.library import create_session, get_library_path, register

__version__ = "0.1.0"

__all__ = [
    "Result",
    "__version__",
    "analyze",
    "apply",
    "check",
    "cost",
    "create_session",
    "evaluate",
    "explore",
    "get_library_path",
    "optimize",
    "register",
]

# onnxruntime 1.29 and later tell Microsoft of every session, names and hashes of models among it,
# unless this is set before they are imported. Whoever wants that sets it to 0.
_os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_here = _Path(__file__).resolve().parent
# In a bare checkout passes/ and models/ lie beside this package; a wheel and an editable
# install carry them inside.
if not (_here / "passes").is_dir() and (_here.parent / "passes" / "__init__.py").is_file():
    __path__.append(str(_here.parent))


# Where each public name lives: importing this package must not import onnx or onnxruntime.
_HOME = {
    **dict.fromkeys(
        ("Result", "analyze", "apply", "cost", "evaluate", "explore", "optimize"), "api"
    ),
    "check": "checks",
    **dict.fromkeys(("create_session", "get_library_path", "register"), "runtime.library"),
}


def __getattr__(name: str) -> object:
    """Imports public names when they are first asked for."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"hawx_onnx.{_HOME[name]}"), name)
    raise AttributeError(f"module 'hawx_onnx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
