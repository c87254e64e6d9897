"""Backward graphs: run, and held against central differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from scipy.special import erf

from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes.gradient import Gradient, build_gradient, split_gradient
from hawx_onnx.runtime.library import create_session

STEP = 1e-5
TOLERANCE = 2e-5
DIRECTIONS = 4
HEADER = '<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>'


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
        np.testing.assert_allclose(part, whole, rtol=1e-5, atol=1e-5 * np.abs(whole).max())
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


@dataclass(frozen=True)
class Case:
    """One node, its differentiated inputs by shape, its constants, and how inputs are drawn.

    `low` and `high`: values are uniform between them, and `gap` away from 0 and from each other,
    so that no step crosses a kink; `kinks` are further places to keep away from. `by`: what runs
    the node forwards: onnx's reference in double precision, onnxruntime in "double" where the
    reference is wrong or falls back to single precision, or in "single", where the operator is
    linear and any step is exact. `targets` and `after`: what the node writes and what makes a
    single `y` of it, where it has several outputs.
    """

    node: str
    inputs: dict[str, tuple[int, ...]]
    constants: dict[str, object] = field(default_factory=dict)
    opset: int = 18
    low: float = -2.0
    high: float = 2.0
    kinks: tuple[float, ...] = (0.0,)
    dynamic: bool = False
    by: str = "reference"
    targets: str = "y"
    after: str = ""


class Erf(OpRun):
    """In double precision; onnx's own works in single."""

    op_domain = ""

    def _run(self, x):
        return (erf(x),)


def _gelu(domain: str, **defaults):
    """Exact Gelu under a domain, in double precision; onnx knows its attribute in its own alone."""

    def run(self, x, approximate="none"):
        assert approximate == "none"
        return (x * (1 + erf(x / np.sqrt(2))) / 2,)

    return type("Gelu", (OpRun,), {"op_domain": domain, "_run": run, **defaults})


def model_of(case: Case, dtype: str) -> onnx.ModelProto:
    """Each input behind an Identity node of its name, so that its cotangent can be asked for."""

    def sizes(name):
        shape = case.inputs[name]
        return [f"{name}{axis}" for axis in range(len(shape))] if case.dynamic else shape

    arguments = ", ".join(
        f"{dtype}[{','.join(map(str, sizes(name)))}] in_{name}" for name in case.inputs
    )
    heads = "\n".join(f"{name} = Identity(in_{name})" for name in case.inputs)
    text = f"{HEADER.format(opset=case.opset)} net ({arguments}) => ({dtype}[] y) " + (
        f"{{ {heads}\n {case.targets} = {case.node}\n {case.after} }}"
    )
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for node in model.graph.node:
        node.name = node.output[0]
        if dtype == "double" and node.op_type == "Cast":
            node.attribute[0].i = onnx.TensorProto.DOUBLE
    for name, values in case.constants.items():
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float64 if dtype == "double" else np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def draw(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Distinct values at least 1e-3 apart and away from kinks, in random order."""
    rng = np.random.default_rng(seed)
    count = sum(int(np.prod(shape)) for shape in case.inputs.values())
    grid = np.linspace(case.low, case.high, 3 * count + 7)
    for kink in case.kinks:
        grid = grid[np.abs(grid - kink) > 1e-3]
    values = rng.choice(grid, count, replace=False)
    parts = np.split(values, np.cumsum([int(np.prod(s)) for s in case.inputs.values()])[:-1])
    return {
        f"in_{name}": part.reshape(shape)
        for (name, shape), part in zip(case.inputs.items(), parts, strict=True)
    }


def evaluator(case: Case, single, double):
    """The function that is differentiated, and the step of its central differences."""
    if case.by == "reference":
        reference = ReferenceEvaluator(double, new_ops=OPERATORS)
        return lambda feeds: reference.run(None, feeds)[0], STEP
    model, dtype = (double, np.float64) if case.by == "double" else (single, np.float32)

    def run(feeds):
        given = {name: np.asarray(x, dtype) for name, x in feeds.items()}
        return forward(model, given, ["y"])["y"].astype(np.float64)

    return run, STEP if case.by == "double" else 0.5


OPERATORS = [Erf, _gelu(""), _gelu("com.microsoft")]


class Differences:
    """Central differences of small graphs of one node."""

    case = Case

    @staticmethod
    def check(node, **rest):
        """Holds the cotangents of all inputs of a node against differences along directions.

        Args:
            node: ONNX text.
            rest: Attributes of `Case` by their names; the shapes of inputs by theirs.
        """
        options = {name: rest.pop(name) for name in set(rest) & set(Case.__annotations__)}
        case = Case(node, rest, **options)
        single, double = (model_of(case, dtype) for dtype in ("float", "double"))
        gradient = build_gradient(single, list(case.inputs))
        assert not gradient.unreached
        point = draw(case, seed=len(case.node))
        feeds = {name: values.astype(np.float32) for name, values in point.items()}
        run, step = evaluator(case, single, double)
        y = run(point)
        # The function that is differentiated is the one that onnxruntime computes.
        np.testing.assert_allclose(forward(single, feeds, ["y"])["y"], y, rtol=1e-4, atol=1e-5)
        cotangent = np.random.default_rng(1).standard_normal(y.shape)
        found = cotangents(single, gradient, feeds, {"y": cotangent})
        for name in case.inputs:
            key = f"in_{name}"
            assert found[name].dtype == np.float32
            compare(
                found[name],
                lambda x, key=key: np.vdot(run({**point, key: x}), cotangent),
                point[key],
                step,
            )


def compare(found: np.ndarray, function, point: np.ndarray, step: float):
    """Holds a gradient against differences of a scalar function."""
    assert found.shape == point.shape
    rng = np.random.default_rng(2)
    for _ in range(DIRECTIONS):
        direction = rng.standard_normal(point.shape)
        expected = directional(function, point, direction, step)
        got = np.vdot(found, direction)
        scale = np.linalg.norm(found) * np.linalg.norm(direction) + np.abs(expected)
        assert abs(got - expected) <= TOLERANCE * max(scale, 1.0)


@pytest.fixture(scope="session")
def differences() -> Differences:
    """Central differences."""
    return Differences()


def moved(
    model: onnx.ModelProto, node: str, element: int = onnx.TensorProto.FLOAT
) -> onnx.ModelProto:
    """The model with an input `change` that is added to the first output of a node.

    In double precision, constants are converted; onnx's reference asks for no types.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    place, found = next((i, n) for i, n in enumerate(copy.graph.node) if n.name == node)
    tensor, found.output[0] = found.output[0], "unchanged"
    add = onnx.helper.make_node("Add", ["unchanged", "change"], [tensor], "add change")
    copy.graph.node.insert(place + 1, add)
    copy.graph.input.append(onnx.helper.make_tensor_value_info("change", element, None))
    del copy.graph.value_info[:]
    if element == onnx.TensorProto.DOUBLE:
        for constant in copy.graph.initializer:
            if constant.data_type == onnx.TensorProto.FLOAT:
                values = numpy_helper.to_array(constant).astype(np.float64)
                constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    return copy


class Backward:
    """The helpers above, for tests."""

    build = staticmethod(build_gradient)
    forward = staticmethod(forward)
    cotangents = staticmethod(cotangents)
    directional = staticmethod(directional)
    moved = staticmethod(moved)
    compare = staticmethod(compare)


@pytest.fixture(scope="session")
def backward() -> Backward:
    """Runs of backward graphs."""
    return Backward()
