"""Multipliers by their arithmetic; a library that ``library import`` wrote would do as well."""

from __future__ import annotations

import numpy as np

from hawx_onnx.components import ComponentCost, Encoding, Multiplier, operand_values


def multipliers() -> tuple[Multiplier, ...]:
    """Returns multipliers that keep 7, 6 and 5 bits of the activation, and the exact one.

    The exact one is needed beside figures of a technology of one's own: savings are against it.
    """
    return tuple(_dropping(bits) for bits in (0, 1, 2, 3))


def _dropping(bits: int) -> Multiplier:
    """A signed multiplier whose activation loses its lowest bits."""
    values = operand_values(Encoding.SIGNED)
    kept = (values >> bits) << bits
    return Multiplier(
        name=f"acme_drop{bits}" if bits else "acme_exact",
        encoding=Encoding.SIGNED,
        table=np.multiply.outer(kept, values),
        cost=_cost(bits),
        source="Acme's data sheet",
        description=f"drops {bits} bits of the activation" if bits else "exact",
    )


def _cost(bits: int) -> ComponentCost:
    """Figures of a flow of one's own, which compare with nothing else: here a full one's share."""
    share = 1 - bits / 8
    return ComponentCost(
        technology="acme28",
        area_um2=200.0 * share,
        delay_ns=0.8,
        energy_fj=90.0 * share,
        leakage_nw=40.0 * share,
        provenance="Acme's data sheet",
    )
