"""The keys of a target file: their units, bounds and allowed values, in one place.

A key is a dataclass field of a target whose metadata hold a `Key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names


@dataclass(frozen=True)
class Key:
    """What a key of a target file may hold.

    Args:
        type: ``int``, ``float`` or ``str``.
        minimum: Smallest number allowed.
        maximum: Largest number allowed.
        choices: The words allowed; empty for any text.
        unit: The number's unit.
    """

    type: type
    minimum: float = 0
    maximum: float = 0
    choices: tuple[str, ...] = ()
    unit: str = ""

    def allowed(self) -> str:
        """Returns what is allowed, in words."""
        if self.type is str:
            return f"one of {', '.join(self.choices)}" if self.choices else "a text"
        kind = "a whole number" if self.type is int else "a number"
        span = f"{kind} from {self.minimum:g} to {self.maximum:g}"
        return f"{span} ({self.unit})" if self.unit else span

    def accepts(self, value: object) -> bool:
        """Returns whether a value has the type, and lies within the bounds or choices."""
        if self.type is str:
            return isinstance(value, str) and (not self.choices or value in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.type is int and not isinstance(value, int):
            return False
        return self.minimum <= value <= self.maximum


def integer(minimum: int, maximum: int, unit: str = "") -> dict[str, Key]:
    """Returns the metadata of a whole-number key."""
    return {"key": Key(int, minimum, maximum, unit=unit)}


def number(minimum: float, maximum: float, unit: str = "") -> dict[str, Key]:
    """Returns the metadata of a number key."""
    return {"key": Key(float, minimum, maximum, unit=unit)}


def word(*choices: str) -> dict[str, Key]:
    """Returns the metadata of a key that holds one of some words, or any text if none are given."""
    return {"key": Key(str, choices=choices)}


def key_fields(cls: type) -> dict[str, Field[Any]]:
    """Returns the fields of a target class that a file can set, by name."""
    return {item.name: item for item in fields(cls) if "key" in item.metadata}


def check_value(item: Field[Any], value: object, where: str) -> None:
    """Refuses a value that its key does not allow.

    Args:
        item: The field with the key.
        value: The value given.
        where: File and line, or target, for the message.

    Raises:
        ConfigError: If the key does not accept the value.
    """
    key: Key = item.metadata["key"]
    if not key.accepts(value):
        hint = close_names(value, key.choices) if isinstance(value, str) and key.choices else ""
        near = f" ({hint})" if hint.startswith("did you mean") else ""
        raise ConfigError(
            f"{item.name} is {value!r}{near}",
            where=where,
            mend=f"allowed for {item.name}: {key.allowed()}",
        )


def check_keys(
    cls: type, values: Mapping[str, object], where: Mapping[str, str], file: str
) -> None:
    """Refuses unknown and missing keys, and values that are not allowed.

    Args:
        cls: The target class.
        values: Key -> value.
        where: Key -> place for messages.
        file: Place of the whole, for messages about missing keys.

    Raises:
        ConfigError: For the first key that is wrong.
    """
    known = key_fields(cls)
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                f"unknown key {name!r}",
                where=where.get(name, file),
                mend=close_names(name, ["kind", *known]),
            )
        check_value(known[name], value, where.get(name, file))
    for name, item in known.items():
        if item.default is MISSING and name not in values:
            raise ConfigError(
                f"key {name} is missing",
                where=file,
                mend=f"add {name}: {item.metadata['key'].allowed()}",
            )
