"""The report of a run that is not finished: order, budget and choice of what was measured."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from hawx_onnx.hardware import CostTotals
from hawx_onnx.journal import Row
from hawx_onnx.report.interrupted import interrupted_report
from hawx_onnx.search import Budget

SAMPLES = 200


def totals(power: float) -> dict[str, Any]:
    return asdict(
        CostTotals(
            power_mw=power,
            area_um2=1.0,
            energy_uj=1.0,
            latency_cycles=1,
            multiplication_energy_uj=1.0,
        )
    )


def row(choice: tuple[int, ...], wrong: int, power: float, samples: int = SAMPLES) -> Row:
    names = ("exact", "rough", "rougher")
    point = {
        "assignment": {f"layer{i}": names[index] for i, index in enumerate(choice)},
        "predicted_accuracy": 0.9,
        "totals": totals(power),
    }
    return Row(choice, np.arange(samples) >= wrong, 0.1, point)


ROWS = (
    row((0, 0), 2, 10.0),  # the exact design, 1 % wrong
    row((1, 1), 5, 6.0),
    row((1, 0), 3, 8.0),
    row((2, 2), 40, 3.0, samples=64),
)


def draft(**budget: Any) -> dict[str, Any]:
    return {
        "budget": asdict(dataclasses.replace(Budget(max_accuracy_drop=0.02), **budget)),
        "baseline": totals(10.0),
        "objective": "power",
        "further_objectives": [],
        "layers": [],
        "command": "hawx-onnx optimize net.onnx",
        "search": {
            "samples": SAMPLES,
            "scoring_seconds": 1.0,
            "space_size": hex(9),
            "allow_exact": True,
        },
        "warnings": [],
    }


def found(report: dict[str, Any], key: str) -> dict[float, object]:
    return {point["power_mw"]: point[key] for point in report["pareto"]}


def test_points_tell_their_order_and_whether_they_meet_the_budget() -> None:
    report = interrupted_report(draft(), ROWS)
    assert found(report, "order") == {3.0: 3, 6.0: 1, 8.0: 2, 10.0: None}
    assert found(report, "meets_budget") == {3.0: False, 6.0: True, 8.0: True, 10.0: True}
    assert found(report, "selected") == {3.0: False, 6.0: True, 8.0: False, 10.0: False}


@pytest.mark.parametrize(("confidence", "chosen"), [(None, 6.0), (0.7, 8.0), (0.99, 10.0)])
def test_the_confidence_asked_for_counts(confidence: float | None, chosen: float) -> None:
    """Of 200 samples three more are wrong, or one: the true drops may be beyond two points."""
    report = interrupted_report(draft(confidence=confidence), ROWS)
    assert report["selected"]["power_mw"] == chosen
