"""Rules of normalisations and of softmax, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest


def case(node, **rest):
    return {"node": node, **rest}


def weights(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


CASES = [
    case("Softmax(x)", x=(2, 3, 4)),
    case("Softmax<axis=1>(x)", x=(2, 3, 4)),
    case("Softmax<axis=1>(x)", x=(2, 3, 4), opset=11, by="double"),
    case("LogSoftmax(x)", x=(2, 3, 4)),
    case("LogSoftmax<axis=0>(x)", x=(2, 3, 4)),
    case("LogSoftmax(x)", x=(2, 3, 4), opset=11, by="double"),
    case("LayerNormalization(x, s, b)", x=(2, 3, 8), s=(8,), b=(8,)),
    case("LayerNormalization<axis=1, epsilon=0.1>(x, s)", x=(2, 3, 4), s=(3, 4)),
    case(
        "InstanceNormalization<epsilon=0.01>(x, s, b)",
        x=(2, 3, 4, 5),
        constants={"s": weights(3), "b": weights(3)},
    ),
    case(
        "GroupNormalization<num_groups=2>(x, s, b)",
        x=(2, 4, 3, 2),
        opset=18,
        constants={"s": weights(2), "b": weights(2)},
    ),
    case(
        "GroupNormalization<num_groups=2, stash_type=11>(x, s, b)",
        x=(2, 4, 3, 2),
        opset=21,
        by="double",
        constants={"s": weights(4), "b": weights(4)},
    ),
    case(
        "BatchNormalization<epsilon=0.01>(x, s, b, m, v)",
        x=(2, 3, 4, 5),
        constants={
            "s": weights(3),
            "b": weights(3),
            "m": weights(3),
            "v": np.array([0.5, 1.0, 2.0]),
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
