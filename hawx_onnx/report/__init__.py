"""Reports: ``report.json``, ``report.html``, ``pareto.csv`` and tables for the terminal."""

from __future__ import annotations

from hawx_onnx.report.cost_page import render_cost_html, write_cost_html
from hawx_onnx.report.documents import json_text, report_schema, to_plain, write_json
from hawx_onnx.report.explore_plot import explore_svg
from hawx_onnx.report.files import atomic_write_bytes, atomic_write_text
from hawx_onnx.report.html import render_html, render_sensitivity_html, write_html
from hawx_onnx.report.pareto_csv import assignment_text, pareto_csv, write_pareto_csv
from hawx_onnx.report.terminal import (
    before_after_table,
    cost_table,
    explore_table,
    layer_table,
    print_report,
    print_table,
)

__all__ = [
    "assignment_text",
    "atomic_write_bytes",
    "atomic_write_text",
    "before_after_table",
    "cost_table",
    "explore_svg",
    "explore_table",
    "json_text",
    "layer_table",
    "pareto_csv",
    "print_report",
    "print_table",
    "render_cost_html",
    "render_html",
    "render_sensitivity_html",
    "report_schema",
    "to_plain",
    "write_cost_html",
    "write_html",
    "write_json",
    "write_pareto_csv",
]
