"""Small models, their data, and runs of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier
from hawx_onnx.errors import LibraryError
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import model_input
from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, PassState, Quantize
from hawx_onnx.runtime.library import get_library_path

HEADER = """<ir_version: {ir}, opset_import: ["" : {opset}{more}], producer_name: "maker",
producer_version: "1.2", domain: "a.b", model_version: 3, doc_string: "note",
metadata_props: ["author": "me"]>
"""


def model_of(
    text: str, *, opset: int = 13, ir: int = 8, more: str = "", names: Sequence[str] = (), **tensors
):
    """A model from a graph in ONNX text; keywords are its initializers, `names` its nodes'."""
    model = onnx.parser.parse_model(HEADER.format(ir=ir, opset=opset, more=more) + text)
    for name, values in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    for node, name in zip(model.graph.node, names, strict=False):
        node.name = name
    return model


def samples_for(model: onnx.ModelProto, count: int = 24, seed: int = 0) -> np.ndarray:
    """Normally distributed samples for the model's input."""
    shape = [size or 1 for size in model_input(model).shape[1:]]
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def dataset_of(x: np.ndarray, y: np.ndarray | None = None) -> Dataset:
    """One array as all three splits: tests of passes do not select."""
    return Dataset("test", *(Split(n, x, y) for n in ("calibration", "validation", "test")), "")


def state_of(
    model: onnx.ModelProto,
    multipliers: tuple[Multiplier, ...] = (),
    x: np.ndarray | None = None,
) -> PassState:
    """The state that a pipeline starts with."""
    x = samples_for(model) if x is None else x
    return PassState(model, dataset_of(x), multipliers or (components.exact(Encoding.SIGNED),))


def prepare(
    model: onnx.ModelProto,
    multipliers: tuple[Multiplier, ...] = (),
    x: np.ndarray | None = None,
) -> PassState:
    """Canonicalised, quantised, lowered, candidates found."""
    state = state_of(model, multipliers, x)
    encoding = state.multipliers[0].encoding
    for one in (Canonicalize(), Quantize(encoding), LowerQdq(), FindCandidates()):
        state = one(state)
    return state


def run_model(
    model: onnx.ModelProto, x: np.ndarray, *, outputs: Sequence[str] = (), optimised: bool = True
) -> list[np.ndarray]:
    """Outputs by a stock session; `optimised` False runs node by node as the standard says."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(list(outputs) or None, {model_input(model).name: x})


def ops_of(model: onnx.ModelProto) -> list[str]:
    """Operators of the nodes, sorted."""
    return sorted(node.op_type for node in model.graph.node)


class Kit:
    """The helpers above, for tests."""

    model = staticmethod(model_of)
    samples = staticmethod(samples_for)
    dataset = staticmethod(dataset_of)
    state = staticmethod(state_of)
    prepare = staticmethod(prepare)
    run = staticmethod(run_model)
    ops = staticmethod(ops_of)

    @staticmethod
    def normal(*shape: int, seed: int = 1, scale: float = 0.3) -> np.ndarray:
        """Normally distributed float32 weights."""
        return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Helpers for models in text form."""
    return Kit()


@pytest.fixture(scope="session")
def library() -> Path:
    """The custom-op library; skips where it is not built."""
    try:
        return get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")


def table_multiplier(name: str, table: np.ndarray, encoding: Encoding = Encoding.SIGNED):
    """A multiplier of any table, without cost."""
    return Multiplier(name, encoding, table.astype(np.int32), None, "test", "")


@pytest.fixture(scope="session")
def table_of():
    """Makes a multiplier of a table."""
    return table_multiplier


@pytest.fixture(scope="session")
def signed():
    """The exact signed multiplier and two approximate ones, one of them asymmetric."""
    names = ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc_w3")
    return tuple(components.load(name) for name in names)


@pytest.fixture(scope="session")
def unsigned():
    """The same for unsigned codes."""
    names = ("mul8u_exact", "mul8u_trunc1", "mul8u_trunc_w3")
    return tuple(components.load(name) for name in names)


@pytest.fixture(scope="session")
def residual(kit):
    """A network of convolutions, one grouped, with a skip connection and a classifier."""
    return kit.model(
        """net (float[N,3,8,8] x) => (float[N,5] y) {
            a = Conv<pads=[1,1,1,1]>(x, wa, ba)
            ar = Relu(a)
            b = Conv<pads=[1,1,1,1], group=2>(ar, wb, bb)
            br = Relu(b)
            c = Conv(br, wc)
            s = Add(c, ar)
            sr = Relu(s)
            p = GlobalAveragePool(sr)
            f = Flatten(p)
            y = Gemm<transB=1>(f, wd, bd)
        }""",
        names=("a", "ar", "b", "br", "c", "s", "sr", "p", "f", "d"),
        wa=kit.normal(6, 3, 3, 3),
        ba=kit.normal(6, seed=2),
        wb=kit.normal(6, 3, 3, 3, seed=3),
        bb=kit.normal(6, seed=4),
        wc=kit.normal(6, 6, 1, 1, seed=5),
        wd=kit.normal(5, 6, seed=6),
        bd=kit.normal(5, seed=7),
    )


@pytest.fixture(scope="session")
def small_networks(kit, residual):
    """Networks of other forms: skip connection, attention, a fixed batch."""
    attention = kit.model(
        """net (float[N,6,8] x) => (float[N,6,8] y) {
            q = MatMul(x, wq)
            k = MatMul(x, wk)
            t = Transpose<perm=[0,2,1]>(k)
            a = MatMul(q, t)
            p = Softmax<axis=-1>(a)
            m = MatMul(p, q)
            y = Add(m, x)
        }""",
        names=tuple("qktapmy"),
        wq=kit.normal(8, 8),
        wk=kit.normal(8, 8, seed=2),
    )
    fixed = kit.model(
        """net (float[3,2,6,6] x) => (float[3,4,6,6] y) {
            a = Conv<pads=[1,1,1,1]>(x, wa, ba)
            r = Relu(a)
            y = Conv<pads=[1,1,1,1], group=2>(r, wb)
        }""",
        names=("a", "r", "y"),
        wa=kit.normal(4, 2, 3, 3),
        ba=kit.normal(4, seed=2),
        wb=kit.normal(4, 2, 3, 3, seed=3),
    )
    return {"residual": residual, "attention": attention, "fixed_batch": fixed}
