"""The families that can be swept: the built-in ones, and those of ArithsGen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hawx_onnx.components.families import (
    broken_array,
    broken_booth,
    column_truncation,
    drum,
    lower_or,
    mitchell,
    operand_truncation,
    static_segment,
)
from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.generation.arithsgen import PREFIX, arithsgen_names, arithsgen_sweep
from hawx_onnx.components.generation.sweep import Design, Parameter, Sweep
from hawx_onnx.components.realization import encodings, realize, realize_network
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

Definitions = Callable[..., Iterator[Definition]]


def _broken_array(horizontal: int, vertical: int) -> Iterator[Definition]:
    for signed in (False, True):
        yield broken_array.definition(horizontal, vertical, signed)


def _truncation(columns: int, compensation: int) -> Iterator[Definition]:
    for signed in (False, True):
        yield column_truncation.definition(columns, signed, compensated=bool(compensation))


def _operand_truncation(activation: int, weight: int) -> Iterator[Definition]:
    for signed in (False, True):
        stem = f"trunc_a{activation}_w{weight}"
        yield operand_truncation.definition(stem, activation, weight, signed)


def _broken_booth(columns: int) -> Iterator[Definition]:
    yield broken_booth.definition(columns)


def _drum(bits: int) -> Iterator[Definition]:
    yield drum.definition(bits)


def _static_segment(bits: int) -> Iterator[Definition]:
    yield static_segment.definition(bits)


def _column_or(columns: int) -> Iterator[Definition]:
    yield lower_or.definition(columns, WIDTH)


def _pair_or(columns: int) -> Iterator[Definition]:
    yield lower_or.definition(columns, 2)


def _truncated_logarithm(bits: int) -> Iterator[Definition]:
    yield mitchell.truncated(bits)


def _set_one_logarithm(bits: int) -> Iterator[Definition]:
    yield mitchell.set_one(bits)


_COLUMNS = "lowest columns that are left out"
_OURS: tuple[tuple[str, Definitions, tuple[Parameter, ...]], ...] = (
    (
        "broken-array",
        _broken_array,
        (
            Parameter("horizontal", 0, 7, "rows that are left out"),
            Parameter("vertical", 0, 14, _COLUMNS),
        ),
    ),
    (
        "truncation",
        _truncation,
        (
            Parameter("columns", 1, 12, _COLUMNS),
            Parameter("compensation", 0, 1, "whether a constant makes up for the mean loss"),
        ),
    ),
    (
        "operand-truncation",
        _operand_truncation,
        (
            Parameter("activation", 0, 7, "lowest activation bits that are dropped"),
            Parameter("weight", 0, 7, "lowest weight bits that are dropped"),
        ),
    ),
    ("broken-booth", _broken_booth, (Parameter("columns", 0, 8, _COLUMNS),)),
    ("drum", _drum, (Parameter("bits", 3, 7, "bits of a segment"),)),
    ("static-segment", _static_segment, (Parameter("bits", 4, 7, "bits of a segment"),)),
    ("column-or", _column_or, (Parameter("columns", 1, 15, "lowest columns with one OR"),)),
    ("pair-or", _pair_or, (Parameter("columns", 1, 15, "lowest columns with ORs of rows"),)),
    ("logarithm", _truncated_logarithm, (Parameter("bits", 1, 7, "fraction bits"),)),
    ("set-one-logarithm", _set_one_logarithm, (Parameter("bits", 1, 6, "bits that are set"),)),
)


def _designs(make: Definitions) -> Callable[..., Iterator[Design]]:
    """Returns the designs of definitions, each under all its encodings."""

    def designs(**values: int) -> Iterator[Design]:
        for definition in make(**values):
            for encoding in encodings(definition):
                network = realize_network(definition, encoding)
                yield Design(realize(definition, encoding), network)

    return designs


def sweep_names() -> tuple[str, ...]:
    """Returns the names of all families, those of ArithsGen with their prefix."""
    return (*(name for name, _, _ in _OURS), *arithsgen_names())


def find_sweep(name: str) -> Sweep:
    """Returns a family by its name.

    Raises:
        ConfigError: There is none of that name, or it needs ArithsGen, which is not installed.
    """
    if name.startswith(PREFIX) and name in arithsgen_names():
        return arithsgen_sweep(name)
    for own, make, parameters in _OURS:
        if own == name:
            return Sweep(name, parameters, _designs(make))
    raise ConfigError(f"there is no family {name!r}", mend=close_names(name, sweep_names()))
