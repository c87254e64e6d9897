"""What multiplications cost under layers' own operands, as assignments and models carry it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.names import close_names

Pairs = tuple[tuple[str, float], ...]

_FORM = 'expected {"technology": name, "energies_fj": {layer: {multiplier: femtojoules}}}'
_REMOVE = "or remove `energies_fj`, which leaves the figures of uniform operands"


@dataclass(frozen=True)
class OperandEnergies:
    """Energy of one multiplication, by layer and multiplier, under the layer's own operands.

    Attributes:
        technology: The technology of the multipliers' figures, whose energies these are.
        layers: Layers in the order of the graph, each with pairs of multiplier and energy in
            femtojoules.
    """

    technology: str
    layers: tuple[tuple[str, Pairs], ...]

    def of_layer(self, layer: str) -> Pairs:
        """Returns the pairs of a layer; none for one that does not appear."""
        return next((pairs for name, pairs in self.layers if name == layer), ())

    def only(self, wanted: Mapping[str, Iterable[str]]) -> OperandEnergies:
        """Returns the energies of some multipliers alone, sorted by name.

        Args:
            wanted: Layer -> names of multipliers.
        """
        kept = ((layer, set(wanted.get(layer, ())), pairs) for layer, pairs in self.layers)
        return OperandEnergies(
            self.technology,
            tuple(
                (layer, tuple(sorted(pair for pair in pairs if pair[0] in names)))
                for layer, names, pairs in kept
                if names
            ),
        )

    def check(self, layers: Iterable[str]) -> None:
        """Raises ConfigError where the energies name a layer that is not known."""
        known = list(layers)
        for layer, _ in self.layers:
            if layer not in known:
                raise ConfigError(
                    f"no candidate layer is named {layer!r}",
                    where="energies_fj of the assignment",
                    mend=f"{close_names(layer, known)}, {_REMOVE}",
                )

    def to_dict(self) -> dict[str, Any]:
        """Returns the keys ``technology`` and ``energies_fj`` of an ``assignment.json``."""
        return {
            "technology": self.technology,
            "energies_fj": {layer: dict(pairs) for layer, pairs in self.layers},
        }

    @classmethod
    def of_workloads(
        cls, technology: str, workloads: Iterable[LayerWorkload]
    ) -> OperandEnergies | None:
        """Returns the energies that workloads hold; None where they hold none."""
        layers = tuple((work.name, work.energies_fj) for work in workloads if work.energies_fj)
        return cls(technology, layers) if layers else None

    @classmethod
    def read(cls, document: Mapping[str, Any], where: str) -> OperandEnergies | None:
        """Reads the keys that :meth:`to_dict` writes.

        Args:
            document: An object of JSON; other keys do not matter.
            where: The file, for messages.

        Returns:
            The energies; None where the document holds none.

        Raises:
            ConfigError: They are of another form, or one is no energy.
        """
        energies, technology = document.get("energies_fj"), document.get("technology")
        if energies is None:
            return None
        rows = energies.values() if isinstance(energies, Mapping) else (None,)
        if not all(isinstance(row, Mapping) for row in rows):
            raise ConfigError("`energies_fj` is no table of energies", where=where, mend=_FORM)
        if not isinstance(technology, str) or not technology:
            told = "`energies_fj` is there, but not the technology that the energies are of"
            raise ConfigError(told, where=where, mend=f"{_FORM}, {_REMOVE}")
        layers = []
        for layer, row in energies.items():
            pairs = (
                (name, _energy(value, f"{where}: {layer}", name)) for name, value in row.items()
            )
            layers.append((str(layer), tuple(pairs)))
        return cls(technology, tuple(layers))


def _energy(value: object, where: str, name: str) -> float:
    """Returns an energy that is a number, finite and not negative."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        try:
            return float(value)
        except OverflowError:
            pass
    raise ConfigError(
        f"the energy of {name} is {value!r:.40}",
        where=where,
        mend=f"give femtojoules, a number of at least 0, {_REMOVE}",
    )
