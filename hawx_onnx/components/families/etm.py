"""ETM: error-tolerant multiplier.

Operands are split into halves of h = 4 bits. Where both high halves are 0, the low halves are
multiplied exactly. Otherwise the exact product of the high halves stands above 2h bits that a
non-multiplying part makes: read from its high end, bit k of a_L OR w_L gives bit h + k of the
result, and from the first 1 on all lower bits are 1:

T[a][w] = a_L w_L                                            for a_H = w_H = 0
T[a][w] = 2**(2h) a_H w_H + (2**(h + 1 + t) - 1) [a_L OR w_L > 0]   otherwise

with t the position of the leading one of a_L OR w_L.
"""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.families.powers import leading_one
from hawx_onnx.components.netlist.array import array_product
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of, choose
from hawx_onnx.components.netlist.network import ZERO
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "K. Y. Kyaw, W. L. Goh, K. S. Yeo, Low-power high-speed multiplier for error-tolerant "
    "application, EDSSC 2010"
)


def etm_product(a: IntArray, w: IntArray, width: int = WIDTH) -> IntArray:
    """Multiplies unsigned operands of an even width."""
    half = width // 2
    mask = (1 << half) - 1
    low_a, low_w, high_a, high_w = a & mask, w & mask, a >> half, w >> half
    either = low_a | low_w
    ones = np.where(either > 0, (np.int64(2) << (leading_one(either) + half)) - 1, 0)
    split = (high_a * high_w << width) + ones
    return np.where((high_a | high_w) == 0, low_a * low_w, split)


def _wiring(build: Builder, a: Bits, w: Bits) -> Bits:
    half = WIDTH // 2
    split = any_of(build, (*a[half:], *w[half:]))
    # One multiplier serves both cases; multiplexers choose its operands and place its product.
    first, second = (choose(build, split, x[:half], x[half:]) for x in (a, w))
    product = array_product(build, first, second)
    run, ones = ZERO, []
    for x, y in zip(reversed(a[:half]), reversed(w[:half]), strict=True):
        run = build.or_(run, build.or_(x, y))
        ones.append(run)
    low = (*[run] * half, *reversed(ones))
    return choose(build, split, product, (*low, *product))


def definitions() -> tuple[Definition, ...]:
    """Returns the 8-bit multiplier with 4-bit halves."""
    return (
        Definition(
            stem="etm",
            product=functools.partial(etm_product, width=WIDTH),
            wiring=_wiring,
            source=SOURCE,
            description="multiplies the high halves; the low halves give a run of ones",
        ),
    )
