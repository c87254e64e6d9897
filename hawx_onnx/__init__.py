"""hawx-onnx: hardware-aware approximation of trained networks, from ONNX to ONNX."""

from __future__ import annotations

from pathlib import Path as _Path

__version__ = "0.1.0"

_here = _Path(__file__).resolve().parent
# In a bare checkout passes/ and models/ lie beside this package; a wheel and an editable
# install carry them inside.
if not (_here / "passes").is_dir() and (_here.parent / "passes" / "__init__.py").is_file():
    __path__.append(str(_here.parent))
