"""Products of numpy that come out the same on every machine of a kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keeps the BLAS library of numpy to one thread.

    How it rounds depends on the number of its threads, which is that of the machine's cores: on
    workers, scores would not be those of a run here, nor those of a machine of fewer cores. Also a
    decorator.
    """
    import numpy  # noqa: F401 - loads the library that is looked for

    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:  # noqa: ANN401 - threadpoolctl brings no types
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
