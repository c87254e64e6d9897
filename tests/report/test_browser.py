"""The report in a real browser: nothing to complain about, and no page that scrolls sideways."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx.report import render_cost_html, render_html

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
)
# The page is measured from outside, in a frame of the width asked for: it runs no script itself.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" src="report.html"
style="width:WIDTHpx;height:900px;border:0"></iframe><script>
addEventListener("load", () => {
  const inside = document.getElementById("page").contentDocument.documentElement;
  document.body.dataset.found = inside.clientWidth + " " + inside.scrollWidth;
});</script></body>"""


@pytest.fixture(scope="session")
def browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed (Debian's package chromium)")
    return found


def run(browser: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def widths(browser: str, folder: Path, width: int) -> tuple[int, int]:
    """The widths that a frame shows of ``report.html``, and that the page takes."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    done = run(browser, folder, "--window-size=1400,1000", "--dump-dom", frame.as_uri())
    found = re.search(r'data-found="(\d+) (\d+)"', done.stdout)
    assert found, done.stdout[-500:]
    visible, needed = (int(number) for number in found.groups())
    return visible, needed


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_its_width(
    browser: str, tmp_path: Path, report: dict[str, Any], width: int
) -> None:
    (tmp_path / "report.html").write_text(render_html(report), encoding="utf-8")
    visible, needed = widths(browser, tmp_path, width)
    assert 0 < visible <= width
    assert needed <= visible


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_of_costs_fits_its_width(
    browser: str, costed: Callable, tmp_path: Path, width: int
) -> None:
    text = render_cost_html(costed("spatial"), "a" * 60)
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    visible, needed = widths(browser, tmp_path, width)
    assert 0 < visible <= width
    assert needed <= visible


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_without_complaints(
    browser: str, tmp_path: Path, report: dict[str, Any], scheme: str
) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(render_html(report), encoding="utf-8")
    done = run(
        browser,
        tmp_path,
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
        "--window-size=1280,2400",
        f"--screenshot={picture}",
        page.as_uri(),
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 50_000
    assert "CONSOLE" not in done.stderr
