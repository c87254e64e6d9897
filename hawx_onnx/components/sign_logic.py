"""Unsigned multipliers for int8 networks: sign logic around them, and what it costs."""

from __future__ import annotations

from dataclasses import replace

from hawx_onnx.components.multiplier import ComponentCost, Multiplier
from hawx_onnx.components.netlist.arithmetic import negated_where
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.realization import PREFIX
from hawx_onnx.components.stored import StoredMultiplier, stored
from hawx_onnx.components.synthesis.characterization import characterize
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.power import UNIT_DELAY
from hawx_onnx.components.tables import Encoding, sign_magnitude
from hawx_onnx.errors import ComponentError

CORE = "core_"
"""Before the names of published figures: they are of the core, without its sign logic."""


def with_sign_logic(multiplier: Multiplier) -> StoredMultiplier:
    """Puts sign logic around an unsigned multiplier, so that it takes int8 codes.

    It has no cost: that of the core is not the whole. Where there is Verilog of the core, it can
    be characterised with its sign logic.

    Args:
        multiplier: An unsigned one; ``mul8u_X`` becomes ``mul8sm_X``, other names get ``_sm``.

    Raises:
        ComponentError: Its operands have signs already.
    """
    if multiplier.encoding is not Encoding.UNSIGNED:
        raise ComponentError(
            f"is {multiplier.encoding.value}: sign logic goes around unsigned multipliers",
            where=multiplier.name,
            mend="take it as it is",
        )
    core = stored(multiplier)
    bare, unsigned = multiplier.name, PREFIX[Encoding.UNSIGNED]
    if bare.startswith(unsigned):
        name = PREFIX[Encoding.SIGN_MAGNITUDE] + bare.removeprefix(unsigned)
    else:
        name = f"{bare}_sm"
    note = f"sign logic around the unsigned {bare}"
    about = core.provenance
    return stored(
        StoredMultiplier(
            name,
            Encoding.SIGN_MAGNITUDE,
            sign_magnitude(core.table),
            None,
            core.source,
            f"{core.description}; on magnitudes, with sign logic".removeprefix("; "),
            provenance=replace(about, core=core.verilog is not None, notes=(*about.notes, note)),
            published={CORE + key: value for key, value in core.published.items()},
            verilog=core.verilog,
        )
    )


def sign_logic_network() -> GateNetwork:
    """Returns the sign logic alone: of both operands of 8 bits, and of the product of 16.

    Inputs A, B, and P, the core's product; outputs are the magnitudes and the signed product.
    """
    build = Builder((Port("A", 8), Port("B", 8), Port("P", 16)))
    first, second, product = (build.input(name) for name in ("A", "B", "P"))
    return build.network(
        "sign_logic",
        {
            "MA": negated_where(build, first[-1], first),
            "MB": negated_where(build, second[-1], second),
            "O": negated_where(build, build.xor(first[-1], second[-1]), product),
        },
    )


def sign_logic_cost(library: CellLibrary | None = None, *, mode: str = UNIT_DELAY) -> ComponentCost:
    """Synthesises the sign logic alone and returns what it costs, all its inputs random.

    For cores of which no circuit is at hand. Where there is one, the whole is characterised.

    Args:
        library: The cells; by default those of the package.
        mode: How toggles are counted.

    Raises:
        LibraryError: There is no yosys.
    """
    return characterize(sign_logic_network(), library, mode=mode).cost
