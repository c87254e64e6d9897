"""Rules that work value by value, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest


def case(node, **rest):
    return {"node": node, **rest}


def i64(*values):
    return np.array(values, np.int64)


def weights(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


CASES = [
    case("Identity(x)", x=(3, 4)),
    case("Cast<to=1>(x)", x=(3, 4)),
    case("Dropout(x)", x=(3, 4)),
    case("Add(x, b)", x=(3, 4), b=(4,)),
    case("Add(x, b)", x=(1, 4), b=(3, 1)),
    case("Add(x, b)", x=(3, 4), b=(3, 4), dynamic=True),
    case("Add(x, b)", x=(2, 1, 4), b=(3, 1), dynamic=True),
    case("Add(x, x)", x=(3, 4)),
    case("Sum(x, b, c)", x=(3, 4), b=(4,), c=(1, 1)),
    case("Mean(x, b, c)", x=(3, 4), b=(4,), c=(3, 1)),
    case("Sub(x, b)", x=(3, 4), b=(3, 1)),
    case("Sub(x, b)", x=(4,), b=(3, 4)),
    case("Mul(x, b)", x=(3, 4), b=(3, 1)),
    case("Mul(x, b)", x=(2, 1, 4), b=(3, 1), dynamic=True),
    case("Mul(x, x)", x=(3, 4)),
    case("Mul(x, k)", x=(3, 4), constants={"k": weights(4)}),
    case("Div(x, b)", x=(3, 4), b=(4,), low=0.5),
    case("Div(k, x)", x=(3, 4), low=-2.0, high=-0.5, constants={"k": weights(4)}),
    case("Pow(x, b)", x=(3, 4), b=(4,), low=0.5),
    case("Pow(x, k)", x=(3, 4), constants={"k": np.array(2.0)}),
    case("Pow(x, k)", x=(3, 4), constants={"k": i64(3)}),
    case("Min(x, b, c)", x=(3, 4), b=(4,), c=(3, 1)),
    case("Max(x, b)", x=(3, 4), b=(3, 4)),
    case("Max(x)", x=(3, 4)),
    case("Where(k, x, b)", x=(3, 4), b=(4,), constants={"k": weights(3, 1) > 0}),
    case("Where(k, b, x)", x=(1, 4), b=(3, 4), constants={"k": weights(3, 4) > 0}),
    case("Neg(x)", x=(3, 4)),
    case("Abs(x)", x=(3, 4)),
    case("Relu(x)", x=(3, 4)),
    case("LeakyRelu<alpha=0.3>(x)", x=(3, 4)),
    case("LeakyRelu(x)", x=(3, 4)),
    case("PRelu(x, b)", x=(2, 3, 4), b=(3, 1)),
    case("Elu<alpha=0.7>(x)", x=(3, 4)),
    case("Elu(x)", x=(3, 4)),
    case(
        "Clip(x, lo, hi)",
        x=(3, 8),
        kinks=(-1.0, 1.0),
        constants={"lo": np.array(-1.0), "hi": np.array(1.0)},
    ),
    case("Clip(x, , hi)", x=(3, 8), kinks=(1.0,), constants={"hi": np.array(1.0)}),
    case("Clip(x, lo)", x=(3, 8), kinks=(-1.0,), constants={"lo": np.array(-1.0)}),
    case("Clip(x)", x=(3, 8)),
    case("Clip<min=-1.0, max=1.0>(x)", x=(3, 8), kinks=(-1.0, 1.0), opset=6),
    case("Sigmoid(x)", x=(3, 4)),
    case("HardSigmoid(x)", x=(3, 8), low=-4.0, high=4.0, kinks=(-2.5, 2.5)),
    case("HardSigmoid<alpha=0.3, beta=0.4>(x)", x=(3, 8), kinks=(-4 / 3, 2.0), high=3.0),
    case("HardSwish(x)", x=(3, 8), low=-5.0, high=5.0, kinks=(-3.0, 3.0)),
    case("Softplus(x)", x=(3, 4)),
    case("Tanh(x)", x=(3, 4)),
    case("Erf(x)", x=(3, 4)),
    case("Gelu(x)", x=(3, 4), opset=20),
    case('Gelu<approximate="tanh">(x)', x=(3, 4), opset=20, by="double"),
    case("com.microsoft.Gelu(x)", x=(3, 4)),
    case("Exp(x)", x=(3, 4)),
    case("Log(x)", x=(3, 4), low=0.5),
    case("Sqrt(x)", x=(3, 4), low=0.5),
    case("Reciprocal(x)", x=(3, 4), low=0.5),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
