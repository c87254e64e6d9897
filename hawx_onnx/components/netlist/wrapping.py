"""Sign logic around an unsigned multiplier, as a transformation of its network."""

from __future__ import annotations

from hawx_onnx.components.netlist.arithmetic import negated_where
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.datapath import any_of, gated
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.errors import LibraryError


def sign_magnitude_network(core: GateNetwork, name: str, *, gate_zero: bool) -> GateNetwork:
    """Wraps an unsigned core for two's complement operands.

    Both operands and the product pass a conditional negation; an XOR makes the product's sign.

    Args:
        core: Two unsigned inputs and one unsigned output.
        name: The new network's name.
        gate_zero: Whether a zero operand is detected and the product gated, because the core
            itself does not give 0.

    Returns:
        A network with the core's ports, all in two's complement.

    Raises:
        LibraryError: The core has other ports.
    """
    if len(core.inputs) != 2 or len(core.outputs) != 1:
        raise LibraryError("a multiplier has two inputs and one output", where=core.name)
    build = Builder(core.inputs)
    operands = {port.name: build.input(port.name) for port in core.inputs}
    magnitudes = {key: negated_where(build, word[-1], word) for key, word in operands.items()}
    (product,) = build.inline(core, magnitudes).values()
    if gate_zero:
        first, second = (any_of(build, word) for word in operands.values())
        product = gated(build, build.and_(first, second), product)
    first, second = (word[-1] for word in operands.values())
    signed = negated_where(build, build.xor(first, second), product)
    return build.network(name, {core.outputs[0].name: signed})
