"""Numbers and names as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawx_onnx.report import formats
from hawx_onnx.report.svg import Axis, round_step


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "–"),
        (0, "0"),
        (0.0, "0"),
        (13192, "13,192"),
        (-5, "−5"),
        (12_345_678, "1.23×10⁷"),
        (6**236, "4.40×10¹⁸³"),
        (0.0143, "0.0143"),
        (28.412, "28.4"),
        (-0.5, "−0.500"),
        (5.73e-5, "5.73×10⁻⁵"),
        (3.3e179, "3.30×10¹⁷⁹"),
    ],
)
def test_number(value: object, shown: str):
    assert formats.number(value) == shown


def test_percentages_and_intervals():
    assert formats.percent(0.98934) == "98.93\u00a0%"
    assert formats.percent(-0.00001, 1, signed=True) == "0.0\u00a0%"
    assert formats.percent(-0.3, 1, signed=True) == "−30.0\u00a0%"
    assert formats.points(0.0049, signed=True) == "+0.49"
    assert formats.share(1.6e-6) == "1.60×10⁻⁴\u00a0%"
    assert formats.interval([-0.001, 0.002]) == "−0.10 to 0.20"
    assert formats.interval([None, 0.2]) == formats.interval(None) == "–"


def test_costs_take_one_unit_together():
    unit = formats.unit_of("power_mw", 0.42, 0.3)
    assert unit == ("µW", 1e-3)
    assert formats.quantity("power_mw", 0.42, unit) == "420\u00a0µW"
    assert formats.quantity("area_um2", 1.9e6) == "1.90\u00a0mm²"
    assert formats.quantity("latency_cycles", 13192.0) == "13,192\u00a0cycles"
    assert formats.quantity("energy_uj", None) == "–"
    assert formats.unit_of("energy_uj", None) == ("µJ", 1.0)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (0.42, "420 ms"), (4.2e-5, "42.0 µs"), (12.84, "12.8 s"), (150, "2.50 min"),
     (1e5, "1.16 days"), (1e12, "31,688 years"), (None, "–")],
)  # fmt: skip
def test_duration(seconds: object, shown: str):
    assert formats.duration(seconds).replace("\u00a0", " ") == shown


@given(st.text(), st.integers(1, 40))
def test_shortened_names_fit(name: str, limit: int):
    short = formats.shorten(name, limit)
    assert len(short) <= limit
    assert short == name or "…" in short


@given(st.text())
def test_cleaned_names_hold_no_control_characters(name: str):
    shown = formats.clean(name)
    assert len(shown) == len(name)
    assert not any((ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) < 0xA0 for c in shown)


def test_ascii():
    assert formats.plain_ascii("−1.5×10⁻⁵ µm² → 3\u00a0%") == "-1.5e-5 um2 -> 3 %"


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=20),
    st.floats(0.01, 10),
    st.integers(2, 9),
)
def test_axes_hold_their_values_and_their_ticks_are_round(
    values: list[float], least: float, wanted: int
):
    axis = Axis.over(values, 0.0, 500.0, least=least, wanted=wanted)
    assert all(axis.holds(value) for value in values)
    labels = [label for _, label in axis.ticks()]
    assert len(set(labels)) == len(labels) >= 2
    assert len(labels) <= 2 * wanted + 3
    mantissa = axis.step / 10 ** math.floor(math.log10(axis.step) + 1e-9)
    assert any(math.isclose(mantissa, m) for m in (1, 2, 2.5, 5))
    assert axis.at(axis.low) == 0.0
    assert math.isclose(axis.at(axis.high), 500.0)


def test_an_axis_of_accuracies_ends_at_one_hundred():
    axis = Axis.over([100.0, 100.0], 0.0, 1.0, least=0.5, within=(0, 100))
    assert (axis.low, axis.high) == (99.5, 100.0)
    assert round_step(10.0, 5) == 2.0
