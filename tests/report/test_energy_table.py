"""The table of energies of multiplications under layers' own operands."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hawx_onnx.report import render_html, render_sensitivity_html
from hawx_onnx.report.energy_table import energy_section

HOLDS = {
    "layers": ["a", "b"],
    "multipliers": ["exact", "cheap"],
    "multiplication_energy": {"uniform_fj": [200.0, 80.0], "own_fj": [[50.0, None], [100.0, 10.0]]},
}


def rows(text: str) -> list[list[str]]:
    """The texts of the cells of a table's body, row by row."""
    found = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[dh].*?</t[dh]>", row)]
        for row in found
    ]


def test_energies_and_their_share_of_uniform_ones() -> None:
    section = energy_section(HOLDS)
    assert section is not None
    shown = [[" ".join(cell.split()) for cell in row] for row in rows(str(section))]
    assert shown == [
        ["Layer", "exact", "cheap"],
        ["Uniform operands", "200", "80.0"],
        ["a", "50.0 25 %", "\N{EN DASH} \N{EN DASH}"],
        ["b", "100 50 %", "10.0 12 %"],
    ]


@pytest.mark.parametrize(
    "energies",
    [
        None,
        {},
        {"uniform_fj": [1.0], "own_fj": [[1.0, 2.0]] * 2},
        {"uniform_fj": [1.0, 2.0], "own_fj": [[1.0, 2.0]]},
        {"uniform_fj": [1.0, 2.0], "own_fj": [[1.0], [2.0]]},
        {"uniform_fj": 3, "own_fj": 4},
    ],
)
def test_documents_without_energies_have_no_table(energies: Any) -> None:
    assert energy_section({**HOLDS, "multiplication_energy": energies}) is None


def test_both_pages_show_it(report: dict[str, Any], sensitivity: dict[str, Any]) -> None:
    sensitivity["samples"] = 256
    alone = render_sensitivity_html(sensitivity, "net")
    for page in (render_html(report, sensitivity), alone):
        assert "Energy of one multiplication, in fJ" in page
        assert 'href="#energy"' in page
    del sensitivity["multiplication_energy"]
    for page in (render_html(report, sensitivity), render_sensitivity_html(sensitivity, "net")):
        assert "Energy of one multiplication" not in page


@pytest.mark.parametrize(
    ("operands", "words"),
    [
        ("own", "Multiplications are costed under the operands that each layer sees."),
        ("uniform", "Multiplications are costed under uniform operands."),
    ],
)
def test_the_page_tells_the_operands(report: dict[str, Any], operands: str, words: str) -> None:
    assert words in render_html({**report, "operands": operands})
    assert "are costed under" not in render_html({**report, "operands": None})
