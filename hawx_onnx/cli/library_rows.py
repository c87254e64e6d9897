"""What ``hawx-onnx library`` tells of a multiplier."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hawx_onnx.components import Multiplier


def summary(multiplier: Multiplier) -> dict[str, Any]:
    """The figures of one multiplier, for JSON; of a library's they need no table."""
    cost = asdict(multiplier.cost) if multiplier.cost else None
    return {
        "name": multiplier.name,
        "encoding": multiplier.encoding.value,
        **asdict(multiplier.statistics),
        "rank": multiplier.rank,
        "exact": multiplier.is_exact,
        "cost": cost,
        "sha256": multiplier.content_hash,
    }


def library_details(multiplier: Multiplier) -> dict[str, Any]:
    """What a library holds beyond that: published figures, provenance."""
    from hawx_onnx.components import StoredMultiplier

    if not isinstance(multiplier, StoredMultiplier):
        return {}
    return {
        "figures": dict(multiplier.figures),
        "published": dict(multiplier.published),
        "provenance": {**asdict(multiplier.provenance), "verilog": multiplier.verilog is not None},
    }
