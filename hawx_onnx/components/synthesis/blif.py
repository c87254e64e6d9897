"""BLIF, the exchange format of ABC: gate networks to it, mapped netlists from it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np

from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output
from hawx_onnx.components.netlist.simulation import pack
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.errors import LibraryError

# What ABC calls a constant where the library has no cell for it.
_CONSTANTS = {"_const0_": "s0", "_const1_": "s1"}


def to_blif(network: GateNetwork) -> str:
    """Returns a network as BLIF, with signal N as the net ``sN`` and each output bit as ``oN``.

    The text depends on the gates alone, not on names, so that equal circuits map equally.
    """
    inputs = [f"s{s}" for s in range(2, network.first_gate)]
    results = [signal for output in network.outputs for signal in output.signals]
    lines = [
        ".model circuit",
        " ".join([".inputs", *inputs]),
        " ".join([".outputs", *(f"o{i}" for i in range(len(results)))]),
        ".names s0",
        ".names s1",
        "1",
    ]
    covers: dict[tuple[str, int], tuple[str, ...]] = {}
    for index, gate in enumerate(network.gates, network.first_gate):
        key = gate.kind, len(gate.inputs)
        if key not in covers:
            covers[key] = _cover(network, gate)
        lines.append(" ".join([".names", *(f"s{s}" for s in gate.inputs), f"s{index}"]))
        lines.extend(covers[key])
    for i, signal in enumerate(results):
        lines.extend((f".names s{signal} o{i}", "1 1"))
    return "\n".join([*lines, ".end", ""])


def _cover(network: GateNetwork, gate: Gate) -> tuple[str, ...]:
    """Returns the rows of operands for which a gate is 1."""
    count = len(gate.inputs)
    rows = np.arange(64) % (1 << count)
    result = network.functions[gate.kind](*pack(rows, count))[0]
    return tuple(
        "".join(str(row >> i & 1) for i in range(count)) + " 1"
        for row in range(1 << count)
        if int(result) >> row & 1
    )


def mapped_network(text: str, network: GateNetwork, library: CellLibrary) -> GateNetwork:
    """Returns the netlist of cells that ABC wrote for :func:`to_blif` of a network.

    Args:
        text: BLIF of ``.gate`` lines.
        network: The circuit before mapping, which tells the ports.
        library: The cells mapped to; their inputs' order is that of the gates' inputs.

    Raises:
        LibraryError: The text holds something else, or a net without a driver.
    """
    driver: dict[str, tuple[str, tuple[str, ...]]] = {}
    alias: dict[str, str] = {}
    for words in statements(text):
        if words[0] == ".gate":
            pins = dict(word.split("=", 1) for word in words[2:])
            if words[1] in _CONSTANTS:
                alias.update(dict.fromkeys(pins.values(), _CONSTANTS[words[1]]))
                continue
            if words[1] not in library.functions:
                raise LibraryError(f"uses {words[1]}, which is no gate", where="mapping")
            cell = library.cells[words[1]]
            (output,) = cell.outputs
            driver[pins[output]] = cell.name, tuple(pins[pin] for pin in cell.inputs)
        elif words[0] == ".names":
            alias[words[-2]] = words[1] if len(words) == 4 else ("s1" if words[-1] else "s0")
    numbers = {f"s{s}": s for s in range(network.first_gate)}
    gates: list[Gate] = []
    count = sum(len(output.signals) for output in network.outputs)
    for root in (f"o{i}" for i in range(count)):
        _place(root, driver, alias, numbers, gates, network.first_gate)
    results = iter([numbers[f"o{i}"] for i in range(count)])
    outputs = tuple(
        Output(out.name, tuple(next(results) for _ in out.signals)) for out in network.outputs
    )
    return GateNetwork(network.name, network.inputs, outputs, tuple(gates), library.functions)


def _place(
    root: str,
    driver: dict[str, tuple[str, tuple[str, ...]]],
    alias: dict[str, str],
    numbers: dict[str, int],
    gates: list[Gate],
    first: int,
) -> None:
    """Numbers a net and all that it depends on, sources first; no recursion, nets lie deep."""
    stack = [root]
    while stack:
        net = stack[-1]
        if net in numbers:
            stack.pop()
            continue
        if net not in driver and net not in alias:
            raise LibraryError(f"net {net} has no driver", where="mapping")
        needs = (alias[net],) if net in alias else driver[net][1]
        waiting = [other for other in needs if other not in numbers]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if net in alias:
            numbers[net] = numbers[alias[net]]
        else:
            numbers[net] = first + len(gates)
            gates.append(Gate(driver[net][0], tuple(numbers[other] for other in needs)))


def statements(text: str) -> Iterator[list[str]]:
    """Yields statements as words; a ``.names`` ends with its rows in one, empty for constant 0."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = [line.split("#")[0].split() for line in joined.splitlines()]
    lines = [line for line in lines if line]
    for index, words in enumerate(lines):
        if words[0] == ".names":
            rows = itertools.takewhile(lambda row: row[0][0] != ".", lines[index + 1 :])
            yield [*words, ";".join(" ".join(row) for row in rows)]
        elif words[0].startswith("."):
            yield words
