"""Journals of runs, damaged: reported on, and gone on with."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import zipfile
from pathlib import Path

from hypothesis import strategies as st

from fuzzing import models
from fuzzing.strategies import (
    NUMBERS,
    TEXTS,
    Draw,
    Files,
    damaged_bytes,
    damaged_documents,
    json_text,
)
from hawx_onnx.journal import FILE, sound
from hawx_onnx.report import print_report
from hawx_onnx.reporting import rebuild_report

_COLUMNS = {
    "notes": ("name", "value"),
    "results": ("name", "part", "inputs", "data"),
    "measurements": ("search", "choice", "samples", "hits", "seconds", "point"),
}
_NUMBERS = [number for number in NUMBERS if isinstance(number, float) or abs(number) < 2**63]
_TEXTS = [text for text in TEXTS if text.isprintable()]
_MOST_STEPS = 2_000_000  # of SQLite's virtual machine, in one edit
_MOST_ROWS = 50  # of a table, which may be such a view
_STATEMENTS = (
    "DROP TABLE notes",
    "DROP TABLE results",
    "DROP TABLE measurements",
    "DELETE FROM notes",
    "DELETE FROM results",
    "DELETE FROM measurements",
    "PRAGMA user_version = 2",
    "PRAGMA application_id = 0",
    "PRAGMA encoding = 'UTF-16'",
    "ALTER TABLE measurements DROP COLUMN point",
    "ALTER TABLE notes RENAME TO results_old",
    "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM results; END",
    "CREATE INDEX i ON notes (value)",
    # Views that never end, in the place of tables.
    "DROP TABLE notes; CREATE VIEW notes AS WITH RECURSIVE c(name, value) AS "
    "(SELECT 'a', '1' UNION ALL SELECT 'a', value + 1 FROM c) SELECT * FROM c",
    "DROP TABLE results; CREATE VIEW results AS WITH RECURSIVE c(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM c) "
    "SELECT 'sensitivity' AS name, n AS part, '{}' AS inputs, zeroblob(1000000) AS data FROM c",
    "UPDATE measurements SET hits = zeroblob(100000000)",
    "UPDATE results SET data = CAST(data AS TEXT)",
    "UPDATE notes SET value = CAST(value AS BLOB)",
)
# A run takes thirty times as long as a report; the ends of a range are drawn more often.
_ONCE_IN, _RESUMED = 50, 17


@st.composite
def journal_files(draw: Draw) -> Files:
    """The journal of a run, damaged in its values, its tables or its bytes."""
    source = draw(st.sampled_from(models.runs()))[FILE]
    kind = draw(st.integers(0, 9))
    data = draw(damaged_bytes([source])) if kind == 0 else _edited(draw, source)
    files = {f"run/{FILE}": draw(damaged_bytes([data])) if kind == 1 else data}
    if draw(st.integers(1, _ONCE_IN)) == _RESUMED:
        files["resume"] = b""
    return files


def _edited(draw: Draw, source: bytes) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        file.write(source)
        file.flush()
        connection = sqlite3.connect(file.name, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            # An edit before may have put a view that never ends in a table's place.
            connection.set_progress_handler(lambda: 1, _MOST_STEPS)
            for _ in range(draw(st.integers(1, 2))):
                _edit(draw, connection)
        except (sqlite3.Error, LookupError, TypeError, ValueError):
            pass  # an edit before it left no such value
        finally:
            connection.close()
        return Path(file.name).read_bytes()


def _edit(draw: Draw, connection: sqlite3.Connection) -> None:
    """Damages a note, a result, a value of any column, or a table."""
    match draw(st.integers(0, 5)):
        case 0 | 1:
            text = connection.execute("SELECT value FROM notes WHERE name = 'report'").fetchone()[0]
            changed = draw(damaged_documents([json.loads(text)], [text.encode()], json_text))
            statement = "UPDATE notes SET value = ? WHERE name = 'report'"
            connection.execute(statement, (changed.decode("utf-8", "replace"),))
        case 2:
            rows = connection.execute("SELECT rowid, data FROM results").fetchmany(_MOST_ROWS)
            row, data = draw(st.sampled_from(rows))
            values = (_result(draw, data), row)
            connection.execute("UPDATE results SET data = ? WHERE rowid = ?", values)
        case 3:
            rows = connection.execute("SELECT rowid, point FROM measurements").fetchmany(_MOST_ROWS)
            row, point = draw(st.sampled_from(rows))
            changed = draw(damaged_documents([json.loads(point)], [point.encode()], json_text))
            values = (changed.decode("utf-8", "replace"), row)
            connection.execute("UPDATE measurements SET point = ? WHERE rowid = ?", values)
        case 4:
            table = draw(st.sampled_from(sorted(_COLUMNS)))
            column = draw(st.sampled_from(_COLUMNS[table]))
            value = draw(st.sampled_from([*_NUMBERS, *_TEXTS, b"", b"\xff" * 9]))
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        case _:
            connection.executescript(draw(st.sampled_from(_STATEMENTS)))


def _result(draw: Draw, data: bytes) -> bytes:
    """A result with its tree damaged, or its bytes."""
    if not draw(st.integers(0, 3)):
        return draw(damaged_bytes([data]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "tree.npy":
                head, text = content[:128], content[128:]
                text = draw(damaged_documents([json.loads(text)], [text], json_text))
                size = str(len(content) - 128).encode()
                content = head.replace(size, str(len(text)).encode()).ljust(128) + text
            new.writestr(name, content)
    return buffer.getvalue()


def read_journal(folder: Path) -> None:
    """Rebuilds the report; goes on with a few of them."""
    if (folder / "resume").exists():
        models.lay_run(folder)
        models.optimize_run(folder, resume=True)
    report, page = rebuild_report(folder / "run")
    if (folder / "resume").exists():
        with sound(page.parent / FILE):
            print_report(report)
