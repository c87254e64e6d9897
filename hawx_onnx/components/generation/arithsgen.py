"""Circuits of ArithsGen, an optional package: exact adder trees and approximate arrays.

J. Klhufek, V. Mrazek, "ArithsGen: arithmetic circuit generator for hardware accelerators", DDECS
2022. The package (``pip install ariths-gen``) writes each circuit as a flat list of gates; these
are built anew here, so that no Verilog has to be read and no other program runs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hawx_onnx.components.generation.sweep import Design, Parameter, Sweep
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.netlist.wrapping import sign_magnitude_network
from hawx_onnx.components.realization import PREFIX as NAMES
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError, LibraryError

PREFIX = "ariths-gen:"
SOURCE = (
    "ArithsGen {version}, class {cls}: J. Klhufek, V. Mrazek, ArithsGen: arithmetic circuit "
    "generator for hardware accelerators, DDECS 2022"
)
_ROOT = "ariths_gen.multi_bit_circuits"
_EXACT, _APPROXIMATE = f"{_ROOT}.multipliers", f"{_ROOT}.approximate_multipliers"

# Numbers of its gates; an inverter names its input twice.
_KINDS = ("BUF", "NOT", "AND", "OR", "XOR", "NAND", "NOR", "XNOR")
_GATE = re.compile(r"\(\[(\d+)\](\d+),(\d+),(\d+)\)")
_OUTPUTS = re.compile(r"\)\(([\d,]+)\)$")

_CUT = Parameter("cut", 1, 7, "lowest bits of both operands that are left out")
_CUTS = (
    Parameter("horizontal", 0, 7, "rows that are left out"),
    Parameter("vertical", 0, 14, "lowest columns that are left out"),
)
_BLOCK = Parameter("block", 1, 4, "kind of its 2 x 2 blocks, M1 to M4")


@dataclass(frozen=True)
class _Family:
    """One of its circuits.

    Attributes:
        stem: Start of our names.
        classes: Unsigned and signed class, as far as there are.
        module: Where they are.
        parameters: Ours.
        arguments: What the class calls them.
    """

    stem: str
    classes: tuple[str, ...]
    module: str
    parameters: tuple[Parameter, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)


def _exact(kind: str, stem: str) -> _Family:
    classes = (f"Unsigned{kind}Multiplier", f"Signed{kind}Multiplier")
    return _Family(stem, classes, _EXACT)


def _broken(kind: str, stem: str) -> _Family:
    cuts = {"horizontal": "horizontal_cut", "vertical": "vertical_cut"}
    return _Family(stem, (f"UnsignedBroken{kind}Multiplier",), _APPROXIMATE, _CUTS, cuts)


def _truncated(kind: str, stem: str) -> _Family:
    classes = (f"UnsignedTruncated{kind}Multiplier",)
    return _Family(stem, classes, _APPROXIMATE, (_CUT,), {"cut": "truncation_cut"})


_FAMILIES = {
    f"{PREFIX}array": _exact("Array", "ag_array"),
    f"{PREFIX}carry-save": _exact("CarrySave", "ag_csa"),
    f"{PREFIX}dadda": _exact("Dadda", "ag_dadda"),
    f"{PREFIX}wallace": _exact("Wallace", "ag_wallace"),
    f"{PREFIX}broken-array": _broken("Array", "ag_bam"),
    f"{PREFIX}broken-carry-save": _broken("CarrySave", "ag_bamcsa"),
    f"{PREFIX}truncated-array": _truncated("Array", "ag_tm"),
    f"{PREFIX}truncated-carry-save": _truncated("CarrySave", "ag_tmcsa"),
    f"{PREFIX}recursive": _Family(
        "ag_rm", ("UnsignedRecursiveMultiplier",), _APPROXIMATE, (_BLOCK,)
    ),
}


def arithsgen_names() -> tuple[str, ...]:
    """Returns the names of its families, whether it is installed or not."""
    return tuple(_FAMILIES)


def arithsgen_sweep(name: str) -> Sweep:
    """Returns one of its families.

    Raises:
        ConfigError: The package is not installed.
    """
    try:
        importlib.metadata.version("ariths-gen")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            "ArithsGen is not installed", where=name, mend="pip install ariths-gen"
        ) from None
    family = _FAMILIES[name]
    return Sweep(name, family.parameters, functools.partial(_designs, family))


def _designs(family: _Family, **values: int) -> Iterator[Design]:
    """Yields the circuit, unsigned cores in sign logic too."""
    if values.get("vertical", 0) < values.get("horizontal", 0):
        return  # below the horizontal cut its arrays have no columns to cut
    stem = family.stem + "".join(f"_{name[0]}{value}" for name, value in values.items())
    for cls in family.classes:
        core = _network(family, cls, values, stem)
        if cls.startswith("Signed"):
            yield _design(core, Encoding.SIGNED, stem, cls)
            continue
        yield _design(core, Encoding.UNSIGNED, stem, cls)
        table = multiplication_table(core, signed=False)
        spoilt = bool(table[0].any() or table[:, 0].any())
        wrapped = sign_magnitude_network(core, stem, gate_zero=spoilt)
        yield _design(wrapped, Encoding.SIGN_MAGNITUDE, stem, cls)


def _design(network: GateNetwork, encoding: Encoding, stem: str, cls: str) -> Design:
    version = importlib.metadata.version("ariths-gen")
    name = NAMES[encoding] + stem
    described = cls + ("; on magnitudes, with sign logic" if "sm_" in name else "")
    named = GateNetwork(name, network.inputs, network.outputs, network.gates)
    table = multiplication_table(named, signed=encoding.codes_signed)
    source = SOURCE.format(version=version, cls=cls)
    return Design(Multiplier(name, encoding, table, None, source, described), named)


def _network(family: _Family, cls: str, values: Mapping[str, int], name: str) -> GateNetwork:
    """Has ArithsGen make a circuit, and builds its gates."""
    bus = importlib.import_module("ariths_gen.wire_components").Bus
    module = importlib.import_module(family.module)
    arguments: dict[str, Any] = {
        argument: values[own] for own, argument in family.arguments.items()
    }
    if "block" in values:
        block = getattr(module, f"UnsignedApproximateTwoBitMultiplierM{values['block']}")
        arguments["submultipliers"] = [block] * 16
    circuit = getattr(module, cls)(bus(N=8, prefix="a"), bus(N=8, prefix="b"), **arguments)
    text = io.StringIO()
    circuit.get_cgp_code_flat(text)
    return flat_network(text.getvalue().strip(), name)


def flat_network(text: str, name: str) -> GateNetwork:
    """Builds a circuit from ArithsGen's flat list of gates.

    Args:
        text: ``{inputs,outputs,...}([id]in,in,function)...(out,out,...)``; ids 0 and 1 are the
            constants, then come the inputs' bits, the first word's lowest bit first.
        name: The network's name.

    Raises:
        LibraryError: The list is not of that form, or not of a multiplier of 8 bits.
    """
    outputs = _OUTPUTS.search(text)
    if not text.startswith("{16,16,") or outputs is None:
        raise LibraryError("ArithsGen gave no flat multiplier of 8 bits", where=name)
    build = Builder((Port("A", 8), Port("B", 8)))
    signals = dict(enumerate((0, 1, *build.input("A"), *build.input("B"))))
    try:
        for number, first, second, function in _GATE.findall(text):
            kind = _KINDS[int(function)]
            inputs = [signals[int(first)], signals[int(second)]]
            signals[int(number)] = build.place(kind, inputs[: 1 if kind in _KINDS[:2] else 2])
        product = [signals[int(number)] for number in outputs[1].split(",")]
    except (IndexError, KeyError) as error:
        raise LibraryError(f"ArithsGen's gates name no signal {error}", where=name) from error
    return build.network(name, {"O": product})
