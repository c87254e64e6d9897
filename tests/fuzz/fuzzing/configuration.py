"""Targets, preprocessing, options and rules, damaged."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

import hawx_onnx
from fuzzing import models
from fuzzing.strategies import Draw, Files, alone, damaged_documents, yaml_text
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.hardware import load_target
from hawx_onnx.settings_file import load_config

PRESETS = Path(hawx_onnx.__file__).parent / "hardware/presets"


@functools.cache
def _configurations() -> dict[str, tuple[list[Any], list[bytes]]]:
    """Trees and texts of valid files, by name."""
    presets = [path.read_bytes() for path in sorted(PRESETS.glob("*.yaml"))]
    found = {"target.yaml": ([yaml.safe_load(text) for text in presets], presets)}
    for name, tree in (("preprocess.yaml", _PREPROCESSING), ("config.yaml", _CONFIG)):
        found[name] = ([tree], [yaml.safe_dump(tree).encode()])
    return found


_PREPROCESSING = {
    "resize": [32, 32],
    "crop": [28, 28],
    "scale": 255,
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.2, 0.2],
    "layout": "nchw",
}
_CONFIG = {
    "target": "spatial",
    "candidates": ["mul8s_trunc*"],
    "max-accuracy-drop": 0.01,
    "granularity": "layer",
    "seed": 3,
    "max-evaluations": 10,
    "exclude": ["fc*"],
}


@st.composite
def configuration_files(draw: Draw) -> Files:
    """A target, a preprocessing, or options of a command."""
    name = draw(st.sampled_from(["target.yaml", "preprocess.yaml", "config.yaml"]))
    trees, texts = _configurations()[name]
    return {name: draw(damaged_documents(trees, texts, yaml_text))}


def read_configuration(folder: Path) -> None:
    """Reads it, and preprocesses images."""
    (path,) = folder.iterdir()
    if path.name == "target.yaml":
        load_target(path)
    elif path.name == "preprocess.yaml":
        spec = InputSpec("x", np.dtype(np.float32), (None, 3, 28, 28))
        images = np.zeros((2, 40, 40, 3), np.uint8)
        Preprocessing.from_yaml(path).apply(images, spec, where="images")
    else:
        load_config(path)


_RULES = (
    {
        "max-area": [{"limit": 1e9, "target": "temporal"}, {"limit": 1e9, "target": "spatial"}],
        "max-power": {"limit": 1e9, "target": "temporal"},
        "max-latency": 1e9,
        "allowed-multipliers": ["mul8s_trunc*"],
        "max-opset": 21,
    },
    {
        "no-exact-fallback": {"except": ["conv0", "gemm*"]},
        "known-tables": True,
        "deterministic-bytes": True,
        "min-opset": 11,
        "max-ir-version": 10,
        "portable-equals-kernel": {"enabled": False, "samples": 4},
    },
)


def rule_files() -> st.SearchStrategy[Files]:
    """Rules of `check`."""
    texts = [yaml.safe_dump(rules).encode() for rules in _RULES]
    return alone("rules.yaml", damaged_documents(_RULES, texts, yaml_text))


def read_rules(folder: Path) -> None:
    """Holds a rewritten model against them."""
    model = folder.parent / "checked.onnx"
    if not model.exists():
        model.write_bytes(models.models()[-1])
    hawx_onnx.check(model, rules=folder / "rules.yaml", jobs=1)
