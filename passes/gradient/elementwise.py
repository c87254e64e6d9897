"""Gradient rules of operators that work value by value."""

from __future__ import annotations

import math

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.masks import bounded, clamped_codes, positive, strictly_inside
from hawx_onnx.passes.gradient.node import Node, NoRule

Cotangents = list[str | None]


def identity(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Identity: nothing changes."""
    return [cotangents[0]]


def dropout(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Dropout of inference hands its input through."""
    if node.input(2) and bool(emit.source.known(node.input(2), "training_mode").any()):
        raise NoRule("it is in training mode")
    return [cotangents[0]]


def add(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Add and Sum: each operand gets the cotangent, summed over what was repeated."""
    g, out = str(cotangents[0]), node.outputs[0]
    return [
        emit.summed(g, name, out) if node.needs(place) else None
        for place, name in enumerate(node.inputs)
    ]


def mean(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Mean of several tensors."""
    g = emit.op("Mul", str(cotangents[0]), emit.constant(1 / len(node.inputs)))
    return add(emit, node, [g])


def subtract(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Sub."""
    g, out = str(cotangents[0]), node.outputs[0]
    return [
        emit.summed(g, node.inputs[0], out) if node.needs(0) else None,
        emit.op("Neg", emit.summed(g, node.inputs[1], out)) if node.needs(1) else None,
    ]


def multiply(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Mul: each operand gets the cotangent times the other."""
    g, out = str(cotangents[0]), node.outputs[0]
    parts: Cotangents = []
    for place, name in enumerate(node.inputs):
        if node.needs(place):
            other = emit.real(node.inputs[1 - place])
            parts.append(emit.summed(emit.op("Mul", g, other), name, out))
        else:
            parts.append(None)
    return parts


def divide(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Div: 1/b for the dividend, -a/b^2 for the divisor."""
    a, b = node.inputs
    by = emit.op("Div", str(cotangents[0]), emit.real(b))
    parts: Cotangents = [None, None]
    if node.needs(0):
        parts[0] = emit.summed(by, a, node.outputs[0])
    if node.needs(1):
        part = emit.op("Neg", emit.op("Mul", by, emit.op("Div", emit.real(a), emit.real(b))))
        parts[1] = emit.summed(part, b, node.outputs[0])
    return parts


def power(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Pow: b a^(b-1) for the base, a^b log(a) for the exponent."""
    g, (a, b) = str(cotangents[0]), node.inputs
    exponent = emit.saved(b) if emit.source.is_real(b) else emit.as_real(emit.saved(b))
    parts: Cotangents = [None, None]
    if node.needs(0):
        lower = emit.op("Sub", exponent, emit.constant(1.0))
        slope = emit.op("Mul", exponent, emit.op("Pow", emit.real(a), lower))
        parts[0] = emit.summed(emit.op("Mul", g, slope), a, node.outputs[0])
    if node.needs(1):
        out = emit.real(node.outputs[0])
        slope = emit.op("Mul", out, emit.op("Log", emit.real(a)))
        parts[1] = emit.summed(emit.op("Mul", g, slope), b, node.outputs[0])
    return parts


def extremum(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Min and Max: to the operand that is the result; where several are, in equal shares."""
    out = emit.real(node.outputs[0])
    equal = [emit.as_real(emit.op("Equal", emit.real(name), out)) for name in node.inputs]
    share = emit.op("Div", str(cotangents[0]), emit.op("Sum", *equal))
    return [
        emit.summed(emit.op("Mul", share, mask), name, node.outputs[0])
        if node.needs(place)
        else None
        for place, (name, mask) in enumerate(zip(node.inputs, equal, strict=True))
    ]


def where(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Where: to the value that was taken; none for the condition."""
    condition, out = emit.saved(node.inputs[0]), node.outputs[0]
    parts: Cotangents = [None, None, None]
    for place in (1, 2):
        if node.needs(place):
            taken = condition if place == 1 else emit.op("Not", condition)
            part = emit.masked(str(cotangents[0]), taken)
            parts[place] = emit.summed(part, node.inputs[place], out)
    return parts


def negate(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Neg."""
    return [emit.op("Neg", str(cotangents[0]))]


def absolute(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Abs: the sign; zero at zero."""
    return [emit.op("Mul", str(cotangents[0]), emit.op("Sign", emit.real(node.inputs[0])))]


def relu(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Relu: where the result is positive; none at zero, half at code zero."""
    g = str(cotangents[0])
    if emit.source.is_codes(node.inputs[0]):
        return [clamped_codes(emit, g, node.inputs[0], 0, None)]
    return [emit.masked(g, positive(emit, node.outputs[0]))]


def leaky_relu(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """LeakyRelu: alpha below zero and at it."""
    alpha = float(node.attributes.get("alpha", 0.01))
    mask = emit.as_real(positive(emit, node.inputs[0]))
    slope = emit.op("Add", emit.op("Mul", mask, emit.constant(1 - alpha)), emit.constant(alpha))
    return [emit.op("Mul", str(cotangents[0]), slope)]


def prelu(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """PRelu: the slope below zero and at it."""
    g, (x, slope), out = str(cotangents[0]), node.inputs, node.outputs[0]
    above = positive(emit, x)
    below = emit.masked(g, emit.op("Not", above))
    parts: Cotangents = [None, None]
    if node.needs(0):
        parts[0] = emit.op("Add", emit.masked(g, above), emit.op("Mul", below, emit.real(slope)))
    if node.needs(1):
        parts[1] = emit.summed(emit.op("Mul", below, emit.real(x)), slope, out)
    return parts


def elu(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Elu: alpha exp(x) below zero, 1 above."""
    alpha = emit.constant(float(node.attributes.get("alpha", 1.0)))
    x = emit.real(node.inputs[0])
    above = emit.as_real(positive(emit, node.inputs[0]))
    low = emit.op("Mul", alpha, emit.op("Exp", emit.op("Min", x, emit.constant(0.0))))
    rest = emit.op("Mul", emit.op("Sub", emit.constant(1.0), above), low)
    return [emit.op("Mul", str(cotangents[0]), emit.op("Add", above, rest))]


def clip(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Clip: strictly between the bounds, and half of it where a code is at a bound.

    On codes, a bound at the limit of their type is none: no code lies beyond it, and a code at it
    has not been changed.
    """
    return [bounded(emit, node, str(cotangents[0]))]


def sigmoid(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Sigmoid: y (1 - y)."""
    y = emit.real(node.outputs[0])
    slope = emit.op("Mul", y, emit.op("Sub", emit.constant(1.0), y))
    return [emit.op("Mul", str(cotangents[0]), slope)]


def hard_sigmoid(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """HardSigmoid: alpha strictly between 0 and 1."""
    alpha = float(node.attributes.get("alpha", 0.2))
    g = emit.op("Mul", str(cotangents[0]), emit.constant(alpha))
    y = emit.real(node.outputs[0])
    return [emit.masked(g, strictly_inside(emit, y, emit.constant(0.0), emit.constant(1.0)))]


def hard_swish(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """HardSwish x clip(x/6 + 1/2, 0, 1): x/3 + 1/2 strictly between -3 and 3, 1 above."""
    x = emit.real(node.inputs[0])
    sixth = emit.op("Mul", x, emit.constant(1 / 6))
    gate = emit.op("Add", sixth, emit.constant(0.5))
    gate = emit.op("Clip", gate, emit.constant(0.0), emit.constant(1.0))
    within = strictly_inside(emit, x, emit.constant(-3.0), emit.constant(3.0))
    slope = emit.op("Add", gate, emit.masked(sixth, within))
    return [emit.op("Mul", str(cotangents[0]), slope)]


def softplus(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Softplus: the sigmoid of the input."""
    slope = emit.op("Sigmoid", emit.real(node.inputs[0]))
    return [emit.op("Mul", str(cotangents[0]), slope)]


def tanh(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Tanh: 1 - y^2."""
    y = emit.real(node.outputs[0])
    slope = emit.op("Sub", emit.constant(1.0), emit.op("Mul", y, y))
    return [emit.op("Mul", str(cotangents[0]), slope)]


def erf(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Erf: 2/sqrt(pi) exp(-x^2)."""
    bell = _bell(emit, emit.real(node.inputs[0]), 1.0, 2 / math.sqrt(math.pi))
    return [emit.op("Mul", str(cotangents[0]), bell)]


def gelu(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Gelu, exact or by tanh."""
    x = emit.real(node.inputs[0])
    by_tanh = node.attributes.get("approximate", "none") == "tanh"
    slope = _gelu_by_tanh(emit, x) if by_tanh else _gelu_by_erf(emit, x)
    return [emit.op("Mul", str(cotangents[0]), slope)]


def _gelu_by_erf(emit: Emitter, x: str) -> str:
    """Phi(x) + x phi(x) with the normal distribution Phi and its density phi."""
    half, one = emit.constant(0.5), emit.constant(1.0)
    root = emit.op("Erf", emit.op("Mul", x, emit.constant(math.sqrt(0.5))))
    cumulative = emit.op("Mul", half, emit.op("Add", one, root))
    density = _bell(emit, x, 0.5, 1 / math.sqrt(2 * math.pi))
    return emit.op("Add", cumulative, emit.op("Mul", x, density))


def _gelu_by_tanh(emit: Emitter, x: str) -> str:
    """(1 + t)/2 + x (1 - t^2) u'/2 with t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3)."""
    half, one = emit.constant(0.5), emit.constant(1.0)
    root, cubic = math.sqrt(2 / math.pi), 0.044715
    square = emit.op("Mul", x, x)
    factor = emit.op("Add", one, emit.op("Mul", square, emit.constant(cubic)))
    t = emit.op("Tanh", emit.op("Mul", emit.op("Mul", x, factor), emit.constant(root)))
    inner = emit.op("Mul", square, emit.constant(3 * cubic * root))
    inner = emit.op("Add", inner, emit.constant(root))
    curve = emit.op("Mul", emit.op("Sub", one, emit.op("Mul", t, t)), emit.op("Mul", x, inner))
    return emit.op("Mul", half, emit.op("Add", emit.op("Add", one, t), curve))


def _bell(emit: Emitter, x: str, rate: float, height: float) -> str:
    """Height * exp(-rate x^2)."""
    square = emit.op("Mul", emit.op("Mul", x, x), emit.constant(-rate))
    return emit.op("Mul", emit.op("Exp", square), emit.constant(height))


def exponential(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Exp: the result."""
    return [emit.op("Mul", str(cotangents[0]), emit.real(node.outputs[0]))]


def logarithm(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Log: 1/x."""
    return [emit.op("Div", str(cotangents[0]), emit.real(node.inputs[0]))]


def square_root(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Sqrt: 1/(2 y)."""
    half = emit.op("Mul", str(cotangents[0]), emit.constant(0.5))
    return [emit.op("Div", half, emit.real(node.outputs[0]))]


def reciprocal(emit: Emitter, node: Node, cotangents: Cotangents) -> Cotangents:
    """Reciprocal: -y^2."""
    y = emit.real(node.outputs[0])
    return [emit.op("Neg", emit.op("Mul", str(cotangents[0]), emit.op("Mul", y, y)))]
