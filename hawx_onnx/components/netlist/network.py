"""A combinational circuit as a list of gates in topological order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import LibraryError

Words = npt.NDArray[np.uint64]
"""Values of one signal, 64 operand pairs to a word."""

Function = Callable[..., Words]
"""What a gate computes, bit by bit, of the words of its inputs."""

ZERO, ONE = 0, 1
"""The signals that are always 0 and always 1."""

PRIMITIVES: Mapping[str, Function] = MappingProxyType(
    {
        "BUF": lambda a: a,
        "NOT": lambda a: ~a,
        "AND": lambda a, b: a & b,
        "NAND": lambda a, b: ~(a & b),
        "OR": lambda a, b: a | b,
        "NOR": lambda a, b: ~(a | b),
        "XOR": lambda a, b: a ^ b,
        "XNOR": lambda a, b: ~(a ^ b),
        "ANDNOT": lambda a, b: a & ~b,
        "ORNOT": lambda a, b: a | ~b,
        "MUX": lambda a, b, s: a ^ ((a ^ b) & s),  # s ? b : a
    }
)
"""Gates that every network may use, by kind."""


@dataclass(frozen=True)
class Port:
    """An input word; bit 0 is the lowest."""

    name: str
    width: int


@dataclass(frozen=True)
class Output:
    """An output word: the signal of each bit, the lowest first."""

    name: str
    signals: tuple[int, ...]


@dataclass(frozen=True)
class Gate:
    """One gate: its kind and the signals that it reads, in the order of its function."""

    kind: str
    inputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GateNetwork:
    """A combinational circuit.

    Signals are numbers: 0 and 1 are the constants, then come the bits of the input ports in order,
    then the gates' outputs in order. A gate reads lower numbers than its own only.

    Attributes:
        name: The module's name.
        inputs: Input words.
        outputs: Output words.
        gates: In topological order.
        functions: What kinds of gates compute, those of a technology's cells for instance.

    Raises:
        LibraryError: A gate is of no known kind, or a signal is read before it is driven.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Output, ...]
    gates: tuple[Gate, ...]
    functions: Mapping[str, Function] = field(default_factory=lambda: PRIMITIVES)

    def __post_init__(self) -> None:
        for index, gate in enumerate(self.gates, self.first_gate):
            if gate.kind not in self.functions:
                raise LibraryError(f"there is no gate of kind {gate.kind!r}", where=self.name)
            if any(not 0 <= signal < index for signal in gate.inputs):
                raise LibraryError(f"gate {index} reads a later signal", where=self.name)
        last = self.first_gate + len(self.gates)
        for output in self.outputs:
            if any(not 0 <= signal < last for signal in output.signals):
                raise LibraryError(f"output {output.name} reads no signal", where=self.name)

    @property
    def first_gate(self) -> int:
        """The signal of the first gate."""
        return 2 + sum(port.width for port in self.inputs)

    def signals_of(self, port: Port) -> range:
        """The signals of an input word, the lowest bit first."""
        start = 2
        for other in self.inputs:
            if other is port:
                return range(start, start + port.width)
            start += other.width
        raise LibraryError(f"there is no input {port.name}", where=self.name)
