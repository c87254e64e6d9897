"""Layers that stay in floating point keep their weights, whatever onnxruntime optimises."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, Quantize

CHANNELS = 8


@pytest.fixture
def depthwise(kit):
    """A depthwise layer whose channels differ a thousandfold, between two others, and a Gemm."""
    rng = np.random.default_rng(2)
    spread = np.logspace(-3, 0, CHANNELS)
    tensors = {
        "w0": rng.normal(0, 0.5, (CHANNELS, 3, 1, 1)),
        "w1": rng.normal(0, 0.5, (CHANNELS, 1, 3, 3)) * spread[:, None, None, None],
        # What follows makes up for it.
        "w2": rng.normal(0, 0.5, (6, CHANNELS, 1, 1)) / spread[:, None, None],
        "w3": rng.normal(0, 0.5, (6, 4)) * [0.001, 0.01, 0.1, 1],
        "b3": rng.normal(0, 0.001, 4),
    }
    return kit.model(
        """net (float[N,3,6,6] x) => (float[N,4] y) {
            a = Conv(x, w0)
            b = Conv<group=8>(a, w1)
            c = Conv(b, w2)
            p = GlobalAveragePool(c)
            f = Flatten(p)
            y = Gemm(f, w3, b3)
        }""",
        names=("first", "deep", "last", "pool", "flat", "head"),
        **{name: values.astype(np.float32) for name, values in tensors.items()},
    )


@pytest.mark.parametrize("layer", ["deep", "head"])
def test_results_do_not_depend_on_optimisations(depthwise, kit, layer) -> None:
    state = Canonicalize()(kit.state(depthwise))
    quantised = Quantize(state.multipliers[0].encoding, keep_float=(layer,))(state)
    final = FindCandidates()(LowerQdq()(quantised))
    assert layer not in {c.name for c in final.candidates}
    x = kit.samples(depthwise, seed=7)
    plain, optimised = (kit.run(final.model, x, optimised=flag)[0] for flag in (False, True))
    # One code of difference in the last output: float sums differ in their last digits.
    assert np.abs(plain - optimised).max(axis=0).max() <= 1.01 * np.ptp(plain) / 255


def test_layers_in_floating_point_are_worth_it(depthwise, kit) -> None:
    x = kit.samples(depthwise, seed=7)
    exact = kit.run(depthwise, x)[0]
    errors = []
    for kept in ((), ("deep",)):
        state = Canonicalize()(kit.state(depthwise))
        state = LowerQdq()(Quantize(state.multipliers[0].encoding, keep_float=kept)(state))
        errors.append(np.square(kit.run(state.model, x)[0] - exact).mean())
    assert errors[1] < 1.5 * errors[0]
