"""Rules of convolutions, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def case(node, **rest):
    return {"node": node, **rest}


def weights(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


IMAGE = (2, 3, 7, 6)
CASES = [
    case("Conv(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 3)}),
    case(
        "Conv<pads=[1,1,1,1]>(x, w, c)",
        x=IMAGE,
        constants={"w": weights(4, 3, 3, 3), "c": weights(4)},
    ),
    case(
        "Conv<pads=[0,1,2,0], strides=[2,3]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 2)}
    ),
    case(
        "Conv<pads=[2,2,2,2], dilations=[2,2]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 3)}
    ),
    case(
        "Conv<strides=[2,2], dilations=[2,1], pads=[1,0,1,0]>(x, w)",
        x=(1, 3, 9, 8),
        constants={"w": weights(4, 3, 2, 3)},
    ),
    case("Conv<strides=[2,2]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 1, 1)}),
    case("Conv<group=3, pads=[1,1,1,1]>(x, w)", x=IMAGE, constants={"w": weights(6, 1, 3, 3)}),
    case(
        "Conv<group=2, strides=[2,2], pads=[1,1,1,1]>(x, w)",
        x=(2, 4, 6, 5),
        constants={"w": weights(6, 2, 3, 3)},
    ),
    case("Conv<pads=[1,1,1,1]>(x, w)", x=(1, 16, 5, 4), constants={"w": weights(3, 16, 3, 3)}),
    case(
        "Conv<pads=[2,0,1,1], dilations=[2,1]>(x, w)",
        x=(1, 16, 6, 5),
        constants={"w": weights(3, 16, 3, 2)},
    ),
    case(
        "Conv<group=16, pads=[1,1,1,1]>(x, w)",
        x=(1, 16, 5, 4),
        constants={"w": weights(32, 1, 3, 3)},
    ),
    case(
        "Conv<group=2, pads=[1,1,1,1]>(x, w)",
        x=(1, 32, 5, 4),
        constants={"w": weights(4, 16, 3, 3)},
    ),
    case("Conv<pads=[3,3,3,3]>(x, w)", x=(1, 16, 4, 4), constants={"w": weights(3, 16, 3, 3)}),
    case('Conv<auto_pad="SAME_UPPER">(x, w)', x=IMAGE, constants={"w": weights(4, 3, 2, 4)}),
    case('Conv<auto_pad="SAME_LOWER">(x, w)', x=IMAGE, constants={"w": weights(4, 3, 2, 4)}),
    case(
        'Conv<auto_pad="SAME_UPPER", strides=[2,3]>(x, w)',
        x=IMAGE,
        constants={"w": weights(4, 3, 3, 2)},
    ),
    case(
        'Conv<auto_pad="SAME_LOWER", strides=[3,2]>(x, w)',
        x=IMAGE,
        constants={"w": weights(4, 3, 2, 3)},
    ),
    case(
        'Conv<auto_pad="VALID", strides=[2,2]>(x, w)', x=IMAGE, constants={"w": weights(4, 3, 3, 3)}
    ),
    case("Conv<strides=[2], pads=[1,0]>(x, w)", x=(2, 3, 8), constants={"w": weights(4, 3, 3)}),
    case(
        "Conv<strides=[2,1,2], pads=[1,0,1,1,1,0]>(x, w)",
        x=(1, 2, 5, 4, 6),
        constants={"w": weights(3, 2, 3, 2, 3)},
    ),
    case(
        "Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)",
        x=IMAGE,
        dynamic=True,
        constants={"w": weights(4, 3, 3, 3)},
    ),
    case("Conv<pads=[1,1,1,1]>(x, w)", x=IMAGE, dynamic=True, constants={"w": weights(4, 3, 3, 3)}),
    case(
        'Conv<auto_pad="SAME_UPPER">(x, w)',
        x=(1, 16, 5, 4),
        dynamic=True,
        constants={"w": weights(4, 16, 3, 3)},
    ),
    case("ConvTranspose(x, w)", x=(2, 3, 4, 5), constants={"w": weights(3, 4, 3, 3)}),
    case(
        "ConvTranspose<strides=[2,3], pads=[1,0,0,1], output_padding=[1,1]>(x, w)",
        x=(2, 3, 4, 5),
        constants={"w": weights(3, 4, 3, 3)},
    ),
    case(
        "ConvTranspose<strides=[2,2], group=3, output_padding=[1,0]>(x, w)",
        x=(1, 3, 4, 5),
        by="single",
        constants={"w": weights(3, 2, 2, 2)},
    ),
    case(
        "ConvTranspose<strides=[2,2], dilations=[2,1], pads=[1,1,1,1]>(x, w)",
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 2, 3, 3)},
    ),
    case(
        "ConvTranspose<strides=[3,2], output_shape=[11,8]>(x, w)",
        x=(1, 2, 4, 4),
        by="single",
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case(
        'ConvTranspose<strides=[2,2], auto_pad="SAME_UPPER">(x, w)',
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case(
        'ConvTranspose<strides=[2,2], auto_pad="SAME_LOWER">(x, w)',
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case("ConvTranspose<strides=[2]>(x, w)", x=(1, 2, 5), constants={"w": weights(2, 3, 3)}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)


@st.composite
def geometries(draw):
    """A convolution over one or two axes whose window fits the padded input."""
    axes, group = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 16]))
    kernel, strides, dilations, sizes = [], [], [], []
    for _ in range(axes):
        kernel.append(draw(st.integers(1, 3)))
        strides.append(draw(st.integers(1, 3)))
        dilations.append(draw(st.integers(1, 2)))
        sizes.append(dilations[-1] * (kernel[-1] - 1) + draw(st.integers(1, 5)))
    pads = draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes))
    attributes = f"strides={strides}, dilations={dilations}, pads={pads}, group={group}"
    channels = group * draw(st.sampled_from([1, 2]))
    filters = group * draw(st.integers(1, 2))
    return {
        "node": f"Conv<{attributes}>(x, w)",
        "x": (draw(st.integers(1, 2)), channels, *sizes),
        "constants": {"w": weights(filters, channels // group, *kernel)},
        "dynamic": draw(st.booleans()),
    }


@settings(max_examples=40, deadline=None, derandomize=True)
@given(geometries())
def test_any_geometry(differences, case):
    differences.check(**case)
