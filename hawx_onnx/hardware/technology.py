"""Component figures of one technology: multipliers, and the adders and registers around them.

Figures of two technologies, or of two ways to characterise a circuit, never share a budget:
everything that one cost adds up comes from one technology. Predicted figures, which are had only
where they are asked for, count as those of the technology that they predict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hawx_onnx.errors import ConfigError
from hawx_onnx.technology_names import budget_technology

OPERAND_BITS = 8
"""Bits of a multiplier's operands: every truth table is 256 x 256."""

PERIPHERY_MODES = ("auto", "required", "none")


class PeripheryFigures(Protocol):
    """Adders, registers and gates of a technology, as ``hawx_onnx.components`` has them."""

    @property
    def technology(self) -> str:
        """The technology."""

    def adder(self, bits: int) -> ComponentFigures:
        """Returns the figures of an adder of so many bits."""

    def accumulator(self, bits: int) -> ComponentFigures:
        """Returns the figures of an adder of so many bits that sums products up."""

    def register(self, bits: int, activity: float = 0.5) -> ComponentFigures | None:
        """Returns the figures of a register, of whose bits a share changes; None without any."""

    def gate(self, bits: int) -> ComponentFigures | None:
        """Returns the figures of a word that passes or is held at 0, or None."""

    def multiplexer(self, bits: int) -> ComponentFigures | None:
        """Returns the figures of a choice of two words, or None."""

    def __hash__(self) -> int:
        """Plans are kept by it."""


class BitFigures(Protocol):
    """What a multiplier uses of its operands and product, as ``components`` finds it."""

    @property
    def activation(self) -> int:
        """Bits of the activation on which the product depends."""

    @property
    def weight(self) -> int:
        """The same of the weight."""

    @property
    def product(self) -> int:
        """Bits of the product that are not always 0."""

    @property
    def low_zeros(self) -> int:
        """Lowest bits of the product that are always 0."""


class ComponentFigures(Protocol):
    """The figures of one component, as ``hawx_onnx.components.ComponentCost`` has them."""

    @property
    def technology(self) -> str:
        """The technology and the flow that the figures come from."""

    @property
    def area_um2(self) -> float:
        """Cell area in square micrometres."""

    @property
    def delay_ns(self) -> float:
        """Longest path in nanoseconds."""

    @property
    def energy_fj(self) -> float:
        """Dynamic energy per operation in femtojoules."""

    @property
    def leakage_nw(self) -> float:
        """Static power in nanowatts."""

    @property
    def periphery(self) -> PeripheryFigures | None:
        """Adders and registers of the same technology, where the component brings them."""

    @property
    def bits(self) -> BitFigures | None:
        """What it uses of its operands and product; None: all."""


class CostedMultiplier(Protocol):
    """The two attributes of ``hawx_onnx.components.Multiplier`` that hardware models read."""

    @property
    def name(self) -> str:
        """The multiplier's name."""

    @property
    def cost(self) -> ComponentFigures | None:
        """Its figures, or None where it was never characterised."""


@dataclass(frozen=True)
class Periphery:
    """Adders and registers that serve multipliers.

    Args:
        area_um2: Area in square micrometres.
        energy_fj: Dynamic energy per active cycle in femtojoules.
        leakage_nw: Static power in nanowatts.
    """

    area_um2: float = 0.0
    energy_fj: float = 0.0
    leakage_nw: float = 0.0

    def __add__(self, other: Periphery) -> Periphery:
        return Periphery(
            self.area_um2 + other.area_um2,
            self.energy_fj + other.energy_fj,
            self.leakage_nw + other.leakage_nw,
        )

    def times(self, count: int) -> Periphery:
        """Returns the figures of so many of it."""
        return Periphery(self.area_um2 * count, self.energy_fj * count, self.leakage_nw * count)


def figures_of(multipliers: Iterable[CostedMultiplier]) -> dict[str, ComponentFigures]:
    """Returns name -> figures in order of first appearance.

    Args:
        multipliers: The multipliers that one budget compares.

    Raises:
        ConfigError: If one has no figures, if their technologies differ, or if one name stands
            for different figures.
    """
    known: dict[str, ComponentFigures | None] = {}
    for multiplier in multipliers:
        if known.setdefault(multiplier.name, multiplier.cost) != multiplier.cost:
            raise ConfigError(
                f"two multipliers named {multiplier.name} have different figures",
                where="hardware cost",
                mend="rename one of them, or load only one of the two libraries",
            )
    figures = {name: cost for name, cost in known.items() if cost is not None}
    if len(figures) < len(known):
        raise ConfigError(
            f"no cost figures for {_listed(name for name in known if name not in figures)}",
            where="hardware cost",
            mend="leave these multipliers out, characterise all candidates by one flow "
            "(`hawx-onnx library characterize`), or take a guess: --predict-costs",
        )
    _require_one_technology(figures)
    return figures


def _require_one_technology(figures: Mapping[str, ComponentFigures]) -> None:
    """Refuses figures of several technologies, naming who has which."""
    members: dict[str, list[str]] = {}
    for name, cost in figures.items():
        members.setdefault(budget_technology(cost.technology), []).append(name)
    if len(members) > 1:
        told = "; ".join(f"{technology}: {_listed(names)}" for technology, names in members.items())
        raise ConfigError(
            f"figures of different technologies cannot share a budget ({told})",
            where="hardware cost",
            mend="keep the candidates (the exact multiplier too) of one technology, or "
            "characterise them all by one flow: `hawx-onnx library characterize`",
        )


def _listed(names: Iterable[str], limit: int = 6) -> str:
    """Returns the first names, and how many more there are."""
    given = list(names)
    more = len(given) - limit
    return ", ".join(given[:limit]) + (f" and {more} more" if more > 0 else "")


def clock_notes(frequency_mhz: float, figures: Mapping[str, ComponentFigures]) -> tuple[str, ...]:
    """Returns a note for multipliers whose longest path exceeds the clock period.

    Args:
        frequency_mhz: Clock in megahertz.
        figures: The multipliers in use.
    """
    period_ns = 1e3 / frequency_mhz
    slow = [name for name, cost in figures.items() if cost.delay_ns > period_ns]
    if not slow:
        return ()
    return (
        f"slower than the clock period of {period_ns:g} ns, taken as pipelined: {', '.join(slow)}",
    )


def periphery_of(figures: Mapping[str, ComponentFigures]) -> PeripheryFigures | None:
    """Returns adders and registers of the multipliers' technology, or None where there are none.

    Args:
        figures: Multipliers of one technology, one at least. What they bring comes first, then
            what the package brings along.
    """
    from hawx_onnx.components.synthesis import shipped

    for cost in figures.values():
        if cost.periphery is not None and cost.periphery.technology == cost.technology:
            return cost.periphery
    technology = budget_technology(next(iter(figures.values())).technology)
    return shipped.technology_costs(technology)


class PeripheryLibrary:
    """Adders and registers of one technology, as far as a target counts them.

    Args:
        technology: The multipliers' technology.
        known: Its adders and registers, or None.
        mode: ``auto`` counts them where the technology has them, ``required`` refuses a
            technology that has none, ``none`` counts multipliers alone.
        target: The target's name, for messages.

    Raises:
        ConfigError: If ``required`` finds none.
    """

    def __init__(
        self, technology: str, known: PeripheryFigures | None, mode: str, target: str
    ) -> None:
        self.notes: tuple[str, ...] = ()
        whole = known is not None and known.register(1) is not None
        self._known = known if whole and mode != "none" else None
        if mode == "required" and self._known is None:
            raise ConfigError(
                f"technology {technology} has no adders and registers",
                where=f"target {target}: key periphery",
                mend="set periphery to auto to cost the multipliers alone, or characterise the "
                "library with cells that have a flip-flop: `hawx-onnx library characterize`",
            )
        if self._known is None:
            reason = "periphery is none" if mode == "none" else f"technology {technology} has none"
            self.notes = (f"adders and registers are not counted: {reason}",)

    def adder(self, bits: int) -> Periphery:
        """Returns an adder of so many bits."""
        return _as_periphery(None if self._known is None else self._known.adder(bits))

    def accumulator(self, bits: int) -> Periphery:
        """Returns an adder of so many bits that sums products up."""
        return _as_periphery(None if self._known is None else self._known.accumulator(bits))

    def register(self, bits: int, activity: float = 0.5) -> Periphery:
        """Returns a register of so many bits; its energy is that of one captured word.

        Args:
            bits: Its width.
            activity: The share of the bits that the word changes.
        """
        return _as_periphery(None if self._known is None else self._known.register(bits, activity))

    def gate(self, bits: int) -> Periphery:
        """Returns gates that pass a word of so many bits or hold it at 0."""
        return _as_periphery(None if self._known is None else self._known.gate(bits))

    def multiplexer(self, bits: int) -> Periphery:
        """Returns multiplexers that choose one of two words of so many bits."""
        return _as_periphery(None if self._known is None else self._known.multiplexer(bits))

    def adder_tree(self, inputs: int, bits: int) -> Periphery:
        """Returns a binary tree that sums so many inputs, each level one bit wider than the last.

        Args:
            inputs: Number of summands.
            bits: Width of a summand.
        """
        total = Periphery()
        for level in range(1, (inputs - 1).bit_length() + 1):
            total += self.adder(bits + level).times(inputs // 2)
            inputs -= inputs // 2
        return total


def _as_periphery(cost: ComponentFigures | None) -> Periphery:
    if cost is None:
        return Periphery()
    return Periphery(cost.area_um2, cost.energy_fj, cost.leakage_nw)
