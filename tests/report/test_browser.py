"""The report in a real browser: complaints, requests, widths, colours, sorting and tooltips."""

from __future__ import annotations

import html
import json
import re
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
# The page is looked at from outside, in a frame of the width asked for.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" src="report.html"
style="width:WIDTHpx;height:900px;border:0"></iframe><script>
addEventListener("load", () => {
  const frame = document.getElementById("page");
  const page = frame.contentDocument, view = frame.contentWindow;
  document.body.dataset.found = JSON.stringify((() => { PROBE })());
});</script></body>"""


def run(browser: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def probe(browser: str, folder: Path, script: str, *arguments: str, width: int = 1280) -> Any:
    """What a script returns that sees ``report.html`` as ``page``, and its window as ``view``."""
    frame = folder / "frame.html"
    text = FRAME.replace("WIDTH", str(width)).replace("PROBE", script)
    frame.write_text(text, encoding="utf-8")
    done = run(browser, folder, "--window-size=1400,1000", *arguments, "--dump-dom", frame.as_uri())
    assert "CONSOLE" not in done.stderr
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stdout[-500:]
    return json.loads(html.unescape(found.group(1)))


def widths(browser: str, folder: Path, width: int) -> tuple[int, int]:
    """The widths that a frame shows of ``report.html``, and that the page takes."""
    script = "const e = page.documentElement; return [e.clientWidth, e.scrollWidth];"
    visible, needed = probe(browser, folder, script, width=width)
    return visible, needed


@pytest.fixture
def written(tmp_path: Path, report: dict[str, Any], sensitivity: dict[str, Any]) -> Path:
    """A folder with ``report.html``."""
    (tmp_path / "report.html").write_text(render_html(report, sensitivity), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_its_width(browser: str, written: Path, width: int) -> None:
    visible, needed = widths(browser, written, width)
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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_a_picture_without_complaints(browser: str, written: Path, scheme: str, width: int) -> None:
    page, picture = written / "report.html", written / "report.png"
    done = run(
        browser,
        written,
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
        f"--window-size={width},2400",
        f"--screenshot={picture}",
        page.as_uri(),
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 50_000
    assert "CONSOLE" not in done.stderr


# Colours as drawn: each text against the first ground behind it that is not transparent.
CONTRAST = """
const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (c) => {
  const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = rgba(view.getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
  }
  return [255, 255, 255];
};
page.querySelectorAll("details").forEach((one) => { one.open = true; });
page.querySelector("svg.marked").dispatchEvent(
  new view.KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
let least = [99, ""], texts = 0;
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  // Numbers in the cells of heat maps lie on shapes: the palette's test holds those.
  const skip = !text || ["SCRIPT", "STYLE", "title", "desc"].includes(parent.tagName) ||
    parent.closest(".heat [class^=t]");
  if (skip) continue;
  const style = view.getComputedStyle(parent);
  const ink = rgba(parent.closest("svg") ? style.fill : style.color).slice(0, 3);
  const [high, low] = [light(ink), light(ground(parent))].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  texts += 1;
  if (ratio < least[0]) least = [ratio, text];
}
return { least, texts, tip: page.querySelector(".tip").textContent };
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: str, written: Path, scheme: str) -> None:
    light = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    found = probe(browser, written, CONTRAST, light)
    assert found["texts"] > 500
    assert found["tip"]
    assert found["least"][0] >= 4.5, found["least"]


SORT = """
const table = [...page.querySelectorAll("table.sortable")].find(
  (one) => one.caption.textContent === "Each layer, and what its channels got");
const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
const head = (name) => [...table.tHead.rows[0].cells].find((one) => one.textContent === name);
const state = (name) => [names(), head(name).getAttribute("aria-sort")];
const click = (name) => { head(name).querySelector("button").click(); return state(name); };
const said = () => page.querySelector("[role=status]").textContent;
return {
  given: names(), largest: click("MACs"), heard: said(), smallest: click("MACs"),
  again: click("MACs"), sensitive: click("Sensitivity"), insensitive: click("Sensitivity"),
  named: click("Layer"), other: head("Sensitivity").getAttribute("aria-sort"),
  buttons: page.querySelectorAll("thead button").length,
};
"""


def test_a_click_on_a_heading_sorts(browser: str, written: Path, report: dict[str, Any]) -> None:
    found = probe(browser, written, SORT)
    layers = report["layers"]
    given = [layer["name"] for layer in layers]
    assert found["given"] == given
    by_macs = [layer["name"] for layer in sorted(layers, key=lambda layer: -layer["macs"])]
    assert found["largest"] == [by_macs, "descending"]
    assert found["heard"] == "Sorted by MACs, descending"
    assert found["smallest"] == [by_macs[::-1], "ascending"]
    assert found["again"] == [given, None]
    known = [layer for layer in layers if layer["sensitivity"] is not None]
    order = [layer["name"] for layer in sorted(known, key=lambda layer: -layer["sensitivity"])]
    unknown = [layer["name"] for layer in layers if layer["sensitivity"] is None]
    assert unknown
    assert found["sensitive"] == [order + unknown, "descending"]
    assert found["insensitive"] == [order[::-1] + unknown, "ascending"]
    assert found["named"] == [sorted(given), "ascending"]
    assert found["other"] is None
    assert found["buttons"] > 30


def test_numbers_of_any_form_are_sorted(
    browser: str, tmp_path: Path, report: dict[str, Any]
) -> None:
    values = [3.2e9, None, -0.004, 12.0, 1.5e-8, -7e12, 0.0, 1234.0, 0.02]
    first = report["candidates"][0]
    report["candidates"] = [
        {**first, "name": f"m{index}", "mean_error": value} for index, value in enumerate(values)
    ]
    (tmp_path / "report.html").write_text(render_html(report), encoding="utf-8")
    script = """
    const head = [...page.querySelectorAll("th")].find((one) => one.textContent === "Mean error");
    head.querySelector("button").click();
    return [...head.closest("table").tBodies[0].rows].map((row) => row.cells[0].textContent);
    """
    real = [value for value in values if value is not None]
    order = [values.index(value) for value in sorted(real, reverse=True)] + [values.index(None)]
    assert probe(browser, tmp_path, script) == [f"m{index}" for index in order]


TIPS = """
const tip = page.querySelector(".tip");
const move = (node, x, y) => node.dispatchEvent(
  new view.PointerEvent("pointermove", { bubbles: true, clientX: x, clientY: y }));
const middle = (node) => {
  const box = node.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
};
const seen = () => (tip.hidden ? null : tip.textContent);
const found = {};
const mark = page.querySelector("svg.marked circle.measured");
const own = mark.querySelector("title").textContent;
move(mark, ...middle(mark));
found.mark = [seen() === own, mark.querySelector("title")];
move(page.querySelector("h1"), 5, 5);
found.left = [seen(), mark.querySelector("title").textContent === own];
const strip = [...page.querySelectorAll("svg.channels")].find(
  (one) => one.viewBox.baseVal.width === 120);
const box = strip.getBoundingClientRect();
const inner = [box.left + 1, box.width - 2];
found.channels = [0, 3, 5, 119].map((channel) => {
  const at = inner[0] + (channel + 0.5) / 120 * inner[1];
  const path = [...strip.querySelectorAll("path")].find((one) => {
    let start = 0;
    for (const [, gap, size] of one.getAttribute("d").matchAll(/m(\\d+) 0?5?h(\\d+)/gi)) {
      start += Number(gap);
      if (channel >= start && channel < start + Number(size)) return true;
      start += Number(size);
    }
    return false;
  });
  move(path, at, box.top + 5);
  return seen();
});
const plot = page.querySelector("svg.marked");
const press = (key) => plot.dispatchEvent(
  new view.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
press("ArrowRight");
const first = seen();
press("ArrowRight");
found.keys = [!!first, !!seen(), first !== seen(), plot.tabIndex];
found.heard = page.querySelector("[role=status]").textContent === seen();
press("Escape");
found.closed = seen();
found.drawings = [...page.querySelectorAll("svg[role=img]")].every(
  (one) => one.getAttribute("aria-label"));
return found;
"""


def test_texts_of_marks_are_shown_on_pointing_and_by_keyboard(browser: str, written: Path) -> None:
    found = probe(browser, written, TIPS)
    assert found["mark"] == [True, None]
    assert found["left"] == [None, True]
    assert found["channels"] == [
        "mul8s_1L2H: channels 0 to 3",
        "mul8s_1L2H: channels 0 to 3",
        "mul8s_1L2D: channels 4 to 10",
        "mul8s_1L2D: channels 113 to 119",
    ]
    assert found["keys"] == [True, True, True, 0]
    assert found["heard"]
    assert found["closed"] is None
    assert found["drawings"]


def test_hostile_names_stay_text_in_tooltips(
    browser: str, tmp_path: Path, hostile: Callable[[str], dict[str, Any]]
) -> None:
    name = "<img src=x onerror=alert(1)><b>bold</b>"
    (tmp_path / "report.html").write_text(render_html(hostile(name)), encoding="utf-8")
    script = """
    const tip = page.querySelector(".tip");
    const shown = [...page.querySelectorAll("svg.channels path, svg.marked circle, [title]")]
      .map((node) => {
        node.dispatchEvent(new view.PointerEvent("pointermove", { bubbles: true }));
        return tip.textContent;
      });
    page.querySelectorAll("thead button").forEach((button) => button.click());
    return {
      shown, made: page.querySelectorAll(".tip *, img, b").length,
      scripts: page.scripts.length, status: page.querySelector("[role=status]").children.length,
    };
    """
    found = probe(browser, tmp_path, script)
    assert sum(name in text for text in found["shown"]) > 5
    assert found["made"] == found["status"] == 0
    assert found["scripts"] == 1


def test_without_scripts_everything_is_there(
    browser: str, written: Path, report: dict[str, Any]
) -> None:
    page, bare = written / "report.html", written / "bare.html"
    text = page.read_text(encoding="utf-8")
    # Chromium cannot print a page with scripts switched off, but with them forbidden it can.
    bare.write_text(re.sub(r"script-src &#x27;[^;]*&#x27;;", "", text, count=1), encoding="utf-8")
    shown = run(browser, written, "--dump-dom", bare.as_uri()).stdout
    assert "<button" not in shown
    assert "tabindex" not in "".join(re.findall(r"<svg[^>]*>", shown))
    sorting = run(browser, written, "--dump-dom", page.as_uri()).stdout
    assert "<button" in sorting
    for tag in ("tr", "td", "th", "circle", "path", "details", "p", "dd"):
        assert len(re.findall(rf"<{tag}\b", shown)) == len(re.findall(rf"<{tag}\b", sorting)) > 0
    for layer in report["layers"]:
        assert layer["name"] in shown.replace("<wbr>", "")


def requests_of(browser: str, folder: Path, page: Path) -> list[str]:
    """The addresses that a page on disk has the browser ask for; no host is ever found."""
    log = folder / "net.json"
    run(
        browser,
        folder,
        f"--log-net-log={log}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--dump-dom",
        page.as_uri(),
    )
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        # One event a line. What Chromium asks for on its own, as updates, is of no page.
        if line.startswith('{"params"') and "network_isolation_key" in line:
            params = json.JSONDecoder().raw_decode(line)[0]["params"]
            if "file://" in params["network_isolation_key"]:
                found.append(params["url"])
    return found


def test_nothing_is_asked_of_the_network(browser: str, written: Path) -> None:
    asking = written / "asking.html"
    asking.write_text('<!DOCTYPE html><img src="http://host.example/x.png">', encoding="utf-8")
    assert requests_of(browser, written, asking) == ["http://host.example/x.png"]
    assert requests_of(browser, written, written / "report.html") == []
