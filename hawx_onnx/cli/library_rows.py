"""What ``hawx-onnx library`` tells of a multiplier."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hawx_onnx.components import Multiplier


def summary(multiplier: Multiplier) -> dict[str, Any]:
    """The figures of one multiplier, for JSON; of a library's they need no table."""
    cost = multiplier.cost.document() if multiplier.cost else None
    return {
        "name": multiplier.name,
        "encoding": multiplier.encoding.value,
        **asdict(multiplier.statistics),
        "rank": _rank(multiplier),
        "exact": multiplier.is_exact,
        "cost": cost,
        "sha256": multiplier.content_hash,
    }


def _rank(multiplier: Multiplier) -> int:
    """The exact rank; it takes milliseconds to find, too many for a list of all built-in ones."""
    from hawx_onnx.components import StoredMultiplier
    from hawx_onnx.components.cache import cached, key_of

    if isinstance(multiplier, StoredMultiplier):
        return multiplier.rank
    key = key_of(multiplier.content_hash)
    rank = cached("rank", key, lambda: {"rank": multiplier.rank}).get("rank")
    return rank if isinstance(rank, int) else multiplier.rank


def library_details(multiplier: Multiplier) -> dict[str, Any]:
    """What a library holds beyond that: further figures, published ones, provenance."""
    from hawx_onnx.components import StoredMultiplier
    from hawx_onnx.components.rtl import circuit
    from hawx_onnx.components.synthesis import shipped

    if not isinstance(multiplier, StoredMultiplier):
        built_in = circuit(multiplier) is not None
        return {"figures": shipped.figures(multiplier.name)} if built_in else {}
    return {
        "figures": dict(multiplier.figures),
        "published": dict(multiplier.published),
        "provenance": {**asdict(multiplier.provenance), "verilog": multiplier.verilog is not None},
    }
