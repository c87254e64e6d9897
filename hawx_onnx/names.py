"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def close_names(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Returns ``"did you mean a, b?"`` for the nearest known names, or a list of them.

    Args:
        name: The name that was not found.
        known: Names that exist.
        limit: How many to offer at most.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    if near:
        return f"did you mean {', '.join(near)}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known names: {shown}" if names else "none are known"
