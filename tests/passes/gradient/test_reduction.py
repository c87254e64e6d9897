"""Rules of reductions, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest


def case(node, **rest):
    return {"node": node, **rest}


def i64(*values):
    return np.array(values, np.int64)


IMAGE = (2, 3, 7, 6)
CASES = [
    case("GlobalAveragePool(x)", x=IMAGE),
    case("GlobalAveragePool(x)", x=IMAGE, dynamic=True),
    case("GlobalMaxPool(x)", x=IMAGE),
    case("ReduceMean<axes=[1,-1]>(x)", x=(2, 3, 4), opset=13),
    case("ReduceMean<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(-1)}),
    case("ReduceMean<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(1)}, dynamic=True),
    case("ReduceMean(x)", x=(2, 3, 4)),
    case("ReduceSum<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(0, 2)}),
    case("ReduceSum<noop_with_empty_axes=1>(x)", x=(2, 3, 4)),
    case("ReduceMax<axes=[1], keepdims=0>(x)", x=(2, 3, 4), opset=13),
    case("ReduceMin<axes=[-1]>(x)", x=(2, 3, 4), opset=13),
    case("ReduceL2<axes=[1], keepdims=0>(x)", x=(2, 3, 4), opset=13),
    case("ReduceSumSquare<axes=[1]>(x)", x=(2, 3, 4), opset=13),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
