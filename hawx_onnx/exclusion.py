"""Layers that the user wants to stay exact, or in floating point."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names


def excluded(
    layers: Sequence[str], texts: Sequence[str], flag: str = "--exclude"
) -> frozenset[int]:
    """Indices of the layers that names or patterns name.

    Args:
        layers: Names of the candidates.
        texts: Of the flag; each may hold several, separated by commas.
        flag: Where the texts come from.

    Raises:
        ConfigError: One names no layer.
    """
    found: set[int] = set()
    for pattern in (part.strip() for text in texts for part in text.split(",")):
        if not pattern:
            continue
        # A name may hold characters that patterns use.
        rows = [i for i, name in enumerate(layers) if pattern == name]
        rows = rows or [i for i, name in enumerate(layers) if fnmatchcase(name, pattern)]
        if not rows:
            raise ConfigError(
                f"there is no layer {pattern!r} that could be approximated",
                where=flag,
                mend=close_names(pattern, list(layers)),
            )
        found.update(rows)
    return frozenset(found)
