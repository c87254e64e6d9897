"""Modules of several multipliers side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hawx_onnx.errors import ComponentError
from hawx_onnx.hardware.rtl import MultiplierModule, MultiplierSet

CELL = "module cell1 (input a, output y);\n  assign y = ~a;\nendmodule\n"


def module(name: str, text: str = "", *, width: int = 16, signed: bool = True) -> MultiplierModule:
    whole = f"{text}module {name} (input [7:0] A, B, output [15:0] O);\nendmodule\n"
    return MultiplierModule(name, name, ("A", "B", "O"), width, signed, True, whole)


def test_what_two_bring_along_is_kept_once() -> None:
    text = MultiplierSet((module("one", CELL), module("two", CELL)), False).designs()
    assert text.count("module cell1 ") == 1
    assert text.count("module one ") == text.count("module two ") == 1


def test_different_modules_of_one_name_are_refused() -> None:
    other = CELL.replace("~a", "a")
    with pytest.raises(ComponentError, match="one define different modules cell1") as caught:
        MultiplierSet((module("one", CELL), module("two", other)), False).designs()
    assert caught.value.where == "two"


def test_names_of_the_array_are_taken() -> None:
    with pytest.raises(ComponentError, match="hawx_ is taken"):
        MultiplierSet((module("one"), module("hawx_adder")), False).designs()


def test_products_get_a_width_that_holds_all() -> None:
    signed, unsigned = module("s"), module("u", signed=False)
    assert MultiplierSet((unsigned,), False).product_bits == 16
    assert MultiplierSet((signed, unsigned), False).product_bits == 17
    assert MultiplierSet((signed, replace(unsigned, width=12)), False).product_bits == 16
    assert not MultiplierSet((unsigned,), False).signed
    assert MultiplierSet((signed, unsigned), False).signed


def test_products_are_gated_where_0_times_0_is_not_0() -> None:
    zero, other = module("one"), replace(module("two"), zero=False)
    text = MultiplierSet((zero, other), True).element_text()
    assert "assign product = result_0\n    | (result_1 & {16{taken_1}});" in text
    text = MultiplierSet((zero, other), False).element_text()
    assert "assign whole = result;" in text
    assert "assign whole = (result & {16{enable}});" in text


def test_one_type_needs_no_gates_for_its_operands() -> None:
    text = MultiplierSet((module("one"),), True).element_text()
    assert "select" not in text.partition(");")[2]
    assert MultiplierSet((module("one"),), True).modes == 1
    both = (module("one"), module("two"))
    assert MultiplierSet(both, True).modes == 2
    assert MultiplierSet(both, False).modes == 1
