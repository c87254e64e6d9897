"""What a technology offers besides candidates: adders, registers and exact multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.tables import Encoding

Row = tuple[float, float, float, float]
"""Area in um2, delay in ns, energy of one operation in fJ, leakage in nW."""


@dataclass(frozen=True, eq=False)
class TechnologyCosts:
    """Components of one technology that every budget in it needs.

    Attributes:
        technology: Its name, as costs have it.
        provenance: Where the figures come from.
        adders: Ripple-carry adders of 1 bit upwards, two at least.
        register_bit: One bit of a register; None where the cells have no flip-flop.
        exact: Costs of the exact multipliers, of ``signed`` and ``unsigned``.
    """

    technology: str
    provenance: str
    adders: tuple[Row, ...]
    register_bit: Row | None
    exact: Mapping[Encoding, ComponentCost]

    def adder(self, bits: int) -> ComponentCost:
        """Returns what a ripple-carry adder costs.

        Each bit beyond the widest adder known costs what the last one does.
        """
        beyond = max(bits - len(self.adders), 0)
        last, before = self.adders[-1], self.adders[-2]
        nearest = self.adders[min(bits, len(self.adders)) - 1]
        area, delay, energy, leakage = (
            x + beyond * (y - z) for x, y, z in zip(nearest, last, before, strict=True)
        )
        return self._cost((area, delay, energy, leakage))

    def register(self, bits: int) -> ComponentCost | None:
        """Returns what a register costs, its energy that of one captured word; or None."""
        if self.register_bit is None:
            return None
        area, delay, energy, leakage = self.register_bit
        return self._cost((area * bits, delay, energy * bits, leakage * bits))

    def exact_multiplier(self, encoding: Encoding) -> ComponentCost | None:
        """Returns what the exact multiplier of an encoding costs, or None where it is not known."""
        cost = self.exact.get(encoding)
        return None if cost is None else replace(cost, periphery=self)

    def _cost(self, row: Row) -> ComponentCost:
        area, delay, energy, leakage = row
        return ComponentCost(self.technology, area, delay, energy, leakage, self.provenance)


def row_of(cost: ComponentCost) -> Row:
    """Returns the figures of a cost as a row."""
    return cost.area_um2, cost.delay_ns, cost.energy_fj, cost.leakage_nw
