from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx.components import lattice as module
from hawx_onnx.components.lattice import insert, reduce_basis, row_basis, solve
from hawx_onnx.components.rank import rational_rank


def vectors(rows):
    return [np.array(row, dtype=object) for row in rows]


def determinant(rows):
    """Of inner products: the squared volume of the lattice's cell, exactly (Bareiss)."""
    gram = [[int(sum(a * b for a, b in zip(u, v, strict=True))) for v in rows] for u in rows]
    previous = 1
    for k in range(len(gram) - 1):
        for i in range(k + 1, len(gram)):
            for j in range(k + 1, len(gram)):
                value = gram[i][j] * gram[k][k] - gram[i][k] * gram[k][j]
                gram[i][j] = value // previous
        previous = gram[k][k]
    return gram[-1][-1]


@st.composite
def independent(draw):
    size = draw(st.integers(1, 5))
    entries = st.integers(-(10**6), 10**6)
    row = st.lists(entries, min_size=size + 2, max_size=size + 2)
    matrix = np.array(draw(st.lists(row, min_size=size, max_size=size)), dtype=np.int64)
    while rational_rank(matrix) < size:
        matrix[:, :size] += np.eye(size, dtype=np.int64)
    return matrix


def test_a_textbook_basis():
    reduced = reduce_basis(vectors([[1, 1, 1], [-1, 0, 2], [3, 5, 6]]))
    assert sorted(int(v @ v) for v in reduced) == [1, 2, 5]
    assert determinant(reduced) == 9


@settings(max_examples=60, deadline=None)
@given(independent())
def test_reduction_keeps_the_lattice(matrix):
    reduced = reduce_basis(vectors(matrix))
    assert determinant(reduced) == determinant(vectors(matrix))
    as_int = np.array(reduced).astype(np.int64)
    # Integer coordinates and the same volume: the same lattice.
    transform = np.linalg.lstsq(as_int.T.astype(float), matrix.T.astype(float), rcond=None)[0]
    assert np.abs(transform - np.round(transform)).max() < 1e-2
    # An LLL-reduced basis starts with a vector within 2**((n-1)/4) det**(1/n) of the lattice.
    size = len(reduced)
    bound = 2 ** ((size - 1) / 4) * float(determinant(reduced)) ** (1 / (2 * size))
    assert float(reduced[0] @ reduced[0]) ** 0.5 <= bound * 1.001


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 4), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_basis_of_dependent_rows(rank, more, amplitude, seed):
    rng = np.random.default_rng(seed)
    left = rng.integers(-amplitude, amplitude + 1, (rank + more, rank))
    matrix = left @ rng.integers(-amplitude, amplitude + 1, (rank, rank + 3))
    if not matrix.any():
        return
    basis = row_basis(matrix)
    assert basis is not None
    assert len(basis) == rational_rank(matrix)
    coordinates = solve(basis, matrix)
    if coordinates is None:  # beyond 21 bits
        return
    assert np.array_equal(coordinates @ basis, matrix)
    # The rows' coordinates span all integer vectors: their basis is unimodular.
    assert abs(determinant(vectors(row_basis(coordinates)))) == 1


def test_inserting_what_depends_on_the_first_vectors_only():
    basis = vectors([[4, 0, 0], [0, 6, 0], [0, 0, 5]])
    reduced = insert(basis, np.array([2, 3, 0], dtype=object))
    assert determinant(reduced) == (4 * 6 * 5 // 2) ** 2
    reduced = insert(basis, np.array([6, 0, 0], dtype=object))
    assert determinant(reduced) == (2 * 6 * 5) ** 2
    assert determinant(insert(basis, np.array([8, 6, -5], dtype=object))) == (4 * 6 * 5) ** 2


def test_primes_that_divide_a_minor_do_not_lower_the_rank(monkeypatch):
    # Modulo 5 the matrix has rank 1: the other rows come in as new dimensions.
    monkeypatch.setattr(module, "PRIMES", (5, 4194301))
    matrix = np.array([[1, 2, 3], [1, 7, 3], [1, 2, 8]])
    basis = row_basis(matrix)
    assert len(basis) == 3
    assert determinant(vectors(basis)) == 25**2
    assert np.array_equal(solve(basis, matrix) @ basis, matrix)


def test_no_integer_coordinates():
    basis = np.array([[2, 0, 0], [0, 1, 0]])
    assert solve(basis, np.array([[1, 0, 0]])) is None
    assert solve(basis, np.array([[0, 0, 1]])) is None
    assert np.array_equal(solve(basis, np.array([[-4, 7, 0]])), [[-2, 7]])
