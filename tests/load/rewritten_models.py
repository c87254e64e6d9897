"""The models that sessions are made of: rewritten networks, and operators alone."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

import hawx_onnx

ROOT = Path(__file__).resolve().parents[2]
LENET = ROOT / "models/lenet5/lenet5.onnx"
OPERATORS = ("ApproxQLinearConv", "ApproxQLinearMatMul", "ApproxConvInteger", "ApproxMatMulInteger")
# One product of transformed operands, and look-ups.
MULTIPLIERS = ("mul8s_trunc2", "mul8sm_mitchell")


def networks() -> list[bytes]:
    """LeNet-5 with each of the multipliers, and with both of them."""
    return [_rewritten((name,)) for name in MULTIPLIERS] + [_rewritten(MULTIPLIERS)]


def _rewritten(multipliers: tuple[str, ...]) -> bytes:
    """LeNet-5 with these multipliers in turn, and its portable bodies."""
    layers = [layer["name"] for layer in hawx_onnx.cost(LENET)["layers"]]
    chosen = {name: multipliers[i % len(multipliers)] for i, name in enumerate(layers)}
    return hawx_onnx.apply(LENET, chosen, data="synthetic", jobs=1).SerializeToString()


def operators() -> list[tuple[bytes, np.ndarray]]:
    """Each operator alone in a model, with and without factors, and its input ``x``."""
    case_of = runpy.run_path(str(ROOT / "tests/abi/run.py"))["case_of"]
    cases = [case_of(name, factors) for name in OPERATORS for factors in (False, True)]
    return [(case["model"].tobytes(), case["x"]) for case in cases]
