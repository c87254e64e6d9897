"""Journal: what is written comes back whatever happens to the process; other runs are refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.journal import FILE, Journal, journal, recalled, recalled_one_by_one
from hawx_onnx.journal.values import pack

ORIGIN = {"model": "a", "data": "c", "multipliers": [["m", "b"]], "seed": 0, "hawx-onnx": "1"}
RNG = np.random.default_rng(0)
FOUND = [((0, 1), RNG.random(13) < 0.5), ((2, (1, 0, 2)), RNG.random(16) < 0.5)]


def opened(path, resume=False, origin=ORIGIN):
    found = Journal(path, resume)
    found.begin(origin)
    return found


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "out" / FILE
    with opened(path) as found:
        for number, one in enumerate(FOUND):
            found.measurements("hawx").add([one], 1.5 + number)
    return path


def test_measurements_come_back(written):
    with opened(written, resume=True) as found:
        known = found.measurements("hawx")
        assert len(known) == 2
        for number, (choice, hits) in enumerate(FOUND):
            np.testing.assert_array_equal(known.hits(choice), hits)
            assert known.seconds(choice) == 1.5 + number
        assert known.hits((0, 0)) is None
        assert known.seconds((0, 0)) == 0
        assert len(found.measurements("random")) == 0


def test_a_closed_journal_is_one_file(written):
    assert [path.name for path in written.parent.iterdir()] == [FILE]


def test_measurements_made_together_share_their_time(tmp_path):
    with opened(tmp_path / FILE) as found:
        known = found.measurements("hawx")
        known.add(FOUND, 3.0)
        assert [known.seconds(choice) for choice, _ in FOUND] == [1.5, 1.5]


def test_longer_measurements_replace_shorter_ones_and_add_their_time(written):
    with opened(written, resume=True) as found:
        found.measurements("hawx").add([((0, 1), np.ones(20, bool))], 1.0)
    with opened(written, resume=True) as found:
        known = found.measurements("hawx")
        assert len(known) == 2
        assert known.hits((0, 1)).tolist() == [True] * 20
        assert known.seconds((0, 1)) == 2.5


def test_without_resume_it_is_begun_anew_with_the_first_entry(written):
    with opened(written) as found:
        assert len(found.measurements("hawx")) == 0
        with opened(written, resume=True) as other:
            assert len(other.measurements("hawx")) == 2
        found.measurements("hawx").add([((1, 1), np.ones(3, bool))])
    with opened(written, resume=True) as found:
        assert len(found.measurements("hawx")) == 1


def test_nothing_is_made_before_the_first_entry(tmp_path):
    with opened(tmp_path / "out" / FILE, resume=True) as found:
        found.measurements("hawx").add([])
        assert found.result("scores", {}) is None
    assert not (tmp_path / "out").exists()


def test_results_are_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "PART", 100)
    made = []

    def make():
        made.append(1)
        return {"values": np.arange(50.0)}

    for resume in (False, True):
        with opened(tmp_path / FILE, resume) as found:
            for inputs in ({"a": 1}, {"a": 1}):
                value = recalled(found, "scores", inputs, make)
                np.testing.assert_array_equal(value["values"], np.arange(50.0))
    assert len(made) == 1
    with opened(tmp_path / FILE, resume=True) as found:
        recalled(found, "scores", {"a": 2}, make)
        assert found.result("scores", {"a": 1}) is None
    assert len(made) == 2
    assert recalled(None, "scores", {"a": 2}, make)["values"].shape == (50,)
    assert len(made) == 3


def test_results_of_one_name_stand_side_by_side(tmp_path):
    with opened(tmp_path / FILE) as found:
        recall = recalled_one_by_one(found)
        assert [recall("trial", {"pass": n}, lambda n=n: n) for n in "ab"] == ["a", "b"]
        assert [recall("trial", {"pass": n}, lambda: "new") for n in "ab"] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "b"}, "model: another one"),
        ({"data": "b"}, "data: another one"),
        ({"seed": 3}, "seed: 0 there, 3 here"),
        ({"hawx-onnx": "2"}, "hawx-onnx: 1 there, 2 here"),
        ({"multipliers": [["m", "c"]]}, "multipliers: m has another table"),
        (
            {"multipliers": [["n", "c"]]},
            "multipliers: m is only there, n is only here",
        ),
    ],
)
def test_other_runs_are_refused_with_what_differs(written, change, words):
    with pytest.raises(ConfigError, match=f"is of another run: {words}") as told:
        opened(written, resume=True, origin={**ORIGIN, **change})
    assert "leave out --resume" in told.value.mend
    assert len(opened(written, resume=True).measurements("hawx")) == 2


def test_another_order_of_multipliers_is_another_run(tmp_path):
    two = {**ORIGIN, "multipliers": [["m", "b"], ["n", "c"]]}
    with opened(tmp_path / FILE, origin=two) as found:
        found.write_note("x", 1)
    turned = {**two, "multipliers": two["multipliers"][::-1]}
    with pytest.raises(ConfigError, match="multipliers: in another order"):
        opened(tmp_path / FILE, resume=True, origin=turned)


CODE = """
import os, signal, sys
import numpy as np
from hawx_onnx.journal import Journal
journal = Journal(sys.argv[1])
journal.begin({"model": "a"})
for number in range(3):
    journal.measurements("hawx").add([((number,), np.ones(5, bool))])
connection = journal._connection
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM measurements")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_committed_and_no_more(tmp_path):
    path = tmp_path / FILE
    done = subprocess.run([sys.executable, "-c", CODE, str(path)], timeout=60, check=False)
    assert done.returncode == -9
    with opened(path, resume=True, origin={"model": "a"}) as found:
        assert len(found.measurements("hawx")) == 3


def test_an_empty_database_is_as_good_as_none(tmp_path):
    path = tmp_path / FILE
    path.touch()
    with opened(path, resume=True) as found:
        found.measurements("hawx").add([FOUND[0]])
    assert len(opened(path, resume=True).measurements("hawx")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE measurements SET samples = 99",
        "UPDATE measurements SET samples = -1",
        "UPDATE measurements SET choice = '3' WHERE rowid = 1",
        "UPDATE measurements SET choice = '[null]' WHERE rowid = 1",
        "UPDATE measurements SET choice = 'no json' WHERE rowid = 1",
        "UPDATE notes SET value = 'no json'",
        "DELETE FROM notes",
        "DROP TABLE measurements",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM results; END",
        "CREATE INDEX i ON notes (value)",
    ],
)
def test_what_no_journal_holds_is_refused(written, statement):
    with sqlite3.connect(written) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(ConfigError, match="is no journal, or is damaged") as told:
        opened(written, resume=True).measurements("hawx")
    assert told.value.mend == "leave out --resume, or name another --output"


def test_a_view_that_never_ends_is_no_table(written):
    with sqlite3.connect(written) as connection:
        connection.execute("DROP TABLE notes")
        connection.execute(
            "CREATE VIEW notes AS WITH RECURSIVE c(name, value) AS "
            "(SELECT 'a', '1' UNION ALL SELECT 'a', value + 1 FROM c) SELECT * FROM c"
        )
    connection.close()
    with pytest.raises(ConfigError, match="other tables than a journal"):
        opened(written, resume=True)
    with pytest.raises(ConfigError, match="other tables than a journal"):
        Journal.to_read(written)


def test_a_result_of_text_is_refused(written):
    with opened(written, resume=True) as found:
        found.write_result("scores", {}, pack({}))
        found._connection.execute("UPDATE results SET data = 'text'")
        with pytest.raises(ConfigError, match="damaged"):
            recalled(found, "scores", {}, dict)


def test_tables_that_are_no_utf8_are_refused(written):
    with sqlite3.connect(written) as connection:
        connection.execute("CREATE TABLE aeiou (x)")
    connection.close()
    written.write_bytes(written.read_bytes().replace(b"aeiou", b"a\x80iou"))
    with pytest.raises(ConfigError, match="is no journal, or is damaged"):
        opened(written, resume=True)


def test_a_damaged_result_is_refused(written):
    with opened(written, resume=True) as found:
        found.write_result("scores", {}, b"no archive")
        with pytest.raises(ConfigError, match="damaged"):
            recalled(found, "scores", {}, dict)


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="is no journal, or is damaged"):
        opened(tmp_path / FILE, resume=True)
    # Without --resume it is replaced.
    with opened(tmp_path / FILE) as found:
        found.write_note("x", 1)
    opened(tmp_path / FILE, resume=True).close()


def test_a_cut_off_file_is_refused(written):
    data = written.read_bytes()
    written.write_bytes(data[: len(data) // 2])
    with pytest.raises(ConfigError, match="damaged"):
        opened(written, resume=True).measurements("hawx")


def test_databases_of_others_and_other_formats_are_refused(written):
    def set_to(pragma, value):
        connection = sqlite3.connect(written)
        connection.execute(f"PRAGMA {pragma} = {value}")
        connection.close()

    set_to("user_version", 99)
    with pytest.raises(ConfigError, match="has format 99"):
        opened(written, resume=True)
    set_to("application_id", 1)
    with pytest.raises(ConfigError, match="is no journal of hawx-onnx"):
        opened(written, resume=True)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        opened(tmp_path / "file" / FILE) as found,
    ):
        found.write_note("x", 1)


def test_file_systems_without_a_write_ahead_log(tmp_path, monkeypatch, caplog):
    """SQLite's locks by files, as for network file systems, come without shared memory."""
    real = sqlite3.connect

    def connect(path, *options, **named):
        return real(f"file:{path}?vfs=unix-dotfile", *options, uri=True, **named)

    monkeypatch.setattr("hawx_onnx.journal.database.sqlite3.connect", connect)
    with opened(tmp_path / FILE) as found:
        found.measurements("hawx").add(FOUND)
        (told,) = caplog.messages
        assert "no write-ahead log" in told and FILE in told
    with opened(tmp_path / FILE, resume=True) as found:
        assert len(found.measurements("hawx")) == 2


@pytest.mark.parametrize("samples", [1, 7, 64])
def test_real_scores_come_back_to_the_last_bit(tmp_path, samples):
    scores = -np.random.default_rng(samples).exponential(1.0, samples)
    with opened(tmp_path / FILE) as found:
        found.measurements("hawx").add([((0, 1), scores), ((1, 1), scores > -1)], 1.0)
    with opened(tmp_path / FILE, resume=True) as found:
        known = found.measurements("hawx")
        assert np.array_equal(known.hits((0, 1)), scores)
        assert known.hits((1, 1)).dtype == bool
        assert np.array_equal(known.hits((1, 1)), scores > -1)
