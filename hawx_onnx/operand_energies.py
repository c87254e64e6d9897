"""What multiplications cost under layers' own operands, as assignments and models carry it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hawx_onnx.components.operand_traces import STAYS
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
        around: The same of what else an element switches with a product; empty where it is not
            known.
        stays: What elements keep while the other operands change: ``output``, ``weight`` or
            ``activation``.
    """

    technology: str
    layers: tuple[tuple[str, Pairs], ...]
    around: tuple[tuple[str, Pairs], ...] = ()
    stays: str = "output"

    def of_layer(self, layer: str) -> Pairs:
        """Returns the pairs of a layer; none for one that does not appear."""
        return next((pairs for name, pairs in self.layers if name == layer), ())

    def around_layer(self, layer: str) -> Pairs:
        """Returns the same of what else an element switches."""
        return next((pairs for name, pairs in self.around if name == layer), ())

    def only(self, wanted: Mapping[str, Iterable[str]]) -> OperandEnergies:
        """Returns the energies of some multipliers alone, sorted by name.

        Args:
            wanted: Layer -> names of multipliers.
        """

        def kept(rows: tuple[tuple[str, Pairs], ...]) -> tuple[tuple[str, Pairs], ...]:
            return tuple(
                (layer, tuple(sorted(pair for pair in pairs if pair[0] in set(names))))
                for layer, pairs in rows
                if (names := tuple(wanted.get(layer, ())))
            )

        return replace(self, layers=kept(self.layers), around=kept(self.around))

    def check(self, layers: Iterable[str]) -> None:
        """Raises ConfigError where the energies name a layer that is not known."""
        known = list(layers)
        for layer, _ in (*self.layers, *self.around):
            if layer not in known:
                raise ConfigError(
                    f"no candidate layer is named {layer!r}",
                    where="energies_fj of the assignment",
                    mend=f"{close_names(layer, known)}, {_REMOVE}",
                )

    def to_dict(self) -> dict[str, Any]:
        """Returns the keys of an ``assignment.json`` from ``technology`` to ``around_fj``."""
        result: dict[str, Any] = {"technology": self.technology, "stays": self.stays}
        result["energies_fj"] = {layer: dict(pairs) for layer, pairs in self.layers}
        if self.around:
            result["around_fj"] = {layer: dict(pairs) for layer, pairs in self.around}
        return result

    @classmethod
    def of_workloads(
        cls, technology: str, workloads: Sequence[LayerWorkload], stays: str = "output"
    ) -> OperandEnergies | None:
        """Returns the energies that workloads hold; None where they hold none.

        Args:
            technology: That of the energies.
            workloads: The layers.
            stays: What elements keep.
        """
        layers = tuple((work.name, work.energies_fj) for work in workloads if work.energies_fj)
        around = tuple((work.name, work.around_fj) for work in workloads if work.around_fj)
        return cls(technology, layers, around, stays) if layers else None

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
        technology, stays = document.get("technology"), document.get("stays", "output")
        if document.get("energies_fj") is None:
            return None
        _check_table(document, "energies_fj", where)
        if not isinstance(technology, str) or not technology:
            told = "`energies_fj` is there, but not the technology that the energies are of"
            raise ConfigError(told, where=where, mend=f"{_FORM}, {_REMOVE}")
        if stays not in STAYS:
            told = f"`stays` is {stays!r:.40}"
            mend = f"choose {', '.join(STAYS)}, or leave it out, which is output"
            raise ConfigError(told, where=where, mend=mend)
        layers, around = (_table(document, key, where) for key in ("energies_fj", "around_fj"))
        return cls(technology, layers, around, stays)


def _table(document: Mapping[str, Any], key: str, where: str) -> tuple[tuple[str, Pairs], ...]:
    """Reads layer -> multiplier -> energy; empty where the key is missing."""
    table = document.get(key)
    if table is None:
        return ()
    _check_table(document, key, where)
    return tuple(
        (
            str(layer),
            tuple((name, _energy(value, f"{where}: {layer}", name)) for name, value in row.items()),
        )
        for layer, row in table.items()
    )


def _check_table(document: Mapping[str, Any], key: str, where: str) -> None:
    """Raises ConfigError unless the key holds layer -> multiplier -> anything."""
    table = document[key]
    rows = table.values() if isinstance(table, Mapping) else (None,)
    if not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError(f"`{key}` is no table of energies", where=where, mend=_FORM)


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
