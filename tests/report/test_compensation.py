"""What the page and the terminal tell of compensation."""

from __future__ import annotations

import pytest

from hawx_onnx.report.compensation import compensation_line, compensation_section


def trial(name, *, kept, gain):
    return {
        "pass": name,
        "kept": kept,
        "gain": gain,
        "validation_accuracy_before": 0.9,
        "validation_accuracy_after": 0.9 + (gain or 0),
        "output_mse_before": 2.0,
        "output_mse_after": 0.5,
        "layers": 3,
        "left_alone": [{"name": "q", "op": "MatMul", "reason": "no bias"}],
    }


def test_the_line_tells_gains_and_what_was_not_kept():
    trials = [
        trial("fold-bias", kept=True, gain=0.0125),
        trial("map-weights", kept=True, gain=0.0),
        trial("rescale", kept=False, gain=-0.01),
    ]
    assert compensation_line({"compensation": trials}) == (
        "compensation, on validation samples: fold-bias +1.25 points, map-weights 0.00 points, "
        "rescale not kept"
    )


def test_the_table_has_a_row_for_each_pass():
    trials = [trial("fold-bias", kept=True, gain=0.05), trial("<b>", kept=False, gain=None)]
    page = str(compensation_section({"compensation": trials}))
    assert page.count("<tr>") == 3
    assert "95.00" in page and "&lt;b&gt;" in page and "<b>" not in page


@pytest.mark.parametrize("report", [{}, {"compensation": None}, {"compensation": []}])
def test_nothing_is_told_where_nothing_was_tried(report):
    assert compensation_line(report) == ""
    assert compensation_section(report) is None
