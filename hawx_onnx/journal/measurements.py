"""Measured choices of one search, with which samples were right, a bit each, or their scores."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hawx_onnx.search.problem import Choice

# Of a score; no number of bits takes as many.
_BYTES = 8


@dataclass(frozen=True, eq=False)
class Row:
    """One measured choice.

    Attributes:
        choice: Multiplier index of each layer, or one for each channel.
        hits: bool [samples], which of the samples that were run are right; or float64 [samples],
            their scores.
        seconds: What the measurement took.
        point: The assignment by names with its costs, as reports have it; None if not known.
    """

    choice: Choice
    hits: np.ndarray
    seconds: float
    point: Mapping[str, Any] | None


def read_rows(connection: sqlite3.Connection, search: str) -> list[Row]:
    """All measurements of a search, in the order in which choices were first measured.

    Raises:
        ValueError: A row holds what none can hold.
        sqlite3.DatabaseError: The file is damaged.
    """
    rows = connection.execute(
        "SELECT choice, samples, hits, seconds, point FROM measurements WHERE search = ? "
        "ORDER BY rowid",
        (search,),
    )
    try:
        return [_row(*row) for row in rows]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no measurement: {error}") from error


def _row(choice: str, samples: int, hits: bytes, seconds: float, point: str | None) -> Row:
    entries = tuple(
        int(one) if isinstance(one, int) else tuple(int(index) for index in one)
        for one in json.loads(choice)
    )
    packed = np.frombuffer(hits, np.uint8)
    shown = None if point is None else json.loads(point)
    if samples > 0 and len(packed) == _BYTES * samples:
        return Row(entries, np.frombuffer(hits, "<f8").astype(np.float64), float(seconds), shown)
    if samples < 0 or len(packed) != -(-samples // 8):
        raise ValueError("as many bits as samples are needed")
    found = np.unpackbits(packed, count=samples).astype(bool)
    return Row(entries, found, float(seconds), shown)


class Measurements:
    """Remembers the measurements of one search method; ``search.measurer.Journal`` for it.

    Args:
        known: What the journal holds already.
        write: Called with rows for the table of measurements, before ``add`` returns.
        search: The method's name.
        describe: Gives a choice's point for reports; none are written if None.
    """

    def __init__(
        self,
        known: Sequence[Row],
        write: Callable[[Sequence[tuple[object, ...]]], None],
        search: str,
        describe: Callable[[Choice], Mapping[str, Any]] | None = None,
    ) -> None:
        self._known = {row.choice: row for row in known}
        self._write, self._search, self._describe = write, search, describe

    def __len__(self) -> int:
        return len(self._known)

    def hits(self, choice: Choice) -> np.ndarray | None:
        """Scores of the samples that were run, bool or float64 [samples], or None."""
        row = self._known.get(choice)
        return None if row is None else row.hits

    def seconds(self, choice: Choice) -> float:
        """What measuring a choice took so far; 0 where it was not measured."""
        row = self._known.get(choice)
        return 0.0 if row is None else row.seconds

    def describe_again(self) -> None:
        """Writes points anew that another target or other energies make out of date."""
        if self._describe is None:
            return
        points = {choice: self._plain(choice) for choice in self._known}
        rows = [row for choice, row in self._known.items() if row.point != points[choice]]
        self._keep([replace(row, point=points[row.choice]) for row in rows])

    def add(self, choices: Sequence[tuple[Choice, np.ndarray]], seconds: float = 0.0) -> None:
        """Writes measurements that were made together.

        Args:
            choices: Each with all its hits, those of samples that were run before among them.
            seconds: What they took together.
        """
        self._keep(
            [
                Row(c, hits, self.seconds(c) + seconds / len(choices), self._plain(c))
                for c, hits in choices
            ]
        )

    def _plain(self, choice: Choice) -> Mapping[str, Any] | None:
        """A choice's point as it comes back."""
        point = None if self._describe is None else self._describe(choice)
        return None if point is None else json.loads(json.dumps(point))

    def _keep(self, rows: Sequence[Row]) -> None:
        if rows:
            self._write([self._values(row) for row in rows])
            self._known.update({row.choice: row for row in rows})

    def _values(self, row: Row) -> tuple[object, ...]:
        point = None if row.point is None else json.dumps(row.point)
        bits = row.hits.dtype == np.bool_
        hits = np.packbits(row.hits).tobytes() if bits else row.hits.astype("<f8").tobytes()
        return self._search, json.dumps(row.choice), len(row.hits), hits, row.seconds, point
