"""Portable bodies of the ai.hawx operators: model-local functions in standard ops.

A rewritten model carries them so that a runtime without the custom-op library gives the same
bytes. Where all nodes of an operator have factors, its body adds up exact integer products
wherever the factors give the tables in use, and looks products up elsewhere; otherwise it always
looks them up. Both go term by term or channel by channel, so that memory stays at the size of one
unfolded input.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

import onnx
import onnx.parser

from hawx_onnx.passes import portable_conv, portable_matmul
from hawx_onnx.passes.graph import HAWX_DOMAIN, default_opset, factors_of
from hawx_onnx.passes.portable_factors import CONSTANTS, ROWS
from hawx_onnx.runtime.library import library_installed

_CONV = "x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B"
_MATMUL = "a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point"

# Inputs before the tables, and the texts of the body. The integer operators give the sums.
_BODIES: dict[str, tuple[str, ModuleType]] = {
    "ApproxQLinearConv": (_CONV, portable_conv),
    "ApproxQLinearMatMul": (_MATMUL, portable_matmul),
    "ApproxConvInteger": ("x, w, x_zero_point, w_zero_point", portable_conv),
    "ApproxMatMulInteger": ("a, b, a_zero_point, b_zero_point", portable_matmul),
}

_LOOK_UPS = "{LOOK_UPS}    sums = Identity (looked_up)\n"
_EITHER = """{ZERO_ROWS}{ROWS}
    sums = If (holds) <then_branch = by_products () => (int32[] added_up) {{
{PRODUCTS}
    }}, else_branch = by_look_ups () => (int32[] looked_up) {{
{LOOK_UPS}
    }}>
"""


def portable_body(op: str, opset: int, *, factors: bool = False) -> onnx.FunctionProto:
    """The model-local function of a custom op.

    Args:
        op: ``ApproxQLinearConv``, ``ApproxQLinearMatMul``, ``ApproxConvInteger`` or
            ``ApproxMatMulInteger``. The body takes the bias and the zero points as given: a node
            that runs it has to have them.
        opset: The model's version of the default operator set, 13 or newer; functions of a model
            have to use the version that the model uses.
        factors: The body makes use of factors, and every node that runs it has to have them.
            Without, it looks products up, whether a node has factors or not.
    """
    inputs, parts = _BODIES[op]
    middle = (_EITHER if factors else _LOOK_UPS).format(ROWS=ROWS, **vars(parts))
    end = "    y = Identity (sums)\n" if op.endswith("Integer") else parts.CODES
    text = f"{parts.HEAD}{{{CONSTANTS}{parts.COMMON}{middle}{end}}}"
    text = text.replace("NAME", op).replace("OPSET", str(opset))
    text = text.replace("INPUTS", f"{inputs}, tables, table_index, factors")
    body = onnx.parser.parse_function(text)
    _name_nodes(body.node)
    return body


def adds_products(body: onnx.FunctionProto) -> bool:
    """Whether a body adds up products where the factors give the tables."""
    return any("factors" in node.input for node in body.node)


def _name_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    """Names nodes by their outputs: onnxruntime 1.21 gives unnamed nodes that it fuses one name."""
    for node in nodes:
        node.name = node.output[0]
        for attribute in node.attribute:
            _name_nodes(attribute.g.node)


def add_portable_bodies(model: onnx.ModelProto, opset: int) -> None:
    """Adds the bodies of the custom ops that a model uses; the caller owns the model.

    A body makes use of factors if all nodes of its operator have them.
    """
    there = {function.name for function in model.functions if function.domain == HAWX_DOMAIN}
    nodes = [node for node in model.graph.node if node.domain == HAWX_DOMAIN]
    for op in sorted({node.op_type for node in nodes} - there):
        given = all(factors_of(node) for node in nodes if node.op_type == op)
        model.functions.append(portable_body(op, opset, factors=given))


def make_runnable(model: onnx.ModelProto) -> onnx.ModelProto:
    """Adds bodies where the library is not installed, so that a session can be made of the model.

    Args:
        model: A model with ai.hawx nodes, edited in place.

    Returns:
        The same model.
    """
    if not library_installed():
        add_portable_bodies(model, default_opset(model))
    return model
