"""Short bases of integer lattices: the integer combinations of some integer vectors.

All arithmetic is exact: in Python integers, in numpy arrays of them, or in int64 within bounds.

The reduction is LLL (delta 3/4) in its integral form: d[i] is the determinant of the first i
vectors' inner products and lam[i][j] = d[j+1] mu[i][j], so that no fraction ever appears (H. Cohen,
"A Course in Computational Algebraic Number Theory", algorithm 2.6.7; B. M. M. de Weger, 1989).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.rank import PRIMES, distinct_rows, inverse, pivots
from hawx_onnx.components.tables import IntArray

Vector = npt.NDArray[np.object_]
"""Python integers, one axis."""


def reduce_basis(basis: list[Vector]) -> list[Vector]:
    """Returns an LLL-reduced basis of the same lattice: short and nearly orthogonal vectors.

    Args:
        basis: Linearly independent vectors of Python integers.
    """
    work = _Reduction(basis)
    work.run()
    return work.vectors()


def insert(basis: list[Vector], vector: Vector) -> list[Vector]:
    """Returns a reduced basis of the lattice that a basis and one more vector span.

    The vector goes to the end, where its part orthogonal to all others is 0. Reduction swaps it, or
    what takes its place, forward until the last vector is 0 (M. Pohst, "A modification of the LLL
    reduction algorithm", Journal of Symbolic Computation 4, 1987). A last vector that does not
    depend on its neighbour leaves that one aside, and the rest goes on without it.

    Args:
        basis: Linearly independent vectors.
        vector: Any other vector; one outside their span over the rationals adds a dimension.
    """
    if _Reduction([*basis, vector]).d[-1]:
        return reduce_basis([*basis, vector])
    aside: list[Vector] = []
    current = [*basis, vector]
    while True:
        work = _Reduction(current)
        work.run()
        *rest, last = work.vectors()
        if not last.any():
            return reduce_basis([*rest, *aside])
        aside.append(rest.pop())
        current = [*rest, last]


def row_basis(matrix: IntArray) -> IntArray | None:
    """Returns a reduced basis of the lattice of a matrix's rows, or None where none is found.

    A few independent rows come first; every row outside the lattice of those goes in after.

    Args:
        matrix: Integers [rows, columns] within the int32 range, not all 0.
    """
    rows = distinct_rows(matrix)
    rows = rows[np.argsort(np.abs(rows).sum(axis=1), kind="stable")]
    chosen, _ = pivots(rows, PRIMES[0])
    basis = as_int64(reduce_basis(list(rows[chosen].astype(object))))
    while basis is not None:
        coordinates = _coordinates(basis, rows)
        if coordinates is None:
            return None
        rows = rows[(integer_product(coordinates, basis) != rows).any(axis=1)]
        if not rows.size:
            return basis
        basis = as_int64(insert(list(basis.astype(object)), rows[0].astype(object)))
        rows = rows[1:]
    return None


def as_int64(vectors: list[Vector]) -> IntArray | None:
    """Returns vectors as rows of a matrix, or None where they are too long to be of use."""
    if any(np.abs(vector).max() > 2**31 for vector in vectors):
        return None
    return np.array(vectors, dtype=np.int64)


def solve(basis: IntArray, matrix: IntArray) -> IntArray | None:
    """Returns the integers F, all within 2**21, with F @ basis = matrix, or None.

    Solved modulo a prime of 22 bits, which determines such integers, and then verified.

    Args:
        basis: Linearly independent rows [rank, columns].
        matrix: Integers [rows, columns].
    """
    found = _coordinates(basis, matrix)
    if found is None or not np.array_equal(integer_product(found, basis), matrix):
        return None
    return found


def _coordinates(basis: IntArray, matrix: IntArray) -> IntArray | None:
    """Returns coordinates modulo a prime, the smallest in magnitude; nothing is verified."""
    for prime in PRIMES:
        _, columns = pivots(basis, prime)
        if len(columns) < len(basis):
            continue
        inverted = inverse(basis[:, columns], prime)
        found: IntArray = (matrix[:, columns] % prime) @ inverted % prime
        found[found > prime // 2] -= prime
        return found
    return None


def integer_product(left: IntArray, right: IntArray) -> IntArray:
    """Returns the matrix product, in Python's integers where int64 might overflow.

    Entries beyond 2**62 are clipped there: unequal to those of any table all the same.
    """
    bound = left.shape[1] * _largest(left) * _largest(right)
    if bound < 2**63:
        return np.asarray(left @ right, dtype=np.int64)
    exact = left.astype(object) @ right.astype(object)
    return np.asarray(np.clip(exact, -(2**62), 2**62), dtype=np.int64)


def _largest(matrix: IntArray) -> int:
    return max(int(matrix.max(initial=0)), -int(matrix.min(initial=0)))


class _Reduction:
    """The state of a reduction; vectors are kept as combinations of the ones given.

    All are linearly independent, but for the last, which may depend on the others.
    """

    def __init__(self, given: list[Vector]) -> None:
        size = len(given)
        self.given = np.array(given, dtype=object).reshape(size, -1)
        self.rows: list[list[int]] = [[int(i == j) for j in range(size)] for i in range(size)]
        self.d: list[int] = [1] + [0] * size
        self.lam: list[list[int]] = [[0] * size for _ in range(size)]
        products = (self.given @ self.given.T).tolist()
        for i in range(size):
            for j in range(i + 1):
                value = products[i][j]
                for k in range(j):
                    value = self.d[k + 1] * value - self.lam[i][k] * self.lam[j][k]
                    value //= self.d[k]
                if i == j:
                    self.d[i + 1] = value
                else:
                    self.lam[i][j] = value

    def vectors(self) -> list[Vector]:
        """Returns the vectors as they are now."""
        return list(np.array(self.rows, dtype=object).reshape(len(self.rows), -1) @ self.given)

    def run(self) -> None:
        """Reduces until all are in order, or the last does not depend on the one before it."""
        index = 1
        while index < len(self.rows):
            self._size_reduce(index, index - 1)
            if self._is_ordered(index):
                for other in range(index - 2, -1, -1):
                    self._size_reduce(index, other)
                index += 1
            else:
                self._swap(index)
                index = max(1, index - 1)

    def _size_reduce(self, i: int, j: int) -> None:
        """Takes from vector i the multiple of vector j that leaves |mu| at most 1/2."""
        divisor = self.d[j + 1]
        if 2 * abs(self.lam[i][j]) <= divisor:
            return
        quotient = (2 * self.lam[i][j] + divisor) // (2 * divisor)
        self.rows[i] = [a - quotient * b for a, b in zip(self.rows[i], self.rows[j], strict=True)]
        self.lam[i][j] -= quotient * divisor
        for k in range(j):
            self.lam[i][k] -= quotient * self.lam[j][k]

    def _is_ordered(self, i: int) -> bool:
        """Lovasz' condition between vectors i - 1 and i; a swap must leave no 0 before the end."""
        d, lam = self.d, self.lam[i][i - 1]
        if d[i + 1] == 0 and lam == 0:
            return True
        return 4 * (d[i + 1] * d[i - 1] + lam * lam) >= 3 * d[i] * d[i]

    def _swap(self, i: int) -> None:
        """Exchanges vectors i - 1 and i."""
        d, lam, rows = self.d, self.lam, self.rows
        rows[i - 1], rows[i] = rows[i], rows[i - 1]
        for k in range(i - 1):
            lam[i][k], lam[i - 1][k] = lam[i - 1][k], lam[i][k]
        step = lam[i][i - 1]
        new = (d[i - 1] * d[i + 1] + step * step) // d[i]
        for k in range(i + 1, len(rows)):
            value = lam[k][i]
            lam[k][i] = (d[i + 1] * lam[k][i - 1] - step * value) // d[i]
            lam[k][i - 1] = (new * value + step * lam[k][i]) // d[i + 1]
        d[i] = new
