"""A Python with Olive, and a stand-in for Olive's base classes."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

STAND_IN = {
    "__init__.py": "",
    "olive_config.json": '{"passes": {"OnnxQuantization": {"module_path": "a.B"}}, "extra": {}}',
    "exception/__init__.py": "class OlivePassError(Exception): pass\n",
    "model/__init__.py": """
class ONNXModelHandler:
    def __init__(self, model_path, onnx_file_name=None, model_attributes=None):
        self.folder, self.name, self.model_attributes = model_path, onnx_file_name, model_attributes
        self.model_path = f"{model_path}/{onnx_file_name}" if onnx_file_name else model_path
""",
    "model/utils.py": "def resolve_onnx_path(path, name): return f'{path}/{name}'\n",
    "passes/__init__.py": "class Pass: pass\n",
    "passes/pass_config.py": """
from dataclasses import dataclass
@dataclass
class PassConfigParam:
    type_: object
    default_value: object = None
    description: str = ""
class Config:
    def __init__(self, values): self.values = values
    def model_dump(self, include): return {k: v for k, v in self.values.items() if k in include}
""",
}


@pytest.fixture(scope="session")
def olive_python() -> str:
    """A Python that can import Olive and hawx_onnx: this one, or HAWX_OLIVE_PYTHON."""
    if os.environ.get("HAWX_OLIVE_PYTHON"):
        return os.environ["HAWX_OLIVE_PYTHON"]
    found = importlib.util.find_spec("olive")
    if found is None or found.origin is None:
        pytest.skip("Olive is not installed: pip install '.[olive]', or set HAWX_OLIVE_PYTHON")
    return sys.executable


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with a package ``olive`` that has what our pass imports, and no more."""
    folder = tmp_path / "stand-in"
    for name, text in STAND_IN.items():
        path = folder / "olive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
