"""One-node models of the custom ops and of onnxruntime's own, and runs of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import create_session, describe_kernels, get_library_path
from hawx_onnx.runtime.reference import approx_qlinear_conv, approx_qlinear_matmul
from hawx_onnx.runtime.reference_integer import approx_conv_integer, approx_matmul_integer

CONV = ["x", "x_scale", "x_zero_point", "w", "w_scale", "w_zero_point", "y_scale", "y_zero_point"]
MATMUL = ["a", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"]
TABLES = ["tables", "table_index"]


@dataclasses.dataclass(frozen=True)
class Signature:
    """An operator: its name in the standard, its inputs there, what computes it in numpy."""

    stock: str
    inputs: list[str]
    reference: Callable[..., np.ndarray]

    @property
    def x(self) -> str:
        """The activations."""
        return self.inputs[0]


SIGNATURES = {
    "conv": Signature("QLinearConv", [*CONV, "bias"], approx_qlinear_conv),
    "matmul": Signature("QLinearMatMul", MATMUL, approx_qlinear_matmul),
    "conv_integer": Signature(
        "ConvInteger", ["x", "w", "x_zero_point", "w_zero_point"], approx_conv_integer
    ),
    "matmul_integer": Signature(
        "MatMulInteger", ["a", "b", "a_zero_point", "b_zero_point"], approx_matmul_integer
    ),
}


@dataclasses.dataclass
class Node:
    """A custom op with its inputs by name; missing ones are absent optional inputs."""

    op: str
    inputs: dict[str, np.ndarray]
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)

    def replace(self, attributes: dict[str, Any] | None = None, **inputs: Any) -> Node:
        """The node with some inputs or attributes changed."""
        changed = {**self.attributes, **(attributes or {})}
        return Node(self.op, {**self.inputs, **inputs}, changed)

    def integer(self) -> Node:
        """The same product by the operator whose output is the accumulators."""
        op = f"{self.op}_integer"
        names = [*SIGNATURES[op].inputs, *TABLES, "factors"]
        inputs = {name: self.inputs[name] for name in names if name in self.inputs}
        return Node(op, inputs, self.attributes)

    def without(self, *names: str) -> Node:
        """The node without some optional inputs."""
        rest = {name: value for name, value in self.inputs.items() if name not in names}
        return Node(self.op, rest, self.attributes)


def model_of(node: Node, fed: tuple[str, ...], stock: bool) -> bytes:
    """The node alone in a model; `fed` names its graph inputs, the others are initializers."""
    signature = SIGNATURES[node.op]
    names = [*signature.inputs, *([] if stock else [*TABLES, "factors"])]
    present = [name if name in node.inputs else "" for name in names]
    while present and not present[-1]:
        present.pop()
    op = signature.stock if stock else f"Approx{signature.stock}"
    attributes = dict(node.attributes)
    if stock:
        attributes.pop("skip_padding", None)
    made = helper.make_node(
        op, present, ["y"], name="layer_7", domain="" if stock else "ai.hawx", **attributes
    )
    kinds = {name: helper.np_dtype_to_tensor_dtype(v.dtype) for name, v in node.inputs.items()}
    graph = helper.make_graph(
        [made],
        "g",
        [
            helper.make_tensor_value_info(name, kinds[name], [None] * node.inputs[name].ndim)
            for name in fed
        ],
        [helper.make_tensor_value_info("y", kinds.get("y_zero_point", TensorProto.INT32), None)],
        [
            numpy_helper.from_array(node.inputs[name], name)
            for name in present
            if name and name not in fed
        ],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.hawx", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def run_node(
    node: Node,
    *,
    fed: tuple[str, ...] = (),
    stock: bool = False,
    isa: str = "",
    threads: int = 1,
) -> np.ndarray:
    """Output of the node; `fed` names further inputs that are given at run time."""
    fed = (SIGNATURES[node.op].x, *fed)
    with pytest.MonkeyPatch.context() as patch:
        if isa:
            patch.setenv("HAWX_ISA", isa)
        session = create_session(model_of(node, fed, stock), threads=threads, use_library=not stock)
    return session.run(None, {name: node.inputs[name] for name in fed})[0]


def reference_of(node: Node) -> np.ndarray:
    """Output of the node by the numpy reference."""
    signature = SIGNATURES[node.op]
    inputs = [node.inputs.get(name) for name in [*signature.inputs, *TABLES]]
    return signature.reference(*inputs, **node.attributes)


def exact_tables(x: Any, w: Any) -> np.ndarray:
    """The exact multiplier [1, 256, 256] for operands of two 8-bit types."""
    codes = np.arange(256, dtype=np.uint8)
    products = np.multiply.outer(codes.view(x).astype(np.int32), codes.view(w).astype(np.int32))
    return products[None]


def random_factors(rng: np.random.Generator, table: int, terms: int) -> np.ndarray:
    """Random terms of a table, int32 [terms, 514] as the operators' input `factors` takes them."""
    rows = np.empty((terms, 514), np.int32)
    rows[:, 0] = table
    rows[:, 1] = rng.choice([1, 1, 1, 4, -3, 2**31 - 1], terms)
    for row in rows:
        for columns in (slice(2, 258), slice(258, 514)):
            low = rng.choice([-128, 0])
            row[columns] = rng.integers(low, low + rng.choice([2, 129, 256]), 256)
    return rows


def table_of_factors(rows: np.ndarray) -> np.ndarray:
    """The truth table int32 [256, 256] that terms sum up to, mod 2^32."""
    wide = rows.astype(np.int64)
    total = np.einsum("r,ra,rw->aw", wide[:, 1], wide[:, 2:258], wide[:, 258:])
    return total.astype(np.uint32).view(np.int32)


def conv_node(
    x: np.ndarray, w: np.ndarray, *, tables: np.ndarray | None = None, **attributes: Any
) -> Node:
    """A convolution with zero points 0, scales that keep its outputs apart, exact by default."""
    depth = int(np.prod(w.shape[1:]))
    inputs = {
        "x": x,
        "x_scale": np.array(1.0, np.float32),
        "x_zero_point": np.array(0, x.dtype),
        "w": w,
        "w_scale": np.array(1.0, np.float32),
        "w_zero_point": np.array(0, w.dtype),
        "y_scale": np.array(100.0 * depth**0.5, np.float32),
        "y_zero_point": np.array(0, np.int8),
        "tables": exact_tables(x.dtype, w.dtype) if tables is None else tables,
        "table_index": np.zeros(w.shape[0], np.int32),
    }
    return Node("conv", inputs, attributes)


def matmul_node(a: np.ndarray, b: np.ndarray, *, tables: np.ndarray | None = None) -> Node:
    """A matrix product with zero points 0, scales that keep its outputs apart, exact by default."""
    inputs = {
        "a": a,
        "a_scale": np.array(1.0, np.float32),
        "a_zero_point": np.array(0, a.dtype),
        "b": b,
        "b_scale": np.array(1.0, np.float32),
        "b_zero_point": np.array(0, b.dtype),
        "y_scale": np.array(100.0 * a.shape[-1] ** 0.5, np.float32),
        "y_zero_point": np.array(0, np.int8),
        "tables": exact_tables(a.dtype, b.dtype) if tables is None else tables,
        "table_index": np.zeros(b.shape[-1], np.int32),
    }
    return Node("matmul", inputs)


@dataclasses.dataclass(frozen=True)
class Ops:
    """The helpers above, for tests."""

    library: Path
    isas: tuple[str, ...]
    node: Callable[..., Node] = Node
    conv: Callable[..., Node] = conv_node
    matmul: Callable[..., Node] = matmul_node
    run: Callable[..., np.ndarray] = run_node
    model: Callable[..., bytes] = model_of
    reference: Callable[[Node], np.ndarray] = reference_of
    exact_tables: Callable[[Any, Any], np.ndarray] = exact_tables
    random_factors: Callable[..., np.ndarray] = random_factors
    table_of_factors: Callable[[np.ndarray], np.ndarray] = table_of_factors


def _is_supported(isa: str) -> bool:
    """Whether HAWX_ISA may name the instruction set here; scalar code runs everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAWX_ISA", isa)
        try:
            describe_kernels(np.zeros((1, 256, 256), np.int32))
        except LibraryError:
            return False
    return True


@pytest.fixture(scope="session")
def ops() -> Ops:
    """Helpers to build and run single nodes; skips where the library is not built."""
    try:
        library = get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    return Ops(library, tuple(filter(_is_supported, ("scalar", "avx2", "avx512"))))
