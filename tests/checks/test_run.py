from __future__ import annotations

from pathlib import Path

import pytest

import hawx_onnx
from hawx_onnx.checks import CheckFileError, CheckReport, Finding, read_rules
from hawx_onnx.checks.catalogue import RULES
from hawx_onnx.checks.run import Request, run_checks
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.settings import Settings


def finding(status: str, code: int = 1) -> Finding:
    return Finding(RULES["known-tables"], status, "told", "model.onnx", exit_code=code)


def report(*findings: Finding, expected: int | None = None) -> CheckReport:
    count = len(findings) if expected is None else expected
    return CheckReport(findings, {"model.onnx": "0" * 64}, None, None, None, count)


def test_a_check_passes_only_where_everything_was_looked_at() -> None:
    assert report(finding("passed"), finding("passed")).passed
    assert report(finding("passed")).exit_code == 0
    for other in (
        report(),
        report(finding("passed"), expected=2),
        report(finding("passed"), finding("failed")),
        report(finding("passed"), finding("error", 3)),
    ):
        assert not other.passed
        assert other.exit_code != 0


def test_the_exit_code_is_that_of_the_first_error() -> None:
    assert report(finding("failed"), finding("error", 4), finding("error", 3)).exit_code == 4
    assert report(finding("failed"), finding("passed")).exit_code == 1
    assert report().exit_code == 1


def test_every_rule_has_a_check(one, rewritten: Path, lenet: Path) -> None:
    values = {float: 1, int: 1, bool: True, tuple: ["mul8s_*"]}
    rules = {name: values[kind.value.kind] for name, kind in RULES.items()}
    rules["max-luts"] = {"limit": 1, "target": "temporal-systolic-16x16-fpga"}
    found = hawx_onnx.check(rewritten, rules=rules, baseline=lenet, jobs=1)
    assert [f.kind.name for f in found.findings] == list(RULES)
    assert not found.of_status("error")


def test_without_rules_a_baseline_is_held_to_one_point(rewritten: Path, lenet: Path) -> None:
    (found,) = hawx_onnx.check(rewritten, baseline=lenet, jobs=1).findings
    assert (found.kind.name, found.limit) == ("max-accuracy-drop", 0.01)


def test_no_rule_is_no_check(rewritten: Path) -> None:
    with pytest.raises(ConfigError, match="no rule to check"):
        hawx_onnx.check(rewritten)
    with pytest.raises(ConfigError, match="no rule that is switched on"):
        hawx_onnx.check(rewritten, rules={"known-tables": False})


def test_a_drop_needs_a_baseline_and_is_told_with_its_line(rewritten: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("known-tables: true\nmax-accuracy-drop: 0.01\n")
    with pytest.raises(CheckFileError, match="no baseline") as caught:
        hawx_onnx.check(rewritten, rules=path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)


def test_a_baseline_that_no_rule_looks_at_is_an_error(rewritten: Path, lenet: Path) -> None:
    with pytest.raises(CheckFileError, match="no rule max-accuracy-drop looks at it"):
        hawx_onnx.check(rewritten, rules={"known-tables": True}, baseline=lenet)


def test_models_are_named_and_named_once(rewritten: Path) -> None:
    with pytest.raises(ConfigError, match="names no model"):
        hawx_onnx.check([], rules={"known-tables": True})
    with pytest.raises(ConfigError, match="named twice"):
        hawx_onnx.check([rewritten, rewritten], rules={"known-tables": True})
    with pytest.raises(ModelError, match="no such file"):
        hawx_onnx.check([rewritten, "missing.onnx"], rules={"known-tables": True})


def test_several_models_are_all_checked(rewritten: Path, lenet: Path) -> None:
    rules = {"max-opset": 17, "known-tables": True}
    found = hawx_onnx.check([rewritten, lenet], rules=rules)
    assert [(f.file, f.kind.name, f.status) for f in found.findings] == [
        (str(rewritten), "max-opset", "passed"),
        (str(rewritten), "known-tables", "passed"),
        (str(lenet), "max-opset", "passed"),
        (str(lenet), "known-tables", "error"),
    ]
    assert (found.passed, found.exit_code) == (False, 3)


def test_an_error_in_one_rule_leaves_the_others_checked(one, rewritten: Path) -> None:
    rules = {"no-exact-fallback": {"except": ["nothing"]}, "known-tables": True}
    found = hawx_onnx.check(rewritten, rules=rules)
    assert [f.status for f in found.findings] == ["error", "passed"]


def test_an_error_of_a_rule_names_its_line(rewritten: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("known-tables: true\nno-exact-fallback:\n  except: [nothing]\n")
    request = Request((str(rewritten),), read_rules(path), Settings())
    found = run_checks(request).findings[1]
    assert (found.status, found.file, found.line) == ("error", str(path), 2)


def test_the_same_check_says_the_same(rewritten: Path, lenet: Path) -> None:
    rules = {"max-accuracy-drop": 0.5, "max-power": 1e9}
    first, second = (
        hawx_onnx.check(rewritten, rules=rules, baseline=lenet, jobs=1).to_dict() for _ in range(2)
    )
    assert first == second
