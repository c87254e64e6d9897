"""The journal of a run: its origin, what was scored, measured and tried, and its report."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from hawx_onnx.errors import ConfigError
from hawx_onnx.journal import database
from hawx_onnx.journal.measurements import Measurements, Row, read_rows
from hawx_onnx.journal.origin import differences
from hawx_onnx.journal.values import pack, unpack
from hawx_onnx.search.problem import Choice

PART = 2**24  # bytes of a result in one row

Value = TypeVar("Value")


class Journal:
    """Writes down what a run finds out; nothing is made before there is something to write.

    Args:
        path: The file, ``journal.sqlite`` in the folder of a run.
        resume: Go on with what the file holds; otherwise it is begun anew with the first entry.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str | Path, resume: bool = False) -> None:
        self.path, self._resume = Path(path), resume
        self._connection: sqlite3.Connection | None = None
        self._origin: Mapping[str, Any] = {}

    @classmethod
    def to_read(cls, path: str | Path) -> Journal:
        """Opens a journal to look at it; a run may be writing to it.

        Raises:
            ConfigError: It is missing, cannot be read, or is damaged.
        """
        found = cls(path)
        found._connection = database.open_for_reading(found.path)
        return found

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what is written stays."""
        if self._connection is not None:
            database.close(self._connection)
            self._connection = None

    def begin(self, origin: Mapping[str, Any]) -> None:
        """Says of what the run is, before anything else.

        Args:
            origin: Of ``origin_of``.

        Raises:
            ConfigError: The journal to go on with cannot be read, is damaged, or of another run.
        """
        self._origin = json.loads(json.dumps(origin))
        if not self._resume:
            return
        self._connection = database.reopen(self.path)
        if self._connection is None:
            return
        there = self.note("origin")
        if not isinstance(there, dict):
            raise database.damaged(self.path)
        other = differences(there, self._origin)
        if other:
            self.close()
            raise ConfigError(
                f"is of another run: {'; '.join(other)}",
                where=str(self.path),
                mend=f"give the same model, data, candidates and seed; {database.MEND}",
            )

    def write_note(self, name: str, value: object) -> None:
        """Writes plain values under a name, in place of what was there."""
        self._write("INSERT OR REPLACE INTO notes VALUES (?, ?)", [(name, json.dumps(value))])

    def result(self, name: str, inputs: object = None) -> bytes | None:
        """A result, if it was made of these inputs (plain values beside the origin; None: any)."""
        if self._connection is None:
            return None
        made = None if inputs is None else json.dumps(inputs)
        with database.told(self.path):
            rows = self._connection.execute(
                "SELECT data FROM results WHERE name = ? AND inputs = coalesce(?, inputs) "
                "ORDER BY part",
                (name, made),
            ).fetchall()
        if not all(isinstance(row[0], bytes) for row in rows):
            raise database.damaged(self.path)
        return b"".join(row[0] for row in rows) if rows else None

    def value(self, name: str) -> Any:  # noqa: ANN401 - whatever it holds
        """What a result holds, whatever it was made of; None where there is none.

        Raises:
            ConfigError: The file is damaged.
        """
        data = self.result(name)
        try:
            return None if data is None else unpack(data)
        except ValueError as error:
            raise database.damaged(self.path) from error

    def write_result(self, name: str, inputs: object, data: bytes) -> None:
        """Writes a result, in place of one of this name."""
        made = json.dumps(inputs)
        starts = range(0, max(1, len(data)), PART)
        parts = [(name, at // PART, made, data[at : at + PART]) for at in starts]
        self._write(
            "INSERT INTO results VALUES (?, ?, ?, ?)",
            parts,
            before=("DELETE FROM results WHERE name = ?", (name,)),
        )

    def measurements(
        self, search: str, describe: Callable[[Choice], Mapping[str, Any]] | None = None
    ) -> Measurements:
        """The measurements of one search method.

        Args:
            search: The method's name.
            describe: Gives a choice's point for reports; none are written if None.

        Raises:
            ConfigError: The file is damaged.
        """
        found = Measurements(self.rows(search), self._write_measurements, search, describe)
        found.describe_again()
        return found

    def _write_measurements(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._write(
            "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (search, choice) "
            "DO UPDATE SET samples = excluded.samples, hits = excluded.hits, "
            "seconds = excluded.seconds, point = excluded.point",
            rows,
        )

    def rows(self, search: str) -> list[Row]:
        """The measurements of one search method, in the order in which they were made.

        Raises:
            ConfigError: The file is damaged.
        """
        if self._connection is None:
            return []
        with database.told(self.path):
            try:
                return read_rows(self._connection, search)
            except ValueError as error:
                raise database.damaged(self.path) from error

    def note(self, name: str) -> object:
        """The plain values under a name; None where there are none.

        Raises:
            ConfigError: The file is damaged.
        """
        if self._connection is None:
            return None
        with database.told(self.path):
            row = self._connection.execute(
                "SELECT value FROM notes WHERE name = ?", (name,)
            ).fetchone()
        try:
            return None if row is None else json.loads(row[0])
        except (ValueError, TypeError) as error:
            raise database.damaged(self.path) from error

    def _write(
        self,
        statement: str,
        rows: Sequence[tuple[object, ...]],
        before: tuple[str, tuple[object, ...]] | None = None,
    ) -> None:
        """Writes rows in one transaction, which is committed when this returns."""
        if self._connection is None:
            self._connection = database.create(self.path, json.dumps(self._origin))
        with database.transaction(self._connection, self.path) as connection:
            if before is not None:
                connection.execute(*before)
            connection.executemany(statement, rows)


def recalled(
    journal: Journal | None, name: str, inputs: Mapping[str, Any], make: Callable[[], Value]
) -> Value:
    """A result of the journal, or made and written down.

    What is made passes through the journal's form in any case, so that a run that goes on computes
    with the same bytes, laid out alike.

    Args:
        journal: The journal; without, the result is made.
        name: Of the result; one of other inputs is replaced.
        inputs: What it is made of beside the run's origin, in plain values.
        make: Makes it, of what ``values.pack`` takes.

    Raises:
        ConfigError: The journal is damaged, or cannot be written.
    """
    if journal is None:
        return make()
    data = journal.result(name, inputs)
    if data is None:
        data = pack(make())
        journal.write_result(name, inputs, data)
    try:
        value: Value = unpack(data)
    except ValueError as error:
        raise database.damaged(journal.path) from error
    return value


def recalled_one_by_one(
    journal: Journal | None,
) -> Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]:
    """``recalled`` for results of which there are many of one name, told apart by their inputs."""

    def recall(name: str, inputs: Mapping[str, Any], make: Callable[[], Any]) -> Any:  # noqa: ANN401
        return recalled(journal, f"{name} {digest_of(inputs)}", inputs, make)

    return recall


def digest_of(inputs: object) -> str:
    """Sixteen hex digits that tell plain values."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
