"""Rules of matrix products, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest


def case(node, **rest):
    return {"node": node, **rest}


def weights(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


CASES = [
    case("Gemm(x, b)", x=(3, 4), b=(4, 5)),
    case("Gemm<transB=1, alpha=0.5, beta=2.0>(x, b, c)", x=(3, 4), b=(5, 4), c=(5,)),
    case("Gemm<transA=1, alpha=0.5>(x, b, c)", x=(4, 3), b=(4, 5), c=(3, 1)),
    case("Gemm<transA=1, transB=1, alpha=3.0>(x, b)", x=(4, 3), b=(5, 4)),
    case("Gemm<transB=1>(x, w, c)", x=(3, 4), constants={"w": weights(5, 4), "c": weights(5)}),
    case("MatMul(x, b)", x=(3, 4), b=(4, 5)),
    case("MatMul(x, b)", x=(2, 3, 4), b=(4, 5)),
    case("MatMul(x, b)", x=(3, 4), b=(2, 4, 5)),
    case("MatMul(x, b)", x=(2, 1, 3, 4), b=(5, 4, 2)),
    case("MatMul(x, b)", x=(2, 1, 3, 4), b=(5, 4, 2), dynamic=True),
    case("MatMul(x, b)", x=(4,), b=(4, 5)),
    case("MatMul(x, b)", x=(3, 4), b=(4,)),
    case("MatMul(x, b)", x=(4,), b=(4,)),
    case("MatMul(x, b)", x=(4,), b=(2, 4, 5)),
    case("MatMul(x, b)", x=(2, 3, 4), b=(4,)),
    case("MatMul(x, x)", x=(3, 3)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
