"""Names of technologies, as figures of hardware carry them."""

from __future__ import annotations

_PREDICTED = "-predicted"


def predicted_technology(technology: str) -> str:
    """Returns the name that predictions of a technology's figures go by."""
    return technology + _PREDICTED


def is_predicted(technology: str) -> bool:
    """Whether figures of this name are predictions."""
    return technology.endswith(_PREDICTED)


def budget_technology(technology: str) -> str:
    """Returns the technology whose figures these may be added to.

    Predictions stand in for figures of the technology that they predict; any other figures share a
    budget with their own kind alone.
    """
    return technology.removesuffix(_PREDICTED)
