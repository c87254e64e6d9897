"""The pages that commands write, under the rules of axe-core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx.report import render_cost_html, render_html, render_sensitivity_html

BAD = """<!DOCTYPE html><html><body><img src="data:,"><p style="color:#999;background:#fff">pale</p>
<table><tr><th></th></tr></table></body></html>"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_is_broken(
    judge: Callable[..., dict[tuple[str, int], Any]],
    report: dict[str, Any],
    sensitivity: dict[str, Any],
    costed: Callable[[str], dict[str, Any]],
    tmp_path: Path,
    scheme: str,
) -> None:
    texts = {
        "report": render_html(report, sensitivity),
        "cost": render_cost_html(costed("spatial"), "lenet5"),
        "sensitivity": render_sensitivity_html({**sensitivity, "samples": 256}, "lenet5"),
        "bad": BAD,
    }
    pages = []
    for name, text in texts.items():
        pages.append(tmp_path / f"{name}.html")
        pages[-1].write_text(text, encoding="utf-8")
    found = judge(pages, scheme)
    for (name, _), about in found.items():
        if name == "bad":
            broken = {line.split(":")[0] for line in about.told}
            assert {"image-alt", "color-contrast", "html-has-lang", "document-title"} <= broken
        else:
            assert about.told == []
            assert about.held > 30
