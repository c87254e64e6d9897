"""From a family's definition to a multiplier: table, cost, circuit, under an encoding."""

from __future__ import annotations

import functools

from hawx_onnx.components.families import Definition
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.wrapping import sign_magnitude_network
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.tables import Encoding, Table, sign_magnitude, tabulate

PREFIX = {
    Encoding.SIGNED: "mul8s_",
    Encoding.UNSIGNED: "mul8u_",
    Encoding.SIGN_MAGNITUDE: "mul8sm_",
}


def encodings(definition: Definition) -> tuple[Encoding, ...]:
    """Returns the encodings that a circuit is offered under."""
    if definition.signed:
        return (Encoding.SIGNED,)
    return (Encoding.UNSIGNED, Encoding.SIGN_MAGNITUDE)


def realize(definition: Definition, encoding: Encoding) -> Multiplier:
    """Returns the multiplier: the definition's arithmetic as a table.

    Its cost is that of synthesis as the package brings it along, for a multiplier of the built-in
    library; a definition of other parameters has none before it is characterised.
    """
    table, description = core(definition), definition.description
    if encoding is Encoding.SIGN_MAGNITUDE:
        table = sign_magnitude(table)
        description += "; on magnitudes, with sign logic"
    name = PREFIX[encoding] + definition.stem
    known = shipped.characterization(name)
    cost = None if known is None else known.cost
    return Multiplier(name, encoding, table, cost, definition.source, description)


def realize_network(definition: Definition, encoding: Encoding) -> GateNetwork:
    """Returns the circuit under the multiplier's name: inputs A and B, output O of 16 bits."""
    name = PREFIX[encoding] + definition.stem
    network = definition.network(name)
    if encoding is not Encoding.SIGN_MAGNITUDE:
        return network
    return sign_magnitude_network(network, name, gate_zero=_spoils_zero(definition))


@functools.cache
def core(definition: Definition) -> Table:
    """Returns the table without sign logic, computed once."""
    return tabulate(definition.product, Encoding.SIGNED if definition.signed else Encoding.UNSIGNED)


def _spoils_zero(definition: Definition) -> bool:
    """Tells whether a product with 0 can be other than 0."""
    table = core(definition)
    return bool(table[0].any() or table[:, 0].any())
