"""Mitchell's logarithmic multiplier and two cheaper descendants.

With a = 2**k (1 + x) and w = 2**l (1 + y), 0 <= x, y < 1, log2(1 + x) is taken as x, and back:

T[a][w] = 2**(k+l) (1 + x + y)      for x + y < 1
T[a][w] = 2**(k+l+1) (x + y)        otherwise

rounded down to an integer; a product with 0 is 0.

``mitchell`` keeps all 7 fraction bits. ``mitchell_t4`` keeps the 4 highest bits of x and y
(truncated logarithms). ``alm_soa5`` adds the fractions in a set-one adder: the 5 lowest bits of the
sum are 1, and the AND of the operands' bits just below the exact part is the carry into it.
"""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.families.powers import leading_one, shift
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of, encode, gated, shift_left
from hawx_onnx.components.netlist.datapath import leading_one as leading
from hawx_onnx.components.netlist.network import ONE, ZERO
from hawx_onnx.components.tables import IntArray

MITCHELL = (
    "J. N. Mitchell, Computer multiplication and division using binary logarithms, IRE Trans. "
    "Electronic Computers EC-11(4), 1962"
)
TRUNCATED = (
    "M. S. Kim, A. A. Del Barrio, L. T. Oliveira, R. Hermida, N. Bagherzadeh, Efficient Mitchell's "
    "approximate log multipliers for convolutional neural networks, IEEE Trans. Computers 68(5), "
    "2019"
)
SET_ONE = (
    "W. Liu, J. Xu, D. Wang, C. Wang, P. Montuschi, F. Lombardi, Design and evaluation of "
    "approximate logarithmic multipliers for low power error-tolerant applications, IEEE Trans. "
    "Circuits and Systems I 65(9), 2018"
)


def log_product(
    a: IntArray, w: IntArray, *, width: int = WIDTH, kept: int | None = None, set_one: int = 0
) -> IntArray:
    """Multiplies unsigned operands through approximate logarithms.

    Args:
        a: Activation values below 2**width.
        w: Weight values below 2**width.
        width: Operand width; fractions have width - 1 bits.
        kept: Highest fraction bits that are kept; all by default.
        set_one: Lowest bits of the fractions' sum that are set to 1; 0 for an exact sum.
    """
    fraction_bits = width - 1
    k, l = leading_one(a), leading_one(w)  # noqa: E741
    one = np.int64(1)
    x = shift(a, fraction_bits - k) - (one << fraction_bits)
    y = shift(w, fraction_bits - l) - (one << fraction_bits)
    if kept is not None:
        dropped = fraction_bits - kept
        x, y = x >> dropped << dropped, y >> dropped << dropped
    total = x + y
    if set_one:
        carry = (x >> (set_one - 1)) & (y >> (set_one - 1)) & 1
        total = (((x >> set_one) + (y >> set_one) + carry) << set_one) | ((1 << set_one) - 1)
    overflow = total >> fraction_bits
    mantissa = np.where(overflow > 0, total, total + (one << fraction_bits))
    product = shift(mantissa, k + l + overflow - fraction_bits)
    return np.where((a == 0) | (w == 0), 0, product)


def _logarithm(build: Builder, x: Bits, kept: int) -> Bits:
    """Returns an operand's logarithm: the fraction's bits, then the characteristic's."""
    place = encode(build, leading(build, x))
    # The leading one moves to bit WIDTH - 1: by WIDTH - 1 - place, whose bits are place's inverse.
    amount = [build.not_(bit) for bit in place]
    fraction = shift_left(build, x, amount, width=WIDTH)[:-1]
    dropped = WIDTH - 1 - kept
    return (*[ZERO] * dropped, *fraction[dropped:], *place)


def _sum(build: Builder, x: Bits, y: Bits, set_one: int) -> Bits:
    """Returns the sum of two logarithms, fraction and characteristic in one word."""
    if not set_one:
        return add(build, x, y, width=len(x) + 1)
    carry = build.and_(x[set_one - 1], y[set_one - 1])
    high = add(build, x[set_one:], y[set_one:], carry=carry, width=len(x) - set_one + 1)
    return (*[ONE] * set_one, *high)


def _wiring(build: Builder, a: Bits, w: Bits, *, kept: int = WIDTH - 1, set_one: int = 0) -> Bits:
    fraction_bits = WIDTH - 1
    total = _sum(build, _logarithm(build, a, kept), _logarithm(build, w, kept), set_one)
    mantissa, amount = (*total[:fraction_bits], ONE), total[fraction_bits:]
    # The mantissa is a number of 1 to 2 with fraction_bits binary places, which end up cut off.
    shifted = shift_left(build, mantissa, amount, width=2 * WIDTH + fraction_bits)
    present = build.and_(any_of(build, a), any_of(build, w))
    return gated(build, present, shifted[fraction_bits:])


def truncated(kept: int) -> Definition:
    """Returns the multiplier whose logarithms keep so many fraction bits, from 1 to 6."""
    return Definition(
        stem=f"mitchell_t{kept}",
        product=functools.partial(log_product, kept=kept),
        wiring=functools.partial(_wiring, kept=kept),
        source=TRUNCATED,
        description=f"adds piecewise linear logarithms of {kept} fraction bits",
    )


def set_one(low: int) -> Definition:
    """Returns the multiplier with a set-one adder of so many bits, from 1 to 6."""
    return Definition(
        stem=f"alm_soa{low}",
        product=functools.partial(log_product, set_one=low),
        wiring=functools.partial(_wiring, set_one=low),
        source=SET_ONE,
        description=f"adds piecewise linear logarithms, the {low} lowest bits of the sum set",
    )


def definitions() -> tuple[Definition, ...]:
    """Returns the original, the truncated and the set-one variants."""
    exact = Definition(
        stem="mitchell",
        product=log_product,
        wiring=_wiring,
        source=MITCHELL,
        description="adds piecewise linear logarithms",
    )
    return (exact, *(truncated(kept) for kept in (3, 4)), *(set_one(low) for low in (3, 5)))
