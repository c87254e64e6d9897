"""Zero-delay simulation of gate networks, 64 operand pairs to a machine word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.netlist.network import ONE, ZERO, GateNetwork, Words
from hawx_onnx.components.tables import CODES, Table
from hawx_onnx.errors import LibraryError


def pack(values: npt.NDArray[np.integer], width: int) -> list[Words]:
    """Returns the bits of values as words, the lowest bit first.

    Args:
        values: Integers [N], N a multiple of 64.
        width: How many bits.
    """
    bits = (values.astype(np.int64)[None] >> np.arange(width)[:, None]) & 1
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return list(packed.view(np.uint64))


def unpack(words: Sequence[Words]) -> npt.NDArray[np.int64]:
    """Returns the unsigned values [N] whose bits the words are, the lowest bit first."""
    total = np.zeros(64 * len(words[0]), np.int64)
    for bit, word in enumerate(words):
        ones = np.unpackbits(np.ascontiguousarray(word).view(np.uint8), bitorder="little")
        total |= ones.astype(np.int64) << bit
    return total


def simulate(network: GateNetwork, inputs: Mapping[str, Sequence[Words]]) -> dict[str, list[Words]]:
    """Returns the outputs' words for words at the inputs.

    Args:
        network: The circuit.
        inputs: Input name -> one array of words for each bit, the lowest first, all as long.

    Raises:
        LibraryError: An input is missing or has another width.
    """
    values = all_signals(network, inputs)
    return {output.name: [values[s] for s in output.signals] for output in network.outputs}


def all_signals(network: GateNetwork, inputs: Mapping[str, Sequence[Words]]) -> list[Words]:
    """Returns the words of every signal, constants and inputs included, by number."""
    for port in network.inputs:
        if len(inputs.get(port.name, ())) != port.width:
            raise LibraryError(
                f"input {port.name} needs words for {port.width} bits", where=network.name
            )
    words = [word for port in network.inputs for word in inputs[port.name]]
    zero = np.zeros_like(words[0])
    values: list[Words] = [zero, ~zero, *words]
    assert (ZERO, ONE) == (0, 1)
    for gate in network.gates:
        values.append(network.functions[gate.kind](*(values[s] for s in gate.inputs)))
    return values


def operand_words() -> tuple[list[Words], list[Words]]:
    """Returns the bits of all 65,536 operand pairs: activations, the slower index, and weights."""
    codes = np.arange(CODES)
    return pack(np.repeat(codes, CODES), 8), pack(np.tile(codes, CODES), 8)


def multiplication_table(network: GateNetwork, *, signed: bool) -> Table:
    """Returns what a multiplier computes for all pairs of operands.

    Args:
        network: Two inputs of 8 bits, activation first, and one output of 16 bits or fewer.
        signed: Whether the output is two's complement.

    Returns:
        int32 [256, 256] by bit patterns, [activation][weight].

    Raises:
        LibraryError: The ports are others.
    """
    widths = [port.width for port in network.inputs]
    if widths != [8, 8] or len(network.outputs) != 1:
        raise LibraryError(
            f"a multiplier has two inputs of 8 bits and one output, not {widths} and "
            f"{len(network.outputs)}",
            where=network.name,
        )
    names = [port.name for port in network.inputs]
    (product,) = simulate(network, dict(zip(names, operand_words(), strict=True))).values()
    values = unpack(product)
    if signed:
        values -= (values >> (len(product) - 1)) << len(product)
    return values.astype(np.int32).reshape(CODES, CODES)
