"""The HTML report: one inert offline file, well formed, accessible, small."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx.report import render_html, to_plain, write_html
from hawx_onnx.report.markup import Markup, element
from hawx_onnx.report.summary import headline

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=alert(1)>"
    "&amp;\x00\x1b[31m"
)


class Page(HTMLParser):
    """Collects elements, and checks that every one is closed in order."""

    VOID = ("meta", "link", "br", "hr", "img", "input", "wbr")

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.elements.append((tag, dict(attrs)))
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), tag
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str):
        if not {"style", "script"} & set(self.open):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_is_balanced_and_every_drawing_is_xml(
    report: dict[str, Any], sensitivity: dict[str, Any]
):
    text = render_html(report, sensitivity)
    Page(text)
    drawings = _drawings(text)
    assert len(drawings) >= 4
    for drawing in drawings:
        root = ET.fromstring(drawing)
        if root.get("role") == "img":
            assert root[0].tag == "title"
            assert root[0].text
            assert root[1].tag == "desc"
        else:
            assert root.get("aria-hidden") == "true"
    for name in ("power", "Pareto front", "mul8s_1L2H", "Sensitivity", "3.30×10¹⁷⁹"):
        assert name in text


def _drawings(text: str) -> list[str]:
    """Returns the outermost SVG elements."""
    found, depth, start = [], 0, 0
    for match in re.finditer(r"<svg\b|</svg>", text):
        if match.group() == "<svg":
            start = match.start() if depth == 0 else start
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                found.append(text[start : match.end()])
    assert depth == 0
    return found


def test_nothing_is_loaded(report: dict[str, Any], sensitivity: dict[str, Any]):
    text = render_html(report, sensitivity)
    page = Page(text)
    assert "://" not in text
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "form", "img", "link")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "data", "poster")
            assert name not in ("href", "xlink:href") or str(value).startswith("#")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", [HOSTILE, "</title></style></svg>", "]]>", "&lt;b&gt;", "\u202e"])
def test_hostile_names_stay_text(hostile: Callable[[str], dict[str, Any]], name: str):
    sensitivity = {
        "layers": [name, "b"],
        "multipliers": [name],
        "layer_level": {"accuracy_drop": [[0.1], [0.2]], "output_mse": [[1.0], [2.0]]},
        "multiplication_energy": {"uniform_fj": [3.0], "own_fj": [[1.0], [2.0]]},
    }
    text = render_html(hostile(name), sensitivity)
    page = Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"img", "b"})
    assert len(page.all("script")) == 1
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    for drawing in _drawings(text):
        ET.fromstring(drawing)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    if name.startswith("&lt;"):
        assert "&lt;b&gt;" in page.text


def test_the_page_can_be_read_by_everyone(report: dict[str, Any], sensitivity: dict[str, Any]):
    page = Page(render_html(report, sensitivity))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")[:1]) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption")) == 12
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for a in page.all("a")} <= {f"#{i}" for i in ids}
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert regions
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)


def _palettes() -> list[dict[str, str]]:
    style = resources.files("hawx_onnx.report").joinpath("page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2
    return [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in blocks]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", _palettes(), ids=["light", "dark"])
def test_texts_stand_out_from_their_ground(palette: dict[str, str]):
    pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("page", "fill")]
    pairs += [("ink", "warn")]
    pairs += [("ink" if level < 6 else "page", f"h{level}") for level in range(10)]
    for ink, ground in pairs:
        assert _contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
    # Graphics need 3 : 1.
    for mark in ("accent", "pick", "gain", "loss", "soft"):
        assert _contrast(palette[mark], palette["page"]) >= 3, mark


def test_both_schemes_name_the_same_colours():
    light, dark = _palettes()
    assert light.keys() == dark.keys()


def test_large_networks_give_small_pages(report: dict[str, Any]):
    layer, point, candidate = report["layers"][2], report["pareto"][5], report["candidates"][1]
    names = [f"/blocks.{i}/long/name/of/a/node/conv_pw/Conv_{i}" for i in range(1200)]
    blocks = [f"mul8s_{i:04d}" for i in range(60)]
    report["layers"] = [
        {**layer, "name": n, "multipliers": dict.fromkeys(blocks[:20], 7)} for n in names
    ]
    report["candidates"] = [{**candidate, "name": n} for n in blocks]
    report["pareto"] = [
        {**point, "predicted_accuracy": 0.1 + i / 7000, "assignment": dict.fromkeys(names, blocks)}
        for i in range(3000)
    ]
    matrix = [[0.001 * (i % 97) * (j % 7) for j in range(60)] for i in range(1200)]
    sensitivity = {
        "layers": names,
        "multipliers": blocks,
        "layer_level": {"accuracy_drop": matrix, "output_mse": matrix},
        "multiplication_energy": {"uniform_fj": [1e5 / 3] * 60, "own_fj": [[1e4 / 3] * 60] * 1200},
    }
    text = render_html(report, sensitivity)
    assert len(text.encode()) < 500_000
    assert "120 most sensitive of 1200 layers" in text
    assert "the first 120 of 1200 layers" in text
    assert "the first 40 of 1200 layers and the first 16 of 60 multipliers" in text
    Page(text)


def test_the_sample_is_well_below_the_limit(report: dict[str, Any], sensitivity: dict[str, Any]):
    assert len(render_html(report, sensitivity).encode()) < 200_000


def test_missing_numbers_are_told_as_such(report: dict[str, Any]):
    for key in ("accuracy_drop", "accuracy_drop_ci95"):
        report[key] = None
    for key in ("float", "baseline", "selected"):
        report[key] = dict.fromkeys(report[key])
    report["savings"] = dict.fromkeys(report["savings"])
    report["search"] = dict.fromkeys(report["search"])
    report["predictor"] = dict.fromkeys(report["predictor"])
    report.update(layers=[], candidates=[], pareto=[], warnings=[])
    text = render_html(report, {"layers": [], "multipliers": [], "layer_level": {}})
    page = Page(text)
    assert headline(report) == "Cost not modelled, accuracy not measured"
    assert "The search left no points to draw." in page.text
    assert "no matrix to draw" in page.text
    assert 'class="warnings"' not in text
    assert "None" not in page.text
    assert "nan" not in page.text


def test_what_the_search_learnt_is_told(report: dict[str, Any], sensitivity: dict[str, Any]):
    text = Page(render_html(report, sensitivity)).text
    assert "catboost, from 33 measured" in text
    assert "0.24" in text
    assert "Rank correlation there" in text
    report["predictor"]["learnt"] = None
    assert "Learnt by" not in Page(render_html(report, sensitivity)).text


def test_an_empty_report_still_renders():
    Page(render_html({}))


@pytest.mark.parametrize(
    ("drop", "saved", "says"),
    [
        (0.0049, 0.302, "30.2\u00a0% less power, 0.49 points less accuracy"),
        (-0.001, 0.302, "30.2\u00a0% less power, 0.10 points more accuracy"),
        (0.0, -0.02, "2.0\u00a0% more power, the same accuracy"),
        (0.01, 0.0, "No power saved, 1.00 points less accuracy"),
    ],
)
def test_headline(report: dict[str, Any], drop: float, saved: float, says: str):
    report["accuracy_drop"] = drop
    report["savings"]["power"] = saved
    assert headline(report) == says


def test_the_budget_is_judged_on_the_test_samples(report: dict[str, Any]):
    assert "within the budget of 1 point" in Page(render_html(report)).text
    report["accuracy_drop"] = 0.013
    assert "beyond the budget of 1 point" in Page(render_html(report)).text


def test_agreement_is_called_so(report: dict[str, Any]):
    report["data"].update(metric="agreement", labelled=False)
    text = Page(render_html(report)).text
    assert "Agreement on the test samples" in text
    assert "Accuracy on" not in text
    assert "without labels" in text


def test_markup_escapes_all_but_itself():
    made = element("p", "<b>", Markup("<i>x</i>"), None, class_='"x"', hidden=True, id=False)
    assert made == '<p class="&quot;x&quot;" hidden="">&lt;b&gt;<i>x</i></p>'
    assert element("path", d="M0 0", stroke_width=1.25) == '<path d="M0 0" stroke-width="1.2"/>'
    for name in ("p onload=x", "1p", ""):
        with pytest.raises(ValueError, match="name"):
            element(name)
    with pytest.raises(ValueError, match="attribute"):
        element("p", **{"x y": 1})


def test_the_file_is_written(tmp_path: Path, report: dict[str, Any]):
    path = write_html(report, tmp_path / "out" / "report.html")
    assert path.read_text(encoding="utf-8") == render_html(report)
    assert render_html(to_plain(report)) == render_html(report)  # type: ignore[arg-type]
