"""The built-in multipliers by name: built on first use, then kept."""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components import gates
from hawx_onnx.components.families import FAMILIES, Definition
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.tables import Encoding, Table, sign_magnitude, tabulate
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

PREFIX = {
    Encoding.SIGNED: "mul8s_",
    Encoding.UNSIGNED: "mul8u_",
    Encoding.SIGN_MAGNITUDE: "mul8sm_",
}


@functools.cache
def _definitions() -> dict[str, tuple[Encoding, Definition]]:
    """Returns every name with its encoding and definition; computes no table."""
    found: dict[str, tuple[Encoding, Definition]] = {}
    for family in FAMILIES:
        for definition in family.definitions():
            encodings = (
                (Encoding.SIGNED,)
                if definition.signed
                else (Encoding.UNSIGNED, Encoding.SIGN_MAGNITUDE)
            )
            for encoding in encodings:
                found[PREFIX[encoding] + definition.stem] = (encoding, definition)
    return found


def builtin_names() -> tuple[str, ...]:
    """Returns the names of all built-in multipliers, sorted; builds none of them."""
    return tuple(sorted(_definitions()))


@functools.cache
def _core(definition: Definition) -> Table:
    return tabulate(definition.product, Encoding.SIGNED if definition.signed else Encoding.UNSIGNED)


@functools.cache
def builtin(name: str) -> Multiplier:
    """Returns a built-in multiplier.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in _definitions():
        raise ConfigError(
            f"there is no multiplier {name!r}", mend=close_names(name, builtin_names())
        )
    encoding, definition = _definitions()[name]
    table, circuit, description = _core(definition), definition.circuit(), definition.description
    if encoding is Encoding.SIGN_MAGNITUDE:
        gate_zero = bool(table[0].any() or table[:, 0].any())
        circuit = gates.sign_magnitude(circuit, _fixed_zeros(table), gate_zero=gate_zero)
        table = sign_magnitude(table)
        description += "; on magnitudes, with sign logic"
    return Multiplier(name, encoding, table, gates.cost(circuit), definition.source, description)


def _fixed_zeros(core: Table) -> int:
    """Returns how many lowest bits no product of the core ever sets."""
    used = int(np.bitwise_or.reduce(core, axis=None))
    return (used & -used).bit_length() - 1 if used else 16


def exact(encoding: Encoding) -> Multiplier:
    """Returns the exact multiplier of an encoding."""
    return builtin(PREFIX[Encoding(encoding)] + "exact")
