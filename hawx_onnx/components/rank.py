"""The exact rank of an integer matrix over the rational numbers.

The rank modulo a prime p is a lower bound: a minor that is not 0 modulo p is not 0. Elimination
modulo p finds it together with the rows and columns of one nonsingular block B. What remains is
to prove that no larger minor differs from 0.

Let r be the rank modulo p, C the pivot columns and t any other column. Solving B x = t over the
p-adic numbers digit by digit (J. D. Dixon, "Exact solution of linear equations using p-adic
expansions", Numerische Mathematik 40, 1982) and demanding that every other row of C x = t holds
as well, to k digits, shows that each (r+1)-minor that borders B is divisible by p**k. Such a minor
is at most the product of its columns' Euclidean norms (Hadamard), so from p**k above that
product on it is 0; with all bordering minors 0 the rank is r exactly. If all digits come to an
end earlier, t is an integer combination of C outright. If a row fails, p divided a pivot minor:
the next prime is tried, and fraction-free elimination in Python integers is the last resort.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.tables import IntArray

# Primes below 2**22: a sum of 256 products of two residues stays below 2**53, so that float64
# matrix products are exact.
PRIMES = (4194301, 4194287, 4194277, 4194271)
_EXACT_FLOAT = 2.0**53
_HALF = 1 << 17


def rational_rank(matrix: npt.NDArray[np.integer]) -> int:
    """Returns the rank of an integer matrix over the rationals, exactly.

    Args:
        matrix: Integers [rows, columns] within the int32 range, at most 256 x 256.
    """
    reduced = _primitive_rows(_primitive_rows(matrix.astype(np.int64)).T).T
    if not reduced.size:
        return 0
    for prime in PRIMES:
        rows, columns = pivots(reduced, prime)
        if len(rows) == min(reduced.shape) or _is_spanned(reduced, rows, columns, prime):
            return len(rows)
    return _fraction_free_rank(reduced)


def _primitive_rows(matrix: IntArray) -> IntArray:
    """Drops zero rows and rows proportional to another, dividing each by its common factor."""
    kept = matrix[matrix.any(axis=1)]
    if not kept.size:
        return np.zeros((0, 0), np.int64)
    leading = kept[np.arange(len(kept)), (kept != 0).argmax(axis=1)]
    factor = np.gcd.reduce(kept, axis=1) * np.sign(leading)
    return distinct_rows(kept // factor[:, None])


def distinct_rows(matrix: IntArray) -> IntArray:
    """Returns each row once, in lexicographic order; `np.unique` takes several times as long.

    Args:
        matrix: Integers [rows, columns] whose differences fit an int64.
    """
    if not matrix.size:
        return matrix[:1]
    # Big-endian and not negative: bytes sort as the numbers do.
    keys = (matrix - matrix.min()).astype(">u8")
    places = {row.tobytes(): place for place, row in enumerate(keys)}
    return matrix[[places[key] for key in sorted(places)]]


def pivots(matrix: IntArray, prime: int, limit: int | None = None) -> tuple[list[int], list[int]]:
    """Returns the row and column indices of a largest nonsingular block modulo a prime.

    Args:
        matrix: Integers [rows, columns].
        prime: Below 2**22, so that sums of products of residues stay exact in float64.
        limit: Stop at a block of this size, be it the largest or not.
    """
    work = matrix % prime
    order = np.arange(len(work))
    columns: list[int] = []
    column = 0
    while len(columns) not in (len(work), limit):
        top = len(columns)
        nonzero = work[top:, column:] != 0
        filled = nonzero.any(axis=0)
        if not filled.any():
            break
        step = int(filled.argmax())
        column, pivot = column + step, top + int(nonzero[:, step].argmax())
        work[[top, pivot]], order[[top, pivot]] = work[[pivot, top]], order[[pivot, top]]
        scale = pow(int(work[top, column]), -1, prime)
        factors = work[top + 1 :, column] * scale % prime
        work[top + 1 :, column:] -= factors[:, None] * work[top, column:]
        work[top + 1 :, column:] %= prime
        columns.append(column)
        column += 1
    return [int(row) for row in order[: len(columns)]], columns


def inverse(block: IntArray, prime: int) -> IntArray:
    """Inverts a matrix that is nonsingular modulo a prime, by Gauss-Jordan elimination."""
    size = len(block)
    work = np.concatenate([block % prime, np.eye(size, dtype=np.int64)], axis=1)
    for step in range(size):
        pivot = step + int(np.flatnonzero(work[step:, step])[0])
        work[[step, pivot]] = work[[pivot, step]]
        work[step] = work[step] * pow(int(work[step, step]), -1, prime) % prime
        factors = work[:, step].copy()
        factors[step] = 0
        work -= factors[:, None] * work[step]
        work %= prime
    return work[:, size:]


def _is_spanned(matrix: IntArray, rows: list[int], columns: list[int], prime: int) -> bool:
    """Proves that all columns lie in the span of the pivot columns; see the module's text."""
    others = np.setdiff1d(np.arange(matrix.shape[1]), columns)
    basis, residual = matrix[:, columns], matrix[:, others]
    inverted = inverse(matrix[np.ix_(rows, columns)], prime).astype(np.float64)
    norms = np.log2(np.linalg.norm(matrix.astype(np.float64), axis=0))
    bits = float(norms[columns].sum() + norms[others].max())
    parts = _float_parts(basis, prime)
    # One digit more than the bound asks for covers the rounding of the logarithms.
    for _ in range(math.ceil(bits / math.log2(prime)) + 1):
        digits = (inverted @ (residual[rows] % prime).astype(np.float64)).astype(np.int64) % prime
        digits[digits > prime // 2] -= prime  # symmetric, so that negative solutions end too
        for part, weight in parts:
            residual = residual - (part @ digits.astype(np.float64)).astype(np.int64) * weight
        quotient, remainder = np.divmod(residual, prime)
        if remainder.any():
            return False
        if not quotient.any():
            return True
        residual = quotient
    return True


def _float_parts(basis: IntArray, prime: int) -> list[tuple[npt.NDArray[np.float64], int]]:
    """Splits a matrix into summands whose products with digits are exact in float64.

    Products of integers would be, too, but take several times as long.
    """
    if float(np.abs(basis).max()) * prime * basis.shape[1] < _EXACT_FLOAT:
        return [(basis.astype(np.float64), 1)]
    high, low = np.divmod(basis, _HALF)
    return [(high.astype(np.float64), _HALF), (low.astype(np.float64), 1)]


def _fraction_free_rank(matrix: IntArray) -> int:
    """Bareiss' elimination in Python integers: slow, and exact without conditions."""
    work = [[int(value) for value in row] for row in matrix]
    rank, previous = 0, 1
    for column in range(matrix.shape[1]):
        pivot = next((row for row in range(rank, len(work)) if work[row][column]), None)
        if pivot is None:
            continue
        work[rank], work[pivot] = work[pivot], work[rank]
        head = work[rank]
        for row in range(rank + 1, len(work)):
            factor = work[row][column]
            work[row] = [
                (head[column] * value - factor * lead) // previous
                for value, lead in zip(work[row], head, strict=True)
            ]
        rank, previous = rank + 1, head[column]
    return rank
