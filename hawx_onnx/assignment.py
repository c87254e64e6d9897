"""The assignment: which multiplier each layer, or each of its output channels, uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hawx_onnx.compensation import Compensation
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names
from hawx_onnx.operand_energies import OperandEnergies

Choice = str | tuple[str, ...]

_FORM = 'expected {"assignment": {layer: multiplier or [one per channel]}}'


@dataclass(frozen=True)
class Assignment(Mapping[str, Choice]):
    """Layer -> name of one multiplier, or one name per output channel.

    Layers that do not appear are exact. Immutable and hashable; the order of the layers is kept.

    Attributes:
        items_: The pairs, in the order of the graph.
        energies: What multiplications cost under the layers' own operands, where that is known;
            no part of what makes two assignments equal.
        compensation: What stands in place of the layers' own constants; no part of it either.
    """

    items_: tuple[tuple[str, Choice], ...]
    energies: OperandEnergies | None = field(default=None, compare=False)
    compensation: Compensation | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        choices: Mapping[str, str | Sequence[str]],
        energies: OperandEnergies | None = None,
        compensation: Compensation | None = None,
    ) -> Assignment:
        """Makes an assignment of a plain mapping."""
        return cls(
            tuple(
                (layer, choice if isinstance(choice, str) else tuple(choice))
                for layer, choice in choices.items()
            ),
            energies,
            compensation,
        )

    def __getitem__(self, layer: str) -> Choice:
        for name, choice in self.items_:
            if name == layer:
                return choice
        raise KeyError(layer)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.items_)

    def __len__(self) -> int:
        return len(self.items_)

    def multipliers(self) -> tuple[str, ...]:
        """Names in use, each once, in order of first use."""
        names: dict[str, None] = {}
        for _, choice in self.items_:
            names.update(dict.fromkeys((choice,) if isinstance(choice, str) else choice))
        return tuple(names)

    def per_channel(self, layer: str, channels: int, exact: str) -> tuple[str, ...]:
        """One multiplier name per output channel of a layer.

        Args:
            layer: Name of the layer; a layer that does not appear is exact.
            channels: Its number of output channels.
            exact: Name of the exact multiplier.

        Raises:
            ConfigError: The assignment lists another number of channels.
        """
        choice = self.get(layer, exact)
        if isinstance(choice, str):
            return (choice,) * channels
        if len(choice) != channels:
            raise ConfigError(
                f"{len(choice)} multipliers given, the layer has {channels} output channels",
                where=f"assignment of {layer}",
                mend="give one name for the whole layer or one per output channel",
            )
        return choice

    def to_dict(self) -> dict[str, str | list[str]]:
        """A plain mapping for JSON."""
        return {
            layer: choice if isinstance(choice, str) else list(choice)
            for layer, choice in self.items_
        }

    def document(self) -> dict[str, Any]:
        """The content of ``assignment.json``: the mapping, energies and compensation if any."""
        result: dict[str, Any] = {"assignment": self.to_dict()}
        if self.energies is not None:
            result.update(self.energies.to_dict())
        if self.compensation is not None:
            result["compensation"] = self.compensation.to_dict()
        return result

    @classmethod
    def load(cls, path: str | Path) -> Assignment:
        """Reads ``assignment.json``: either the plain mapping or an object with ``assignment``.

        Energies of multiplications and compensation are read from beside ``assignment``.

        Raises:
            ConfigError: The file is missing, no JSON, or of another form, or holds what is no
                energy or no compensation.
        """
        where = str(path)
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}",
                where=where,
                mend="name the assignment.json that `hawx-onnx optimize` wrote",
            ) from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"is no JSON: {error}", where=where, mend=_FORM) from error
        return cls.of_document(document, where)

    @classmethod
    def of_document(cls, document: object, where: str) -> Assignment:
        """Makes an assignment of the content of ``assignment.json``.

        Args:
            document: The plain mapping or an object with ``assignment``.
            where: Its file, for messages.

        Raises:
            ConfigError: It is of another form, or holds what is no energy or no compensation.
        """
        energies = compensation = None
        if isinstance(document, dict) and isinstance(document.get("assignment"), dict):
            energies = OperandEnergies.read(document, where)
            compensation = Compensation.read(document, where)
            document = document["assignment"]
        if not isinstance(document, dict) or not all(map(_is_choice, document.values())):
            raise ConfigError("is no assignment", where=where, mend=_FORM)
        return cls.of(document, energies, compensation)

    def check(self, layers: Sequence[str], multipliers: Sequence[str]) -> None:
        """Raises ConfigError where a layer or a multiplier is not known."""
        for layer in self:
            if layer not in layers:
                raise ConfigError(
                    f"no candidate layer is named {layer!r}",
                    where="assignment",
                    mend=close_names(layer, layers),
                )
        for name in self.multipliers():
            if name not in multipliers:
                raise ConfigError(
                    f"multiplier {name!r} is not among those loaded",
                    where="assignment",
                    mend=close_names(name, multipliers) + " (--library brings others)",
                )
        if self.energies is not None:
            self.energies.check(layers)
        if self.compensation is not None:
            self.compensation.check(layers)


def _is_choice(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    )
