"""Journal: what is written comes back, half lines do not, other runs are refused."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.journal import FILE, Journal, origin_of

ORIGIN = {"model": "a", "multipliers": [["m", "b"]], "data": "c"}
RNG = np.random.default_rng(0)
FOUND = [((0, 1), RNG.random(13) < 0.5), ((2, (1, 0, 2)), RNG.random(16) < 0.5)]


@pytest.fixture
def written(tmp_path):
    journal = Journal(tmp_path / "out", ORIGIN)
    for one in FOUND:
        journal.add([one])
    return tmp_path / "out"


def test_what_was_written_comes_back(written):
    journal = Journal(written, ORIGIN, resume=True)
    assert len(journal) == 2
    for choice, hits in FOUND:
        np.testing.assert_array_equal(journal.hits(choice), hits)
    assert journal.hits((0, 0)) is None


def test_without_resume_it_is_begun_anew(written):
    journal = Journal(written, ORIGIN)
    assert len(journal) == 0
    journal.add([((1, 1), np.ones(3, bool))])
    assert len(Journal(written, ORIGIN, resume=True)) == 1


def test_nothing_is_made_before_the_first_measurement(tmp_path):
    Journal(tmp_path / "out", ORIGIN, resume=True).add([])
    assert not (tmp_path / "out").exists()


def test_a_line_that_was_not_ended_does_not_count(written):
    path = written / FILE
    path.write_bytes(path.read_bytes()[:-5])
    journal = Journal(written, ORIGIN, resume=True)
    assert len(journal) == 1
    journal.add([FOUND[1]])
    assert len(Journal(written, ORIGIN, resume=True)) == 2


def test_longer_measurements_replace_shorter_ones(written):
    journal = Journal(written, ORIGIN, resume=True)
    journal.add([((0, 1), np.ones(20, bool))])
    assert len(Journal(written, ORIGIN, resume=True).hits((0, 1))) == 20


@pytest.mark.parametrize("key", ORIGIN)
def test_other_runs_are_refused_with_what_differs(written, key):
    with pytest.raises(ConfigError, match=f"is of another run: {key} differ"):
        Journal(written, {**ORIGIN, key: "other"}, resume=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json\n",
        "[]\n",
        "{header}\n{{}}\n",
        '{header}\n{{"choice": [0], "samples": 99, "hits": "AA=="}}\n',
        '{header}\n{{"choice": [0], "samples": -1, "hits": ""}}\n',
        '{header}\n{{"choice": 3, "samples": 1, "hits": "AA=="}}\n',
        '{header}\n{{"choice": [0], "samples": 1, "hits": "*"}}\n',
    ],
)
def test_damaged_files_are_refused(tmp_path, text):
    header = json.dumps({"hawx_measurements": 1, **ORIGIN})
    (tmp_path / FILE).write_text(text.format(header=header), encoding="utf-8")
    with pytest.raises(ConfigError, match="is no file of measurements, or is damaged"):
        Journal(tmp_path, ORIGIN, resume=True)


def test_origin_tells_apart_what_changes_measurements():
    multipliers = [components.load("mul8s_exact"), components.load("mul8s_trunc1")]
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    other = onnx.helper.make_model(onnx.helper.make_graph([], "h", [], []))
    x, y = np.zeros((2, 3), np.float32), np.array([0, 1])
    first = origin_of(model, multipliers, x, y)
    assert first == origin_of(model, multipliers, x.copy(), y)
    assert first["model"] != origin_of(other, multipliers, x, y)["model"]
    assert first["multipliers"] != origin_of(model, multipliers[::-1], x, y)["multipliers"]
    assert first["data"] != origin_of(model, multipliers, x + 1, y)["data"]
    assert first["data"] != origin_of(model, multipliers, x, y[::-1])["data"]
