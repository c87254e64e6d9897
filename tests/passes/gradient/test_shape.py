"""Rules of operators that move values, against finite differences; see `Case` in conftest.py."""

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
    case("Reshape(x, s)", x=(2, 3, 4), constants={"s": i64(4, -1)}),
    case("Reshape(x, s)", x=(2, 3, 4), constants={"s": i64(0, -1)}, dynamic=True),
    case("Flatten<axis=2>(x)", x=(2, 3, 4)),
    case("Flatten(x)", x=(2, 3, 4), dynamic=True),
    case("Transpose(x)", x=(2, 3, 4)),
    case("Transpose<perm=[1,2,0]>(x)", x=(2, 3, 4)),
    case("Squeeze(x)", x=(2, 1, 4, 1)),
    case("Squeeze(x, a)", x=(2, 1, 4, 1), constants={"a": i64(1)}, dynamic=True),
    case("Unsqueeze(x, a)", x=(2, 3), constants={"a": i64(0, -1)}),
    case("Concat<axis=1>(x, b, x)", x=(2, 3), b=(2, 1)),
    case("Concat<axis=-1>(x, k)", x=(2, 3), constants={"k": weights(2, 2)}),
    case("Concat<axis=1>(x, b)", x=(2, 3), b=(2, 2), dynamic=True),
    case(
        "Slice(x, s, e, a, t)",
        x=(5, 6, 4),
        constants={"s": i64(1, -2), "e": i64(4, 100), "a": i64(0, -1), "t": i64(1, 1)},
    ),
    case(
        "Slice(x, s, e, a, t)",
        x=(5, 6, 4),
        constants={
            "s": i64(0, -1, 1),
            "e": i64(100, -100, 3),
            "a": i64(0, 1, 2),
            "t": i64(2, -2, 1),
        },
    ),
    case("Slice(x, s, e)", x=(5, 6), constants={"s": i64(2), "e": i64(-1)}),
    case(
        "Slice(x, s, e, a)",
        x=(5, 6),
        dynamic=True,
        constants={"s": i64(-4, 1), "e": i64(-1, 9), "a": i64(1, 0)},
    ),
    case("Slice<starts=[1], ends=[3], axes=[1]>(x)", x=(5, 6), opset=9),
    case("Gather(x, i)", x=(5, 3), constants={"i": i64(0, 2, 2, -1)}),
    case("Gather<axis=1>(x, i)", x=(2, 4, 3), constants={"i": np.array([[0, 3], [1, 1]])}),
    case("Gather<axis=-1>(x, i)", x=(2, 3), constants={"i": np.array(1)}, dynamic=True),
    case(
        "Split<axis=1>(x, s)",
        x=(2, 5),
        targets="a, b",
        after="c = Exp(a) y = Concat<axis=1>(c, b)",
        constants={"s": i64(2, 3)},
    ),
    case("Split<num_outputs=2>(x)", x=(4, 3), targets="a, b", after="y = Mul(a, b)"),
    case("Split<num_outputs=2>(x)", x=(5, 3), targets="a, b", after="y = Neg(a)"),
    case("Split<num_outputs=2>(x)", x=(5, 3), targets="a, b", after="y = Neg(b)", dynamic=True),
    case("Pad<pads=[1,0,0,2]>(x)", x=(2, 3), opset=10, by="single"),
    case("Unsqueeze<axes=[0,2]>(x)", x=(2, 3), opset=11),
    case("Pad(x, p)", x=(2, 3), constants={"p": i64(1, 0, 0, 2)}),
    case(
        "Pad(x, p, v)",
        x=(3, 4),
        by="single",
        constants={"p": i64(-1, 0, 1, -2), "v": np.array(3.0)},
    ),
    case("Pad(x, p, v, a)", x=(2, 3), constants={"p": i64(1, 2), "v": np.array(3.0), "a": i64(1)}),
    case("Expand(x, s)", x=(3, 1), constants={"s": i64(2, 3, 4)}),
    case("Expand(x, s)", x=(3, 1), constants={"s": i64(2, 3, 4)}, dynamic=True),
    case("DepthToSpace<blocksize=2>(x)", x=(2, 8, 2, 3)),
    case('DepthToSpace<blocksize=2, mode="CRD">(x)', x=(2, 8, 2, 3)),
    case("SpaceToDepth<blocksize=2>(x)", x=(2, 2, 4, 6)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
