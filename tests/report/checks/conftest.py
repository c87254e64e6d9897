"""Reports of checks whose names try to be something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hawx_onnx.checks import CheckReport, Finding
from hawx_onnx.checks.catalogue import RULES, RULES_FILE

HOSTILE = (
    "conv\n::error file=x::owned",
    "##[add-mask]secret",
    "\r\n::stop-commands::x",
    "]]><script>alert(1)</script><!--",
    "a & b < c > \"d\" 'e'",
    "| pipe | ![x](http://example.invalid) `code` **bold**",
    "{0} [link](http://example.invalid) \\ {{1}}",
    "100% %0A %25, a: b, c=d",
    "\x1b[31mred\x07\x00\x08",
    "\u202egnirts",
    "\ufffe\uffff\u2028\u2029",
    "x" * 5000,
    "日本語 Größe",
)


@pytest.fixture
def in_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch folder as the checkout that pipelines count paths from."""
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hostile(in_checkout: Path) -> CheckReport:
    """One rule holds, one does not at nodes of every kind of name, one cannot be read."""
    model = "models/a model: 100%,\n::error::.onnx"
    findings = (
        Finding(
            RULES["max-power"], "passed", "5 mW", model, measured=5, limit=6, target="temporal"
        ),
        Finding(
            RULES["allowed-multipliers"],
            "failed",
            " and ".join(HOSTILE[:8]),
            model,
            nodes=HOSTILE,
            mend="mend [it] {now}\n::warning::x",
        ),
        Finding(RULES_FILE, "error", "no rule 'x\n::y'", "rules.yaml", line=3, exit_code=2),
    )
    return CheckReport(findings, {model: "0" * 64}, "rules.yaml", None, None, 3)


@pytest.fixture
def good(in_checkout: Path) -> CheckReport:
    """Everything holds."""
    findings = tuple(
        Finding(RULES[name], "passed", "fine", "model.onnx")
        for name in ("known-tables", "deterministic-bytes")
    )
    return CheckReport(findings, {"model.onnx": "0" * 64}, None, None, None, 2)


@pytest.fixture
def names() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture
def printable() -> Callable[[str], bool]:
    """Whether a text can be shown line by line."""
    return lambda text: all(line.isprintable() for line in text.split("\n"))
