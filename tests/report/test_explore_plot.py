"""The picture of search methods."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from hawx_onnx.report import explore_svg

SVG = "{http://www.w3.org/2000/svg}"


def method(name, *points, **more):
    found = [
        {"measured_accuracy": accuracy, "power_mw": power, "area_um2": 100 * power}
        for power, accuracy in points
    ]
    return {"method": name, "points": found, "evaluations": 3, "samples_run": 250, **more}


def document(*methods, **more):
    return {
        "methods": list(methods),
        "baseline_accuracy": 0.95,
        "max_accuracy_drop": 0.01,
        "validation_samples": 100,
        "metric": "accuracy",
        "objective": "power",
        **more,
    }


def test_points_fronts_and_figures():
    one = method("hawx", (3.0, 0.95), (2.0, 0.93), (2.5, 0.92), (1.0, 0.5), (1.5, None))
    two = method("a<b>", (3.0, 0.95), seconds=2.5, hypervolume=0.25)
    tree = ET.fromstring(explore_svg(document(one, two)))
    circles = tree.findall(f".//{SVG}circle")
    # Three of the first, one of the second, two in the legend: one is too bad, one not measured.
    assert len(circles) == 3 + 1 + 2
    spots = [(float(c.get("cx")), float(c.get("cy"))) for c in circles[:3]]
    assert spots[1][0] < spots[2][0] < spots[0][0]
    assert spots[0][1] < spots[1][1] < spots[2][1]
    assert [c.get("fill-opacity") for c in circles[:3]] == ["1", "1", "0.4"]
    texts = " ".join(text.text for text in tree.iter(f"{SVG}text"))
    assert "a<b>: 3 evaluations (2.50 whole runs), 2.50\u00a0s, hypervolume 0.250" in texts
    assert "budget" in texts
    assert len({c.get("fill") for c in circles}) == 2


@pytest.mark.parametrize(
    "explored",
    [document(), document(method("hawx")), document(method("hawx", (0.0, 0.95)), objective="area")],
)
def test_odd_documents_are_drawn(explored):
    assert ET.fromstring(explore_svg(explored)).tag == f"{SVG}svg"
