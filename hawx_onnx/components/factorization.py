"""Truth tables as sums of a few products of integer factors.

A table T of low rank is a sum of terms, T[a][w] = sum over r of scale[r] F[a][r] G[r][w]. Each term
is an exact integer product of transformed operands: no look-up for each product of a layer. The
same goes for the error table E = T - a*w, beside one exact product.

Which integer factors? The rows of a matrix M span a lattice. With the vectors of a basis of it as
G, every row of M has integer coordinates, and they are F; there are as many terms as the rank. A
basis of short vectors (LLL) makes the factors small. The columns of F may be reduced instead, and
all of it may be done to the transpose: four candidates each for T and for E. Terms are divided by
their common factors. A factor wider than 8 bits all the same is cut in two, which costs terms.

Nothing of this needs to be trusted: a factorisation is accepted only if it gives all 65,536
entries, in integers without overflow. It then holds for sums, too, and modulo 2**32 where sums wrap
around.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.lattice import as_int64, integer_product, reduce_basis, row_basis, solve
from hawx_onnx.components.rank import PRIMES, distinct_rows, pivots
from hawx_onnx.components.tables import CODES, Encoding, IntArray, exact_table

MAX_TERMS = 20
"""Tables of a higher rank, or that need more terms within 8 bits, are better looked up."""


@dataclass(frozen=True, eq=False)
class Factorization:
    """A table, or its error table, as the sum of scales[r] * left[:, r] * right[r, :].

    Attributes:
        of: ``table`` (T itself) or ``error`` (T - a*w: one exact product comes on top).
        left: int64 [256, terms], read-only, by bit patterns of the activation.
        right: int64 [terms, 256], read-only, by bit patterns of the weight.
        scales: int64 [terms], read-only; 1 wherever a factor could take the scale within 8 bits.
        rank: The exact rank of what is factorised, the least number of terms.
    """

    of: Literal["table", "error"]
    left: IntArray
    right: IntArray
    scales: IntArray
    rank: int

    @property
    def terms(self) -> int:
        """The number of terms."""
        return len(self.scales)

    @property
    def products(self) -> int:
        """Exact integer products that emulate the table: the terms, and a*w beside errors."""
        return self.terms + (self.of == "error")

    @property
    def left_types(self) -> tuple[str, ...]:
        """The narrowest type of each left factor: int8, uint8, int16 or int32."""
        return tuple(_narrowest(factor) for factor in self.left.T)

    @property
    def right_types(self) -> tuple[str, ...]:
        """The narrowest type of each right factor."""
        return tuple(_narrowest(factor) for factor in self.right)

    @property
    def fits_8_bits(self) -> bool:
        """Whether every factor is within int8 or within uint8."""
        return {*self.left_types, *self.right_types} <= {"int8", "uint8"}

    def matrix(self) -> IntArray:
        """Returns the sum of the terms, int64 [256, 256]."""
        return integer_product(self.left * self.scales, self.right)


def factorize(table: npt.NDArray[np.integer], encoding: Encoding) -> Factorization | None:
    """Finds the factorisation of a table or of its errors that is the cheapest to execute.

    Args:
        table: Integers [256, 256] within the int32 range, by bit patterns [activation][weight].
        encoding: How operands are read, for the exact products.

    Returns:
        The best one: factors within 8 bits before wider ones, then the fewest products, then the
        smallest factors. None where table and errors both have a rank above ``MAX_TERMS``.
    """
    truth = table.astype(np.int64)
    found = list(_factorizations(truth, "table"))
    error = truth - exact_table(encoding)
    best = min((_price(each)[:2] for each in found), default=None)
    if best is None or best > (False, _least_rank(error)):
        found.extend(_factorizations(error, "error"))
    return min(found, key=_price, default=None)


def _price(found: Factorization) -> tuple[bool, int, int, int, bool]:
    """What is better comes first."""
    extremes = [int(np.abs(part).max(initial=0)) for part in (found.left, found.right)]
    unscaled = int(np.count_nonzero(found.scales != 1))
    wide = not found.fits_8_bits
    return wide, found.products, unscaled, extremes[0] + extremes[1], found.of == "error"


def _factorizations(matrix: IntArray, of: Literal["table", "error"]) -> Iterator[Factorization]:
    """Yields verified factorisations of a matrix; none where the rank is too high."""
    if _least_rank(matrix) > MAX_TERMS:
        return
    for left, right in _candidates(matrix):
        rank = len(right)
        terms = _normalised(left, right)
        forms = [terms] if _all_fit(terms) else [terms, _in_bytes(terms)]
        for form in forms:
            found = _packed(form, of, rank)
            if len(form) <= MAX_TERMS and np.array_equal(found.matrix(), matrix):
                yield found
                if found.fits_8_bits and found.terms == rank and (found.scales == 1).all():
                    return  # no other candidate needs fewer terms


def _least_rank(matrix: IntArray) -> int:
    """Returns the rank modulo a prime, a lower bound; not far beyond the limit of terms."""
    return len(pivots(distinct_rows(matrix), PRIMES[0], MAX_TERMS + 1)[0])


def _candidates(matrix: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields pairs of factors [rows, rank], [rank, columns] of a matrix.

    A basis of the lattice of all rows has exactly as many vectors as the rank.
    """
    if not matrix.any():
        yield np.zeros((len(matrix), 0), np.int64), np.zeros((0, matrix.shape[1]), np.int64)
        return
    for transposed in (False, True):
        given = matrix.T if transposed else matrix
        basis = row_basis(given)
        coordinates = None if basis is None else solve(basis, given)
        if basis is None or coordinates is None:
            continue
        yield (basis.T, coordinates.T) if transposed else (coordinates, basis)
        columns = as_int64(reduce_basis(list(coordinates.T.astype(object))))
        other = None if columns is None else solve(columns, given.T)
        if columns is not None and other is not None:
            yield (other, columns) if transposed else (columns.T, other.T)


Term = tuple[int, IntArray, IntArray]
"""Scale, left factor [256], right factor [256]."""


def _normalised(left: IntArray, right: IntArray) -> list[Term]:
    """Divides each term by its common factor."""
    terms = []
    for column, row in zip(left.T, right, strict=True):
        (first, f), (second, g) = _primitive(column), _primitive(row)
        terms.append((first * second, f, g))
    return terms


def _primitive(factor: IntArray) -> tuple[int, IntArray]:
    """Returns a factor as scale times a primitive vector whose sign suits uint8 or int8 best."""
    scale = int(np.gcd.reduce(factor))
    primitive = factor // scale
    if primitive.min() < 0 and primitive.max() != 0 and primitive.max() <= -primitive.min():
        return scale, primitive
    return (-scale, -primitive) if primitive.min() < 0 else (scale, primitive)


def _in_bytes(terms: list[Term]) -> list[Term]:
    """Cuts factors that are wider than 8 bits into bytes: more terms, the same sum."""
    done: list[Term] = []
    waiting = list(reversed(terms))
    while waiting and len(done) + len(waiting) <= MAX_TERMS:
        scale, left, right = waiting.pop()
        if not _fits(left):
            pieces = [(scale * weight, piece, right) for weight, piece in _pieces(left)]
        elif not _fits(right):
            pieces = [(scale * weight, left, piece) for weight, piece in _pieces(right)]
        else:
            done.append((scale, left, right))
            continue
        waiting.extend(reversed(pieces))
    return done + waiting[::-1]


def _pieces(factor: IntArray) -> list[tuple[int, IntArray]]:
    """Returns a wide factor as a weighted sum of two narrower ones."""
    clipped = np.clip(factor, -128, 127) if factor.min() < 0 else np.clip(factor, 0, 255)
    if _fits(factor - clipped):
        return [(1, clipped), _primitive(factor - clipped)]
    low = (factor + 128) % 256 - 128
    return [_primitive(low), _primitive(factor - low)]


def _packed(terms: list[Term], of: Literal["table", "error"], rank: int) -> Factorization:
    """Moves scales into factors where they stay within 8 bits, and freezes the result."""
    scales = np.ones(len(terms), np.int64)
    left = np.zeros((CODES, len(terms)), np.int64)
    right = np.zeros((len(terms), CODES), np.int64)
    for index, (scale, f, g) in enumerate(terms):
        first = _room(f, scale)
        second = _room(g, scale // first)
        left[:, index], right[index] = first * f, second * g
        scales[index] = scale // (first * second)
    for array in (left, right, scales):
        array.setflags(write=False)
    return Factorization(of, left, right, scales, rank)


def _all_fit(terms: list[Term]) -> bool:
    return all(_fits(left) and _fits(right) for _, left, right in terms)


def _room(factor: IntArray, scale: int) -> int:
    """Returns the largest divisor of a scale that a factor takes within 8 bits, or else 1."""
    low, high = int(factor.min()), int(factor.max())
    signs = (1, -1) if scale < 0 else (1,)
    for divisor in range(min(abs(scale), 255), 0, -1):
        for sign in signs if scale % divisor == 0 else ():
            ends = sorted((sign * divisor * low, sign * divisor * high))
            if ends[0] >= -128 and ends[1] <= (255 if ends[0] >= 0 else 127):
                return sign * divisor
    return 1


def _fits(factor: IntArray) -> bool:
    """Whether a factor is within int8 or within uint8."""
    return _narrowest(factor) in ("int8", "uint8")


def _narrowest(factor: IntArray) -> str:
    low, high = int(factor.min()), int(factor.max())
    for dtype in (np.int8, np.uint8, np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return str(np.dtype(dtype).name)
    return "int64"
