"""Backward graphs run and held against finite differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest

from hawx_onnx.passes.approximate import exposed
from hawx_onnx.passes.gradient import Gradient, build_gradient, split_gradient
from hawx_onnx.runtime.library import create_session


def forward(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], names: Sequence[str]):
    """Tensors of a model by onnxruntime, node by node as the standard says: name -> values."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    probe = exposed(model, [n for n in names if n not in feeds])
    session = ort.InferenceSession(probe.SerializeToString(), options)
    given = {value.name: feeds[value.name] for value in session.get_inputs()}
    wanted = list(dict.fromkeys(n for n in names if n not in feeds))
    values = session.run(wanted, given) if wanted else []
    return {**feeds, **dict(zip(wanted, values, strict=True))}


def cotangents(
    model: onnx.ModelProto,
    gradient: Gradient,
    feeds: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Node -> cotangent of its first output, from cotangents of the model's outputs."""
    onnx.checker.check_model(gradient.backward)
    saved = forward(model, feeds, gradient.forward)
    session = create_session(gradient.backward.SerializeToString(), threads=1, use_library=False)
    given = {name: saved[name] for name in gradient.forward}
    given |= {
        f"cotangent/{name}": np.asarray(values, np.float32) for name, values in outputs.items()
    }
    given = {value.name: given[value.name] for value in session.get_inputs()}
    results = session.run(list(gradient.nodes.values()), given)
    for whole, part in zip(results, _in_two_steps(gradient, given), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-5, atol=1e-6)
    return dict(zip(gradient.nodes, results, strict=True))


def _in_two_steps(gradient: Gradient, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The same by the split graph."""
    split = split_gradient(gradient)
    onnx.checker.check_model(split.backward)
    given = dict(feeds)
    if split.prepared:
        session = create_session(split.prepare.SerializeToString(), threads=1, use_library=False)
        own = {value.name: given[value.name] for value in session.get_inputs()}
        assert not any(name.startswith("cotangent/") for name in own)
        given |= zip(split.prepared, session.run(list(split.prepared), own), strict=True)
    session = create_session(split.backward.SerializeToString(), threads=1, use_library=False)
    given = {value.name: given[value.name] for value in session.get_inputs()}
    return session.run(list(gradient.nodes.values()), given)


def directional(function, x: np.ndarray, direction: np.ndarray, step: float) -> float:
    """Central difference of a scalar function along a direction."""
    ahead, behind = function(x + step * direction), function(x - step * direction)
    return float(ahead - behind) / (2 * step)


class Backward:
    """The helpers above, for tests."""

    build = staticmethod(build_gradient)
    forward = staticmethod(forward)
    cotangents = staticmethod(cotangents)
    directional = staticmethod(directional)


@pytest.fixture(scope="session")
def backward() -> Backward:
    """Runs of backward graphs."""
    return Backward()
