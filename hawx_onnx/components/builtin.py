"""The built-in multipliers by name: built on first use, then kept."""

from __future__ import annotations

import functools

from hawx_onnx.components.families import FAMILIES, Definition
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.realization import PREFIX, encodings, realize, realize_network
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names


@functools.cache
def _definitions() -> dict[str, tuple[Encoding, Definition]]:
    """Returns every name with its encoding and definition; computes no table."""
    return {
        PREFIX[encoding] + definition.stem: (encoding, definition)
        for family in FAMILIES
        for definition in family.definitions()
        for encoding in encodings(definition)
    }


def builtin_names() -> tuple[str, ...]:
    """Returns the names of all built-in multipliers, sorted; builds none of them."""
    return tuple(sorted(_definitions()))


def _definition(name: str) -> tuple[Encoding, Definition]:
    if name not in _definitions():
        raise ConfigError(
            f"there is no multiplier {name!r}", mend=close_names(name, builtin_names())
        )
    return _definitions()[name]


def encoding_of(name: str) -> Encoding:
    """Returns the encoding of a built-in multiplier; builds nothing.

    Raises:
        ConfigError: There is none of that name.
    """
    return _definition(name)[0]


@functools.cache
def builtin(name: str) -> Multiplier:
    """Returns a built-in multiplier.

    Raises:
        ConfigError: There is none of that name.
    """
    encoding, definition = _definition(name)
    return realize(definition, encoding)


@functools.cache
def builtin_network(name: str) -> GateNetwork:
    """Returns the circuit of a built-in multiplier.

    Its inputs are A (activation) and B (weight), 8 bits each, its output O, 16 bits; the module's
    name is the multiplier's. Simulated, it gives the multiplier's table.

    Raises:
        ConfigError: There is none of that name.
    """
    encoding, definition = _definition(name)
    return realize_network(definition, encoding)


def exact(encoding: Encoding) -> Multiplier:
    """Returns the exact multiplier of an encoding."""
    return builtin(PREFIX[Encoding(encoding)] + "exact")
