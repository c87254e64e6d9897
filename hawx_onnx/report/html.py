"""The report as one HTML file: offline, complete without its script, light and dark."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hawx_onnx.report.channel_strips import channel_strips_section
from hawx_onnx.report.compensation import compensation_section
from hawx_onnx.report.energy_table import energy_section
from hawx_onnx.report.files import atomic_write_text
from hawx_onnx.report.formats import NONE, number, percent, section
from hawx_onnx.report.hardware_section import hardware_section, types_table
from hawx_onnx.report.heatmap import heat_map_section
from hawx_onnx.report.layer_table import layers_section
from hawx_onnx.report.left_exact import left_exact_section
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.page import page
from hawx_onnx.report.pareto_plot import pareto_section
from hawx_onnx.report.reasons_table import reasons_section
from hawx_onnx.report.search_log import search_section
from hawx_onnx.report.summary import (
    data_note,
    definitions,
    head_section,
    headline,
    result_section,
    warnings_section,
)
from hawx_onnx.report.tables import candidates_section


def _predictor_section(report: Mapping[str, Any]) -> Markup:
    predictor = section(report, "predictor")
    facts: list[tuple[str, object]] = [
        ("Rank correlation, accuracy", number(predictor.get("accuracy_spearman"))),
        ("Mean absolute error, accuracy", _in_points(predictor.get("accuracy_mae"))),
        ("Rank correlation, power", number(predictor.get("power_spearman"))),
        ("Rank correlation, area", number(predictor.get("area_spearman"))),
    ]
    note = (
        "Predicted from the scores alone against measured, over the assignments that the search "
        "measured. Rank correlation is Spearman's: 1 where the prediction orders all of them "
        "rightly."
    )
    parts = [definitions(facts), element("p", note, class_="quiet")]
    return join([*parts, *_learnt(section(predictor, "learnt"))])


def _learnt(learnt: Mapping[str, Any]) -> list[Markup]:
    """How good the predictions were that the search learnt; nothing where it learnt none."""
    if not learnt:
        return []
    quality = section(learnt, "quality")
    excess, dearer = learnt.get("regret_drop"), learnt.get("regret_cost")
    facts: list[tuple[str, object]] = [
        ("Learnt by", f"{learnt.get('method')}, from {number(learnt.get('fitted_on'))} measured"),
        ("Judged on", f"{number(learnt.get('assignments'))}, each before it was measured"),
        ("Rank correlation, learnt", number(quality.get("spearman"))),
        ("Mean absolute error, learnt", _in_points(quality.get("mae"))),
        ("Near the budget", number(learnt.get("budget_assignments"))),
        ("Rank correlation there", number(quality.get("budget_spearman"))),
        ("Mean absolute error there", _in_points(quality.get("budget_mae"))),
        ("Regret: beyond the budget by", _in_points(excess)),
        ("Regret: dearer by", percent(dearer)),
    ]
    note = (
        "Near the budget is up to three times its drop. Regret is that of the cheapest assignment "
        "that was predicted to meet the budget, against the cheapest that does."
    )
    return [definitions(facts), element("p", note, class_="quiet")]


def _in_points(value: object) -> str:
    shown = percent(value)
    return shown if shown == NONE else shown.replace("%", "points")


def _environment_section(report: Mapping[str, Any]) -> Markup:
    environment, model = section(report, "environment"), section(report, "model")
    versions = section(environment, "versions")
    cpu = environment.get("cpu")
    features = ", ".join(map(str, cpu)) if isinstance(cpu, list | tuple) else cpu
    facts: list[tuple[str, object]] = [
        ("Platform", environment.get("platform")),
        ("Instruction set used", environment.get("isa")),
        ("Threads", environment.get("threads")),
        ("Seed", environment.get("seed")),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("CPU features", features),
        ("Model file", model.get("path")),
        (
            "Opset, nodes, candidate nodes",
            ", ".join(number(model.get(key)) for key in ("opset", "nodes", "candidate_nodes")),
        ),
        ("SHA-256 of the model", model.get("sha256")),
    ]
    return join([definitions(facts), data_note(report)])


def _repeat_section(report: Mapping[str, Any]) -> Markup:
    command = element("pre", element("code", report.get("command") or NONE))
    scroll = element(
        "div", command, class_="scroll", tabindex=0, role="region", aria_label="Command"
    )
    note = "run.yaml beside this file holds every setting, defaults included."
    return join([scroll, element("p", note, class_="quiet")])


def _sections(
    report: Mapping[str, Any], sensitivity: Mapping[str, Any] | None
) -> list[tuple[str, str, Markup]]:
    """Returns the sections in order: anchor, title, content."""
    sections = [
        ("result", "Result", result_section(report)),
        ("trade-off", "Trade-off", pareto_section(report)),
        ("layers", "Layers", layers_section(report)),
        ("exact", "Left exact", left_exact_section(report)),
        ("hardware", "Hardware", _hardware_section(report)),
    ]
    reasons = reasons_section(section(report, "reasons"))
    if reasons is not None:
        sections.append(("reasons", "Why this assignment", reasons))
    compensated = compensation_section(report)
    if compensated is not None:
        sections.append(("compensation", "Compensation", compensated))
    if sensitivity is not None:
        sections += _sensitivity_sections(sensitivity)
    return [
        *sections,
        ("multipliers", "Candidate multipliers", candidates_section(report)),
        ("search", "Search", search_section(report)),
        ("prediction", "Prediction", _predictor_section(report)),
        ("environment", "Environment", _environment_section(report)),
        ("repeat", "Repeat this run", _repeat_section(report)),
    ]


def _hardware_section(report: Mapping[str, Any]) -> Markup:
    """Returns what each layer takes of the accelerator, and how its multipliers are used."""
    layers = list(report.get("layers") or ())
    parts = [hardware_section(layers, str(section(report, "target").get("kind") or ""))]
    if types := section(report, "types"):
        parts.append(types_table(types))
    return join(parts)


def _sensitivity_sections(sensitivity: Mapping[str, Any]) -> list[tuple[str, str, Markup]]:
    """Returns the sections that are made of ``sensitivity.json``."""
    drawn = join([heat_map_section(sensitivity), channel_strips_section(sensitivity)])
    sections = [("sensitivity", "Sensitivity", drawn)]
    energies = energy_section(sensitivity)
    if energies is not None:
        sections.append(("energy", "Energy of multiplications", energies))
    return sections


def render_html(report: Mapping[str, Any], sensitivity: Mapping[str, Any] | None = None) -> str:
    """Renders the report as one self-contained HTML page.

    Styles, drawings and the script are inline; the page loads nothing. All texts of the report
    are escaped.

    Args:
        report: The content of ``report.json``.
        sensitivity: The content of ``sensitivity.json``, for the heat map; may be left out.

    Returns:
        The page.
    """
    name = section(report, "model").get("name") or "model"
    return page(
        f"{name} {NONE} hawx-onnx report",
        headline(report),
        [head_section(report), warnings_section(report)],
        _sections(report, sensitivity),
    )


def render_sensitivity_html(sensitivity: Mapping[str, Any], name: str) -> str:
    """Renders ``sensitivity.json`` alone as one self-contained HTML page.

    Args:
        sensitivity: The content of ``sensitivity.json``.
        name: Name of the model.

    Returns:
        The page.
    """
    layers, multipliers = len(sensitivity["layers"]), len(sensitivity["multipliers"])
    text = f"{layers} layers under {multipliers} multipliers, {sensitivity['samples']} samples"
    text += ", biases folded" if sensitivity.get("compensation") else ""
    top = element(
        "header",
        element("h1", f"Sensitivity of {name}"),
        element("p", text),
    )
    sections = _sensitivity_sections(sensitivity)
    return page(f"{name} {NONE} hawx-onnx sensitivity", text, [top], sections)


def write_html(
    report: Mapping[str, Any],
    path: str | os.PathLike[str],
    sensitivity: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the report as one HTML file in one step.

    Args:
        report: The content of ``report.json``.
        path: The file to write or replace.
        sensitivity: The content of ``sensitivity.json``, for the heat map; may be left out.

    Returns:
        The path as given.

    Raises:
        ConfigError: The path cannot be written.
    """
    return atomic_write_text(path, render_html(report, sensitivity))
