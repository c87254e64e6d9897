"""Sums of floating-point products in one order, however many cores there are.

A library of linear algebra cuts its sums among threads, as many as the machine has cores, and the
last digits follow the cuts. One thread makes them the same everywhere; what takes long runs in
onnxruntime, whose threads are told by ``--jobs`` and cut no sums.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_order() -> Iterator[None]:
    """Limits linear algebra to one thread within; also a decorator."""
    import numpy as np  # loads the library that is limited
    from threadpoolctl import threadpool_limits

    assert np.linalg
    with threadpool_limits(limits=1, user_api="blas"):
        yield
