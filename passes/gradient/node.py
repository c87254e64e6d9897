"""A node of the model as gradient rules get it, and the reasons that rules give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Shape = tuple[int | str | None, ...]


class NoRule(Exception):
    """Why no cotangent passes a node; the text is one clause without a full stop."""


@dataclass(frozen=True)
class Blocked:
    """In the place of an input's cotangent: there is one, and the rule does not give it.

    Attributes:
        reason: One clause without a full stop.
    """

    reason: str


@dataclass(frozen=True)
class Node:
    """A node of the model, as a rule gets it.

    Attributes:
        name: Its name, or its operator and place where it has none.
        domain: Empty for the standard's operators.
        op: Its operator.
        inputs: Tensors that it reads; empty names stand for inputs left out. Tensors that its
            subgraphs read come after its own.
        outputs: Tensors that it writes.
        attributes: Its attributes as Python values; text as str.
        opset: Version of its domain's operator set.
        needed: For each input whether a cotangent of it is of use.
    """

    name: str
    domain: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int
    needed: tuple[bool, ...] = ()

    def input(self, index: int) -> str:
        """The input at a place; empty if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def needs(self, index: int) -> bool:
        """Whether the cotangent of the input at a place is of use."""
        return index < len(self.needed) and self.needed[index]

    def ints(self, name: str, default: Sequence[int]) -> list[int]:
        """An attribute of integers."""
        return [int(value) for value in self.attributes.get(name, default)]
