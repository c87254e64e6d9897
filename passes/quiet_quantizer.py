"""onnxruntime's quantiser without what it tells beside its result."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_quantizer() -> Iterator[None]:
    """Keeps the quantiser from logging and printing while it runs."""
    quiet = logging.getLogger()
    level = quiet.level
    try:
        # It advises a preprocessing step that Canonicalize has done already.
        quiet.setLevel(logging.ERROR)
        # It tells of histograms on standard output, where commands print JSON.
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        quiet.setLevel(level)
