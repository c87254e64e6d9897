"""RoBA: rounding-based approximate multiplier.

Operands are rounded to the nearest power of two, r(x): with t the position of the leading one,
r(x) = 2**(t+1) for x >= 3 * 2**(t-1), else 2**t; but r(3) = 2 and r(0) = 0. The product leaves out
the small term (r(a) - a)(r(w) - w):

T[a][w] = r(a) w + r(w) a - r(a) r(w)
"""

from __future__ import annotations

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.families.powers import leading_one
from hawx_onnx.components.netlist.arithmetic import add, subtract
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of, encode, gated, shift_left
from hawx_onnx.components.netlist.datapath import leading_one as leading
from hawx_onnx.components.netlist.network import ONE, ZERO
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "R. Zendegani, M. Kamal, M. Bahadori, A. Afzali-Kusha, M. Pedram, RoBA multiplier: a "
    "rounding-based approximate multiplier for high-speed yet energy-efficient digital signal "
    "processing, IEEE Trans. VLSI Systems 25(2), 2017"
)


def rounded(x: IntArray) -> IntArray:
    """Returns r(x) of the module's text, for unsigned x of any width."""
    one = np.int64(1)
    power = one << leading_one(x)
    up = (2 * x >= 3 * power) & (x > 3)
    return np.where(x == 0, 0, np.where(up, 2 * power, power))


def roba_product(a: IntArray, w: IntArray) -> IntArray:
    """Multiplies unsigned operands of any width."""
    power_a, power_w = rounded(a), rounded(w)
    product: IntArray = power_a * w + power_w * a - power_a * power_w
    return product


def _rounding(build: Builder, x: Bits) -> tuple[Bits, int]:
    """Returns the exponent of the rounded operand, and whether the operand is not 0."""
    place = leading(build, x)
    # Up where the bit below the leading one is set, but not from 3 to 4.
    up = [ZERO, ZERO, *(build.and_(place[t], x[t - 1]) for t in range(2, WIDTH))]
    stay = [build.and_not(hot, moved) for hot, moved in zip(place, up, strict=True)]
    power = [build.or_(x, y) for x, y in zip((*stay, ZERO), (ZERO, *up), strict=True)]
    return encode(build, power), any_of(build, x)


def _wiring(build: Builder, a: Bits, w: Bits) -> Bits:
    width = 2 * WIDTH
    (power_a, some_a), (power_w, some_w) = _rounding(build, a), _rounding(build, w)
    first = shift_left(build, w, power_a, width=width)
    second = shift_left(build, a, power_w, width=width)
    exponent = add(build, power_a, power_w, width=len(power_a) + 1)
    square = shift_left(build, (ONE,), exponent, width=width)
    total = add(build, first, second, width=width)
    product = subtract(build, total, square, width=width)
    return gated(build, build.and_(some_a, some_w), product)


def definitions() -> tuple[Definition, ...]:
    """Returns the one multiplier of the family."""
    return (
        Definition(
            stem="roba",
            product=roba_product,
            wiring=_wiring,
            source=SOURCE,
            description="multiplies by operands rounded to powers of two",
        ),
    )
