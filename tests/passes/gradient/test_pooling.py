"""Rules of pooling over windows, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import pytest


def case(node, **rest):
    return {"node": node, **rest}


IMAGE = (2, 3, 7, 6)
CASES = [
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, "
        "count_include_pad=1>(x)",
        x=(1, 2, 8, 6),
        opset=13,
        by="single",
    ),
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>(x)",
        x=(1, 2, 8, 6),
        opset=13,
        by="single",
    ),
    case("AveragePool<kernel_shape=[2,2], dilations=[2,3]>(x)", x=(1, 2, 8, 6), opset=19),
    case("MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", x=(2, 3, 6, 4)),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", x=IMAGE),
    case("MaxPool<kernel_shape=[3,2], strides=[2,2], ceil_mode=1>(x)", x=(1, 2, 8, 7)),
    case("MaxPool<kernel_shape=[3,2], strides=[2,1], dilations=[2,1]>(x)", x=IMAGE),
    case('MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', x=IMAGE),
    case("MaxPool<kernel_shape=[3], strides=[2]>(x)", x=(2, 3, 9)),
    case("MaxPool<kernel_shape=[2,2,2], strides=[2,1,2]>(x)", x=(1, 2, 4, 3, 4)),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE, dynamic=True),
    case("AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)", x=(2, 3, 6, 4)),
    case("AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", x=IMAGE),
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1>(x)",
        x=IMAGE,
    ),
    case(
        "AveragePool<kernel_shape=[3,2], strides=[2,2], ceil_mode=1>(x)", x=(1, 2, 8, 7), opset=19
    ),
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, "
        "count_include_pad=1>(x)",
        x=(1, 2, 8, 6),
        opset=19,
    ),
    case('AveragePool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', x=IMAGE),
    case("AveragePool<kernel_shape=[3], strides=[2]>(x)", x=(2, 3, 8)),
    case("AveragePool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE, dynamic=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
