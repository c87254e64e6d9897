"""What a technology offers besides candidates: adders, registers, gates, exact multipliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.tables import Encoding

Row = tuple[float, float, float, float]
"""Area in um2, delay in ns, energy of one operation in fJ, leakage in nW."""


BITS = ("register_bit", "gate_bit", "multiplexer_bit")
"""Fields of :class:`TechnologyCosts` that tell of one bit of a word."""


@dataclass(frozen=True, eq=False)
class TechnologyCosts:
    """Components of one technology that every budget in it needs.

    Attributes:
        technology: Its name, as costs have it.
        provenance: Where the figures come from.
        adders: Ripple-carry adders of 1 bit upwards, two at least.
        register_bit: One bit of a register; None where the cells have no flip-flop.
        exact: Costs of the exact multipliers, of ``signed`` and ``unsigned``.
        accumulate_fj: Energies of these adders where they sum products up; those of random words
            if left out.
        register_clock_fj: Energy of a register bit whose value stays; one that is captured counts
            as if half of the bits changed where it is left out.
        gate_bit: A bit of a word that passes or is held at 0; None where it is not known.
        multiplexer_bit: A bit of a choice of two words; None where it is not known.
    """

    technology: str
    provenance: str
    adders: tuple[Row, ...]
    register_bit: Row | None
    exact: Mapping[Encoding, ComponentCost]
    accumulate_fj: tuple[float, ...] = ()
    register_clock_fj: float | None = None
    gate_bit: Row | None = None
    multiplexer_bit: Row | None = None

    @property
    def bits(self) -> dict[str, Row | None]:
        """What is known of single bits, by the names of the fields."""
        return {name: getattr(self, name) for name in BITS}

    def adder(self, bits: int) -> ComponentCost:
        """Returns what a ripple-carry adder costs.

        Each bit beyond the widest adder known costs what the last one does.
        """
        columns = zip(*self.adders, strict=True)
        area, delay, energy, leakage = (_of_width(column, bits) for column in columns)
        return self._cost((area, delay, energy, leakage))

    def accumulator(self, bits: int) -> ComponentCost:
        """Returns what such an adder costs that sums products up."""
        known = self.adder(bits)
        if not self.accumulate_fj:
            return known
        return replace(known, energy_fj=_of_width(self.accumulate_fj, bits))

    def register(self, bits: int, activity: float = 0.5) -> ComponentCost | None:
        """Returns what a register costs, its energy that of one captured word; or None.

        Args:
            bits: Its width.
            activity: The share of its bits that the word changes.
        """
        known = self._word(self.register_bit, bits)
        if known is None or self.register_clock_fj is None:
            return known
        clock = self.register_clock_fj * bits
        energy = clock + (known.energy_fj - clock) * 2 * activity
        return replace(known, energy_fj=energy)

    def gate(self, bits: int) -> ComponentCost | None:
        """Returns what a word costs that passes or is held at 0; or None."""
        return self._word(self.gate_bit, bits)

    def multiplexer(self, bits: int) -> ComponentCost | None:
        """Returns what a choice of two words costs; or None."""
        return self._word(self.multiplexer_bit, bits)

    def exact_multiplier(self, encoding: Encoding) -> ComponentCost | None:
        """Returns what the exact multiplier of an encoding costs, or None where it is not known."""
        cost = self.exact.get(encoding)
        return None if cost is None else replace(cost, periphery=self)

    def _word(self, bit: Row | None, bits: int) -> ComponentCost | None:
        if bit is None:
            return None
        area, delay, energy, leakage = bit
        return self._cost((area * bits, delay, energy * bits, leakage * bits))

    def _cost(self, row: Row) -> ComponentCost:
        area, delay, energy, leakage = row
        return ComponentCost(self.technology, area, delay, energy, leakage, self.provenance)


def _of_width(column: Sequence[float], bits: int) -> float:
    """Returns the figure of a width; each further bit adds what the last one known does."""
    beyond = max(bits - len(column), 0)
    return column[min(bits, len(column)) - 1] + beyond * (column[-1] - column[-2])


def row_of(cost: ComponentCost) -> Row:
    """Returns the figures of a cost as a row."""
    return cost.area_um2, cost.delay_ns, cost.energy_fj, cost.leakage_nw
