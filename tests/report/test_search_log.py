"""The search log: measurements in their order, what met the budget, and the best so far."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hawx_onnx.report.front_table import front_table, multipliers_told
from hawx_onnx.report.search_log import measured_in_order, search_section


def rows_of(markup: str) -> list[list[str]]:
    """The texts of a table's rows, without its head."""
    body = markup[markup.rindex("<tbody>") :]
    return [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body)
    ]


@pytest.fixture
def searched(report: dict[str, Any]) -> dict[str, Any]:
    """Four measurements; the second and the last meet the budget, the third was given up."""
    found = (
        (3, 0.99, None, 20.0, False, 0.7),
        (1, 0.97, 0.95, 22.0, False, None),
        (4, 0.98, 0.985, 24.0, True, None),
        (2, 0.99, 0.99, 25.0, True, None),
    )
    report["baseline"]["power_mw"] = 40.0
    report["pareto"] = [
        {
            "assignment": {"a": "m1", "b": ["m1", "m2"]},
            "order": order,
            "predicted_accuracy": predicted,
            "measured_accuracy": measured,
            "partial_accuracy": partial,
            "samples": 128,
            "power_mw": power,
            "meets_budget": met,
            "on_front": met,
            "selected": order == 4,
        }
        for order, predicted, measured, power, met, partial in found
    ]
    return report


def test_rows_are_in_the_order_of_measurement(searched: dict[str, Any]) -> None:
    rows = rows_of(search_section(searched))
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [row[4] for row in rows] == [
        f"{share}\u00a0%" for share in ("55.0", "62.5", "50.0", "60.0")
    ]
    assert [row[5] for row in rows] == [
        "not met",
        "metbest so far",
        "given up early",
        "metbest so far",
    ]
    assert rows[2][2] == "70.00\u00a0% of 128"
    assert rows[0][6] == "m1\u00a0×\u00a01, 1 layer channel by channel"


def test_the_line_falls_where_something_cheaper_met_the_budget(searched: dict[str, Any]) -> None:
    shown = search_section(searched)
    (line,) = re.findall(r'<path class="front" d="M([^"]*)"/><circle', shown)
    corners = [tuple(map(float, corner.split())) for corner in line.split("L")]
    dots = [
        (float(x), float(y))
        for x, y in re.findall(r'<circle class="[^"]*" cx="([\d.]+)" cy="([\d.]+)" r="4">', shown)
    ]
    first, last = dots[1], dots[3]
    assert corners == [first, (last[0], first[1]), last, last]
    assert "the cheapest within the budget: 60.0 % in the end" in shown


def test_no_order_no_log(report: dict[str, Any]) -> None:
    for point in report["pareto"]:
        point.pop("order", None)
    assert measured_in_order(report) == []
    shown = search_section(report)
    assert "<table" not in shown
    assert "Speed-up" in shown


def test_none_within_the_budget(searched: dict[str, Any]) -> None:
    for point in searched["pareto"]:
        point["meets_budget"] = False
    shown = search_section(searched)
    assert "none met the budget" in shown
    assert "best so far" not in shown


def test_a_long_log_is_cut_and_says_so(searched: dict[str, Any]) -> None:
    point = searched["pareto"][1]
    searched["pareto"] = [{**point, "order": order} for order in range(1, 401)]
    shown = search_section(searched)
    assert len(rows_of(shown)) == 150
    assert "the first 150 of 400 measurements" in shown
    assert "<details><summary>Search log, 400 rows" in shown


def test_the_front_is_a_table_too(searched: dict[str, Any]) -> None:
    rows = rows_of(front_table(searched))
    assert [row[0] for row in rows] == ["98.50\u00a0%", "99.00\u00a0%"]
    assert rows[0][2] == "24.0\u00a0mW"
    assert "selected" in rows[0]
    assert "selected" not in rows[1]
    assert front_table({"pareto": []}) == ""


def test_assignments_in_a_few_words() -> None:
    assert multipliers_told({}) == multipliers_told(None) == "all exact"
    many = {f"l{i}": f"m{i % 5}" for i in range(11)}
    assert (
        multipliers_told(many)
        == "m0\u00a0×\u00a03, m1\u00a0×\u00a02, m2\u00a0×\u00a02, 2 other multipliers"
    )
