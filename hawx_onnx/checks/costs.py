"""Rules on what a model costs on a target."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from hawx_onnx.checks.claimed_names import wrong_names
from hawx_onnx.checks.finding import FAILED, PASSED, Finding
from hawx_onnx.checks.rules_file import Rule
from hawx_onnx.checks.subject import Subject
from hawx_onnx.costing import cost_model
from hawx_onnx.hardware import load_target
from hawx_onnx.settings import Settings

_FIELDS = {
    "max-power": "power_mw",
    "max-area": "area_um2",
    "max-energy": "energy_uj",
    "max-latency": "latency_cycles",
    "max-luts": "area_lut6",
}
# What makes no sense on a fabric, as in `optimize`.
_WRONG_RULE = {"asic": "max-luts", "fpga": "max-area"}


def check_target(rule: Rule, settings: Settings) -> None:
    """Checks the target of a rule before anything is measured.

    Raises:
        CheckFileError: It does not tell the cost that the rule limits.
        HawxError: It cannot be loaded.
    """
    target = load_target(target_of(rule, settings))
    if rule.kind.name == _WRONG_RULE.get(target.fabric):
        mend = (
            f"use {_WRONG_RULE['fpga' if target.fabric == 'asic' else 'asic']}, or another target"
        )
        raise rule.refuse(f"{target.name} ({target.fabric}) does not tell {rule.kind.unit}", mend)


def target_of(rule: Rule, settings: Settings) -> str:
    """The target of a rule: its own, or that of the flags."""
    return str(rule.options.get("target", settings.target))


class Costs:
    """Costs of one model, each target's found once."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._found: dict[str, dict[str, Any]] = {}

    def on(self, target: str) -> dict[str, Any]:
        """The document of ``cost --json`` on a target."""
        if target not in self._found:
            settings = dataclasses.replace(self._subject.settings, target=target)
            self._found[target] = cost_model(self._subject.path, settings)
        return self._found[target]


def max_cost(subject: Subject, rule: Rule, costs: Costs) -> Finding:
    """The cost is known, is that of the tables in the file, and is within the limit."""
    target, limit = target_of(rule, subject.settings), float(rule.value)
    wrong = wrong_names(subject)
    if wrong:
        told = (
            f"costs go by the names in the metadata, which are wrong: {next(iter(wrong.values()))}"
        )
        mend = "rewrite the model with `hawx-onnx apply`"
        return _finding(
            subject, rule, False, told, target, nodes=tuple(filter(None, wrong)), mend=mend
        )
    document = costs.on(target)
    value = document["total"].get(_FIELDS[rule.kind.name])
    if value is None or not math.isfinite(value):
        told = f"no {rule.kind.unit} are known of this model on {target}"
        mend = "characterise its multipliers: hawx-onnx library characterize"
        return _finding(subject, rule, False, told, target, mend=mend)
    notes = f" ({'; '.join(document['notes'])})" if document["notes"] else ""
    message = f"{value:.6g} {rule.kind.unit} on {target}, {limit:g} allowed{notes}"
    return _finding(subject, rule, value <= limit, message, target, measured=float(value))


def _finding(
    subject: Subject,
    rule: Rule,
    good: bool,
    message: str,
    target: str,
    *,
    measured: float | None = None,
    nodes: tuple[str, ...] = (),
    mend: str = "",
) -> Finding:
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        message,
        subject.path,
        nodes=nodes,
        measured=measured,
        limit=float(rule.value),
        target=target,
        mend="" if good else mend or rule.kind.mend,
    )
