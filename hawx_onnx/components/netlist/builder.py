"""Building gate networks: gates with constant folding, equal ones shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from hawx_onnx.components.netlist.network import (
    ONE,
    PRIMITIVES,
    ZERO,
    Gate,
    GateNetwork,
    Output,
    Port,
)
from hawx_onnx.errors import LibraryError

Bits = Sequence[int]
"""A word inside a circuit: the signal of each bit, the lowest first."""


class Builder:
    """Collects the gates of one network.

    Gates with constant inputs shrink or vanish, equal gates are built once, and gates that no
    output needs are left out by :meth:`network`.

    Args:
        inputs: The network's input words.
    """

    def __init__(self, inputs: Sequence[Port]) -> None:
        self._inputs = tuple(inputs)
        self._first = 2 + sum(port.width for port in inputs)
        self._gates: list[Gate] = []
        self._known: dict[Gate, int] = {}
        self._inverse = {ZERO: ONE, ONE: ZERO}

    def input(self, name: str) -> tuple[int, ...]:
        """Returns the signals of an input word."""
        start = 2
        for port in self._inputs:
            if port.name == name:
                return tuple(range(start, start + port.width))
            start += port.width
        raise LibraryError(f"there is no input {name}")

    def not_(self, a: int) -> int:
        """Returns the inverse of a signal."""
        if a not in self._inverse:
            self._inverse[a] = self._gate("NOT", a)
            self._inverse[self._inverse[a]] = a
        return self._inverse[a]

    def and_(self, a: int, b: int) -> int:
        """Returns a AND b."""
        if a == b or b == ONE:
            return a
        if a == ONE:
            return b
        if ZERO in (a, b) or self._inverse.get(a) == b:
            return ZERO
        return self._gate("AND", *sorted((a, b)))

    def or_(self, a: int, b: int) -> int:
        """Returns a OR b."""
        if a == b or b == ZERO:
            return a
        if a == ZERO:
            return b
        if ONE in (a, b) or self._inverse.get(a) == b:
            return ONE
        return self._gate("OR", *sorted((a, b)))

    def xor(self, a: int, b: int) -> int:
        """Returns a XOR b."""
        if ZERO in (a, b):
            return b if a == ZERO else a
        if ONE in (a, b):
            return self.not_(b if a == ONE else a)
        if a == b:
            return ZERO
        if self._inverse.get(a) == b:
            return ONE
        return self._gate("XOR", *sorted((a, b)))

    def nand(self, a: int, b: int) -> int:
        """Returns NOT (a AND b)."""
        return self.not_(self.and_(a, b))

    def nor(self, a: int, b: int) -> int:
        """Returns NOT (a OR b)."""
        return self.not_(self.or_(a, b))

    def xnor(self, a: int, b: int) -> int:
        """Returns NOT (a XOR b)."""
        return self.not_(self.xor(a, b))

    def and_not(self, a: int, b: int) -> int:
        """Returns a AND NOT b."""
        return self.and_(a, self.not_(b))

    def mux(self, select: int, zero: int, one: int) -> int:
        """Returns ``one`` where ``select`` is 1, else ``zero``."""
        if zero == one or select == ZERO:
            return zero
        if select == ONE:
            return one
        if zero in (ZERO, select):
            return self.and_(select, one)
        if one in (ONE, select):
            return self.or_(select, zero)
        if one == ZERO:
            return self.and_not(zero, select)
        if zero == ONE:
            return self.or_(self.not_(select), one)
        if self._inverse.get(zero) == one:
            return self.xor(select, zero)
        return self._gate("MUX", zero, one, select)

    def inline(self, core: GateNetwork, operands: Mapping[str, Bits]) -> dict[str, tuple[int, ...]]:
        """Builds the gates of another network here.

        Args:
            core: A network of :data:`PRIMITIVES`.
            operands: The word that each of its inputs is connected to.

        Returns:
            The signals of its output words.

        Raises:
            LibraryError: It has gates of other kinds, or an operand is missing or has another
                width.
        """
        signals = [ZERO, ONE]
        for port in core.inputs:
            word = operands.get(port.name, ())
            if len(word) != port.width:
                raise LibraryError(
                    f"input {port.name} needs {port.width} bits, not {len(word)}", where=core.name
                )
            signals.extend(word)
        for gate in core.gates:
            signals.append(self.place(gate.kind, [signals[s] for s in gate.inputs], core.name))
        return {each.name: tuple(signals[s] for s in each.signals) for each in core.outputs}

    def place(self, kind: str, inputs: Bits, where: str = "") -> int:
        """Builds a gate of one of the :data:`PRIMITIVES`; returns its output.

        Raises:
            LibraryError: There is no gate of that kind.
        """
        if kind == "MUX":
            zero, one, select = inputs
            return self.mux(select, zero, one)
        if kind == "BUF":
            return inputs[0]
        if kind == "ORNOT":
            return self.or_(inputs[0], self.not_(inputs[1]))
        builders: dict[str, Callable[..., int]] = {
            "NOT": self.not_,
            "AND": self.and_,
            "NAND": self.nand,
            "OR": self.or_,
            "NOR": self.nor,
            "XOR": self.xor,
            "XNOR": self.xnor,
            "ANDNOT": self.and_not,
        }
        if kind not in builders:
            raise LibraryError(f"there is no primitive gate of kind {kind!r}", where=where)
        return builders[kind](*inputs)

    def network(self, name: str, outputs: Mapping[str, Bits]) -> GateNetwork:
        """Returns what was built, without the gates that no output needs.

        Args:
            name: The module's name.
            outputs: The signals of each output word.
        """
        needed = self._needed(signal for word in outputs.values() for signal in word)
        number = {signal: signal for signal in range(self._first)}
        gates: list[Gate] = []
        for signal in needed:
            gate = self._gates[signal - self._first]
            number[signal] = self._first + len(gates)
            gates.append(Gate(gate.kind, tuple(number[s] for s in gate.inputs)))
        words = tuple(Output(key, tuple(number[s] for s in word)) for key, word in outputs.items())
        return GateNetwork(name, self._inputs, words, tuple(gates))

    def _needed(self, signals: Iterable[int]) -> list[int]:
        """Returns the signals of all gates that some signals depend on, in order."""
        found: set[int] = set()
        open_ends = list(signals)
        while open_ends:
            signal = open_ends.pop()
            if signal >= self._first and signal not in found:
                found.add(signal)
                open_ends.extend(self._gates[signal - self._first].inputs)
        return sorted(found)

    def _gate(self, kind: str, *inputs: int) -> int:
        """Returns the output of a gate, which is built unless an equal one is there."""
        assert kind in PRIMITIVES
        gate = Gate(kind, inputs)
        if gate not in self._known:
            self._known[gate] = self._first + len(self._gates)
            self._gates.append(gate)
        return self._known[gate]
