"""Sweeps over the parameters of a family."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

SIZES = {
    "BUF": 0.0,
    "NOT": 0.67,
    "AND": 1.33,
    "NAND": 1.0,
    "OR": 1.33,
    "NOR": 1.0,
    "XOR": 2.0,
    "XNOR": 2.0,
    "ANDNOT": 1.33,
    "ORNOT": 1.33,
    "MUX": 2.33,
}
"""Sizes of the primitive gates in those of a NAND, as cell areas usually relate."""


@dataclass(frozen=True, eq=False)
class Design:
    """A multiplier with its circuit.

    Attributes:
        multiplier: Table, encoding, source.
        network: The circuit, which gives the table: inputs A and B, output O.
    """

    multiplier: Multiplier
    network: GateNetwork

    @functools.cached_property
    def size(self) -> float:
        """Gate equivalents of the circuit as it is built, before any synthesis."""
        return sum(SIZES[gate.kind] for gate in self.network.gates)


@dataclass(frozen=True)
class Parameter:
    """A whole number that a family is swept over.

    Attributes:
        name: As in ``--range``.
        low: Least value that makes sense.
        high: Greatest one.
        meaning: What it counts.
    """

    name: str
    low: int
    high: int
    meaning: str


@dataclass(frozen=True)
class Sweep:
    """A parametric family.

    Attributes:
        name: As in ``--family``.
        parameters: What it is swept over; none for a single design.
        make: Returns the designs, under all their encodings, for values of the parameters.
    """

    name: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Iterable[Design]]

    def values(self, ranges: Mapping[str, tuple[int, int]]) -> Iterator[dict[str, int]]:
        """Yields all combinations of parameter values.

        Args:
            ranges: First and last value by parameter; the others run over all that makes sense.

        Raises:
            ConfigError: There is no parameter of a name, or a range leaves its limits.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, (low, high) in ranges.items():
            if name not in known:
                raise ConfigError(
                    f"{self.name} has no parameter {name!r}",
                    where="--range",
                    mend=close_names(name, known) if known else "leave --range out",
                )
            limits = known[name]
            if not limits.low <= low <= high <= limits.high:
                raise ConfigError(
                    f"{name}={low}:{high} is no range of {self.name}",
                    where="--range",
                    mend=f"{limits.meaning}: {limits.low} to {limits.high}, the lower one first",
                )
        spans = [ranges.get(name, (one.low, one.high)) for name, one in known.items()]
        for point in itertools.product(*(range(low, high + 1) for low, high in spans)):
            yield dict(zip(known, point, strict=True))


def generate(
    sweep: Sweep,
    ranges: Mapping[str, tuple[int, int]],
    encodings: Collection[Encoding] = tuple(Encoding),
) -> Iterator[Design]:
    """Yields the designs of a family, in the order of its parameters.

    Args:
        sweep: The family.
        ranges: As in :meth:`Sweep.values`.
        encodings: Only these.

    Raises:
        ConfigError: A range does not fit, or the family has none of the encodings.
    """
    found = False
    for values in sweep.values(ranges):
        for design in sweep.make(**values):
            if design.multiplier.encoding in encodings:
                found = True
                yield design
    if not found:
        raise ConfigError(
            f"{sweep.name} has no {' or '.join(one.value for one in encodings)} multipliers",
            mend="leave --encoding out to see which it has",
        )


def distinct(designs: Iterable[Design]) -> tuple[Design, ...]:
    """Returns the designs, of equal ones the smallest.

    Equal are two with the same encoding and table. Exact products count as well: the smallest of
    the exact designs stays.
    """
    best: dict[tuple[Encoding, str], Design] = {}
    for design in designs:
        key = design.multiplier.encoding, design.multiplier.content_hash
        if key not in best or design.size < best[key].size:
            best[key] = design
    return tuple(best.values())


def pareto_designs(designs: Iterable[Design]) -> tuple[Design, ...]:
    """Returns the designs that no other one of their encoding beats in size and MAE at once.

    Returns:
        By encoding, then by rising size, and so by falling error.
    """
    front: list[Design] = []
    ordered = sorted(designs, key=lambda each: (each.size, each.multiplier.statistics.mae))
    for encoding in Encoding:
        least = float("inf")
        for design in ordered:
            error = design.multiplier.statistics.mae
            if design.multiplier.encoding is encoding and error < least:
                front.append(design)
                least = error
    return tuple(front)
