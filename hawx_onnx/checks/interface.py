"""``check`` as a Python function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hawx_onnx.checks.finding import CheckReport
from hawx_onnx.checks.rules_file import Rule, read_rules, rules_of
from hawx_onnx.checks.run import Request, run_checks
from hawx_onnx.settings import Settings


def check(
    model: str | Path | Sequence[str | Path],
    *,
    rules: str | Path | Mapping[str, Any] | None = None,
    baseline: str | Path | None = None,
    data: str | Path | None = None,
    split: str = "test",
    portable: bool = False,
    **options: Any,  # noqa: ANN401 - the fields of Settings
) -> CheckReport:
    """Holds models against rules.

    Args:
        model: Path of an ONNX file, or several.
        rules: A file of rules, or a mapping such as ``{"max-accuracy-drop": 0.01}``; None for
            ``max-accuracy-drop: 0.01`` alone, which needs a baseline.
        baseline: A model, a baseline file or a ``report.json``.
        data: What ``--data`` takes.
        split: The samples for accuracy: ``test``, ``validation`` or ``calibration``.
        portable: Measure accuracy with the portable bodies.
        **options: Fields of :class:`hawx_onnx.settings.Settings`; ``metric``, ``target``,
            ``library``, ``predict_costs``, ``preprocess``, ``output_name``, ``validation_samples``,
            ``seed`` and ``jobs`` are read.

    Returns:
        One finding for each rule and model; ``passed`` tells whether all of them hold.

    Raises:
        HawxError: Rules, model, baseline or data cannot be read; nothing was measured.
    """
    plain = {"data": None if data is None else str(data), **options}
    if isinstance(plain.get("library"), (str, Path)):
        plain["library"] = (str(plain["library"]),)
    elif "library" in plain:
        plain["library"] = tuple(str(one) for one in plain["library"])
    chosen: tuple[Rule, ...] = ()
    if rules is not None:
        chosen = rules_of(rules) if isinstance(rules, Mapping) else read_rules(rules)
    models = (model,) if isinstance(model, (str, Path)) else tuple(model)
    held = None if baseline is None else str(baseline)
    settings = Settings.of(plain)
    return run_checks(
        Request(tuple(str(one) for one in models), chosen, settings, held, split, portable)
    )
