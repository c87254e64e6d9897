"""What each compensation pass gained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import NONE, finite, number
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.metric_text import MetricText
from hawx_onnx.report.tables import table

_NOTE = (
    "Passes are fitted on calibration samples and tried one upon the other on validation samples; "
    "a pass that does not gain there is not kept. Biases that the search folded stay folded unless "
    "the network is better without. The output error is the mean squared difference "
    "to the outputs of the exact int8 network. Power and area stay as they are."
)


def trials_of(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the passes that were tried, as ``report.json`` has them."""
    given = report.get("compensation")
    return [trial for trial in given or () if isinstance(trial, Mapping)]


def compensation_line(report: Mapping[str, Any]) -> str:
    """Returns the gains in one line; empty where no pass was tried.

    Args:
        report: The content of ``report.json``.
    """
    parts, metric = [], MetricText.of(report)
    for trial in trials_of(report):
        gain = finite(trial.get("gain"))
        told = NONE if gain is None else _gain(metric, gain)
        name = str(trial.get("pass"))
        parts.append(f"{name} {told}" if trial.get("kept") else f"{name} not kept")
    return f"compensation, on validation samples: {', '.join(parts)}" if parts else ""


def folded_note(report: Mapping[str, Any]) -> str:
    """Returns a sentence where assignments were measured with folded biases, else nothing.

    Args:
        report: The content of ``report.json``.
    """
    search = report.get("search")
    given = search.get("compensation") if isinstance(search, Mapping) else None
    return " All but the exact model have their biases folded." if given == "fold-bias" else ""


def compensation_section(report: Mapping[str, Any]) -> Markup | None:
    """Returns the passes as a table; None where none was tried.

    Args:
        report: The content of ``report.json``.
    """
    trials = trials_of(report)
    if not trials:
        return None
    metric = MetricText.of(report)
    heads = (
        ("Pass", "first"),
        ("Kept", ""),
        (f"{metric.title} before", "num"),
        (f"{metric.title} with it", "num"),
        ("Output error before", "num"),
        ("with it", "num"),
        ("Layers changed", "num"),
        ("Layers it cannot treat", "num"),
    )
    rows = [_row(trial, metric) for trial in trials]
    caption = "Compensation passes, on the validation samples"
    return join([table(caption, heads, rows), element("p", _NOTE, class_="quiet")])


def _gain(metric: MetricText, gain: float) -> str:
    """A rise of the score, as drops are told."""
    return f"{metric.drop(gain, signed=True)} {metric.drop_unit}".rstrip()


def _row(trial: Mapping[str, Any], metric: MetricText) -> Markup:
    left = trial.get("left_alone")
    cells = (
        metric.value(trial.get("validation_accuracy_before")),
        metric.value(trial.get("validation_accuracy_after")),
        number(trial.get("output_mse_before")),
        number(trial.get("output_mse_after")),
        number(trial.get("layers")),
        number(len(left) if isinstance(left, list) else None),
    )
    return element(
        "tr",
        element("th", trial.get("pass"), scope="row"),
        element("td", "yes" if trial.get("kept") else "no"),
        *(element("td", cell, class_="num") for cell in cells),
    )
