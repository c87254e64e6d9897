"""The table of rules: each has a case in one of the files beside this one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hawx_onnx.passes.gradient.rules import ON_CODES, RULES, ZERO_DERIVATIVE


def cases():
    """All cases of the files beside this one."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path == Path(__file__):
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from getattr(module, "CASES", [])


def test_every_rule_has_a_case():
    covered = {case["node"].partition("(")[0].partition("<")[0] for case in cases()}
    rules = {op if isinstance(op, str) else ".".join(op) for op in RULES}
    assert rules - covered == set()


def test_no_operator_stands_in_two_tables():
    assert not {("", op) for op in RULES if isinstance(op, str)} & ZERO_DERIVATIVE
    assert {op if isinstance(op, str) else op[1] for op in RULES} >= ON_CODES
