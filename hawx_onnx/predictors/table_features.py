"""Features of a truth table that tell of its circuit's size, depth and activity; never a name.

All are found from the 65,536 entries alone, as Boolean functions of the 16 operand bits:

- decision diagram: how many different subfunctions there are at each level of the table's reduced
  ordered binary decision diagram, operand bits tested in turn from the highest, which is the size
  of one circuit of multiplexers and bounds what has to be told apart;
- influence: the share of operand pairs at which flipping one operand bit flips a product bit
  (R. O'Donnell, Analysis of Boolean Functions, 2014, section 2.2), which bounds gates and toggles;
- algebraic normal form: its degree, which bounds the depth of AND gates, and its terms;
- activity of the product bits, errors, ranks, different rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.decision_diagram import product_width
from hawx_onnx.components.rank import PRIMES, pivots
from hawx_onnx.components.tables import CODES, Encoding, Table

Bits = npt.NDArray[np.uint8]

PRODUCT_BITS = 16
"""Product bits that are told apart; further ones repeat the sign in tables of multipliers."""

OPERAND_BITS = 16
"""Bits of both operands."""

_PAIRS = CODES * CODES
_LEVELS = OPERAND_BITS


def table_features(multiplier: Multiplier) -> dict[str, float]:
    """Returns the features of a multiplier by name, in a fixed order.

    About 0.2 s. Turning the operands over leaves them nearly as they are: what is told of one
    operand comes as the smaller and the greater of both.

    Args:
        multiplier: Its table and encoding are read.
    """
    return dict(_features(multiplier))


def _features(multiplier: Multiplier) -> Iterator[tuple[str, float]]:
    """Yields names and values."""
    table = multiplier.table
    for encoding in Encoding:
        yield f"is_{encoding.value}", float(multiplier.encoding is encoding)
    bits = product_bits(table)
    yield from _structure_features(table)
    yield from _error_features(multiplier)
    yield from _diagram_features(bits)
    yield from _influence_features(bits)
    yield from _normal_form_features(bits)


def product_bits(table: Table) -> Bits:
    """The product's lowest bits as functions of both operands: uint8 [16, 65536], 0 or 1.

    Args:
        table: int32 [256, 256], [activation][weight].
    """
    flat = table.reshape(-1)
    return np.stack([(flat >> bit & 1).astype(np.uint8) for bit in range(PRODUCT_BITS)])


def _structure_features(table: Table) -> Iterator[tuple[str, float]]:
    rows, columns = _distinct(table), _distinct(table.T)
    yield "distinct_rows_least", np.log2(min(rows, columns))
    yield "distinct_rows_most", np.log2(max(rows, columns))
    yield "distinct_products", np.log2(len(np.unique(table)))
    yield "zeros", float((table == 0).mean())
    yield "rank", np.log2(1 + len(pivots(table.astype(np.int64), PRIMES[0])[0]))
    yield "width", float(product_width(table, bool(table.min() < 0)))


def _distinct(rows: npt.NDArray[np.integer]) -> int:
    """How many different rows there are; `np.unique` takes many times as long."""
    return len({row.tobytes() for row in rows})


def _error_features(multiplier: Multiplier) -> Iterator[tuple[str, float]]:
    errors = asdict(multiplier.statistics)
    yield "bias_share", abs(errors["mean_error"]) / errors["mae"] if errors["mae"] else 0.0
    yield "error_probability", errors["ep"]
    yield "rms_error", float(np.log2(1 + np.sqrt(errors["mse"])))
    for name in ("mae", "wce"):
        yield name, float(np.log2(1 + errors[name]))
    yield "mre", float(np.log2(1e-4 + errors["mre"]))
    rank = len(pivots(multiplier.error_table, PRIMES[0])[0])
    yield "error_rank", float(np.log2(1 + rank))


def diagram_widths(bits: Bits) -> npt.NDArray[np.int64]:
    """Nodes of the shared decision diagram by level, int64 [16], the lowest operand bits first.

    Args:
        bits: Functions of both operands, [functions, 65536].
    """
    shape = (len(bits), *(2,) * OPERAND_BITS)
    order = [axis for bit in range(8) for axis in (1 + bit, 9 + bit)]
    functions = bits.reshape(shape).transpose(0, *order).reshape(len(bits), -1).astype(np.int64)
    widths, fresh = [], 2
    for _ in range(_LEVELS):
        low, high = functions[:, ::2], functions[:, 1::2]
        pairs = low << 32 | high
        distinct, which = np.unique(pairs, return_inverse=True)
        tests = distinct >> 32 != distinct & 0xFFFFFFFF
        # A node that does not test the bit is its only child; the others are new functions.
        names = np.where(tests, fresh + np.cumsum(tests) - 1, distinct >> 32)
        widths.append(int(tests.sum()))
        fresh += widths[-1]
        functions = names[which.reshape(pairs.shape)]
    return np.array(widths, np.int64)


def _diagram_features(bits: Bits) -> Iterator[tuple[str, float]]:
    widths = diagram_widths(bits)
    yield "diagram_nodes", float(np.log2(1 + widths.sum()))
    for level in range(_LEVELS):
        yield f"diagram_level_{level}", float(np.log2(1 + widths[level]))


def influences(bits: Bits) -> npt.NDArray[np.float64]:
    """Influence of each operand bit on each product bit: [product bits, 16], shares of pairs.

    Args:
        bits: Functions of both operands, [functions, 65536].

    Returns:
        Columns: the activation's bits, the lowest first, then the weight's.
    """
    shape = (len(bits), *(2,) * OPERAND_BITS)
    cube = bits.reshape(shape)
    columns = []
    for axis in (*range(8, 0, -1), *range(16, 8, -1)):
        low, high = np.take(cube, 0, axis=axis), np.take(cube, 1, axis=axis)
        columns.append((low != high).reshape(len(bits), -1).mean(axis=1))
    return np.stack(columns, axis=1)


def _influence_features(bits: Bits) -> Iterator[tuple[str, float]]:
    found, ones = influences(bits), bits.mean(axis=1)
    operands = found.reshape(PRODUCT_BITS, 2, 8)
    by_operand = np.sort(operands.sum(axis=(0, 2)))
    yield "influence_least", float(by_operand[0])
    yield "influence_most", float(by_operand[1])
    yield "influence", float(found.sum())
    used = np.sort((operands > 0).any(axis=0).sum(axis=1))
    yield "operand_bits_least", float(used[0])
    yield "operand_bits_most", float(used[1])
    yield "dependences", float((found > 0).sum())
    yield "activity", float((ones * (1 - ones)).sum())
    yield "changing_bits", float((ones * (1 - ones) > 0).sum())
    yield "distinct_bits", float(_distinct(bits))
    for bit, value in enumerate(found.sum(axis=1)):
        yield f"influence_on_bit_{bit}", float(value)


def algebraic_normal_form(bits: Bits) -> Bits:
    """Coefficients of the products of operand bits whose sum modulo 2 the functions are.

    Args:
        bits: [functions, 65536].

    Returns:
        uint8 [functions, 65536]; index bits tell the operand bits of each term.
    """
    form: Bits = bits.copy()
    for bit in range(OPERAND_BITS):
        halves = form.reshape(len(bits), -1, 2, 1 << bit)
        halves[:, :, 1] ^= halves[:, :, 0]
    return form


_DEGREE = np.array([bin(index).count("1") for index in range(_PAIRS)], np.uint8)


def _normal_form_features(bits: Bits) -> Iterator[tuple[str, float]]:
    form = algebraic_normal_form(bits)
    degrees = (form * _DEGREE).max(axis=1)
    terms = form.sum(axis=1, dtype=np.int64)
    yield "degree", float(degrees.max())
    yield "degrees", float(degrees.sum())
    yield "terms", float(np.log2(1 + terms.sum()))
    for bit in range(PRODUCT_BITS):
        yield f"terms_of_bit_{bit}", float(np.log2(1 + terms[bit]))
