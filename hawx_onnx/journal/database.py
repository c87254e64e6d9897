"""The SQLite file of a journal: made, opened and checked; what goes wrong becomes a HawxError.

A write-ahead log lets others read while a run writes, and whatever was committed outlives the
process, however it ends. A power cut may lose the last commits, but never damages the file.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from hawx_onnx.errors import ConfigError

log = logging.getLogger(__name__)

FILE = "journal.sqlite"
APPLICATION_ID = 0x48415758  # "HAWX", where SQLite keeps what a file is for
FORMAT = 1
WAIT_SECONDS = 10.0

# Values in parts, because SQLite takes no value beyond 1 GB.
_TABLES = """
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE results (
    name TEXT, part INTEGER, inputs TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, part)
);
CREATE TABLE measurements (
    search TEXT, choice TEXT, samples INTEGER NOT NULL, hits BLOB NOT NULL, seconds REAL NOT NULL,
    point TEXT, PRIMARY KEY (search, choice)
);
"""
MEND = "leave out --resume, or name another --output"
DISK = "free some space, or choose a folder on a local disk"
DAMAGED = "is no journal, or is damaged"
_FULL = "database or disk is full"  # as SQLite says it; Python 3.10 has no codes of its errors


def create(path: Path, origin: str) -> sqlite3.Connection:
    """Makes a journal that holds its origin alone, in place of one that is there.

    Raises:
        ConfigError: It cannot be written.
    """
    with _told(path, "cannot be written", DISK):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The log first: the next file must never meet the log of the last one.
            for suffix in ("-wal", "-shm", ""):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error.strerror or str(error)) from error
        connection = _connect(path)
        connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {FORMAT}; {_TABLES}"
        )
        connection.execute("INSERT INTO notes VALUES ('origin', ?)", (origin,))
        connection.execute("COMMIT")
    return connection


def reopen(path: Path) -> sqlite3.Connection | None:
    """Opens the journal of an interrupted run; None where nothing was written down yet.

    Raises:
        ConfigError: It cannot be read, is damaged, or no journal.
    """
    if not path.exists():
        return None
    with told(path):
        connection = _connect(path)
        if _is_empty(connection):
            connection.close()
            return None
        _check(connection, path)
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Opens a journal to look at it; a run may be writing to it.

    Raises:
        ConfigError: It is missing, cannot be read, is damaged, or no journal.
    """
    mend = "name the folder that `hawx-onnx optimize` wrote or was writing with -o"
    if not path.is_file():
        raise ConfigError("there is no journal of a run", where=str(path), mend=mend)
    with _told(path, DAMAGED, "run `hawx-onnx optimize` again"):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", WAIT_SECONDS, uri=True)
        if _is_empty(connection):
            raise ConfigError("holds nothing yet", where=str(path), mend=mend)
        _check(connection, path)
    return connection


def close(connection: sqlite3.Connection) -> None:
    """Closes a journal; one that nobody else has open is then one file, whoever reads it next."""
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Tells a file that cannot be read."""
    with _told(path, DAMAGED):
        yield


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """All that is written within is there in full, or not at all.

    Raises:
        ConfigError: It cannot be written.
    """
    with _told(path, "cannot be written", DISK):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def damaged(path: Path) -> ConfigError:
    """The error of a journal that holds what none can hold."""
    return ConfigError(DAMAGED, where=str(path), mend=MEND)


@contextlib.contextmanager
def sound(path: Path) -> Iterator[None]:
    """Tells values that are none of ours where they are used: whoever edits a journal can do so.

    Raises:
        ConfigError: Something within stumbled over a value.
    """
    try:
        yield
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise damaged(path) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, WAIT_SECONDS, isolation_level=None)
    mode = "none"
    try:
        mode = str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
    except sqlite3.OperationalError as error:
        if str(error) == _FULL:
            connection.close()
            raise
        log.debug("no write-ahead log: %s", error)
    if mode != "wal":
        connection.execute("PRAGMA journal_mode = DELETE")
        log.warning(
            "%s: its file system takes no write-ahead log, as network file systems do not; each "
            "measurement is written down more slowly, and as safely",
            path,
        )
    else:
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a run ended before its first commit."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _check(connection: sqlite3.Connection, path: Path) -> None:
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    ]
    if found[0] != APPLICATION_ID:
        raise ConfigError("is no journal of hawx-onnx", where=str(path), mend=MEND)
    if found[1] != FORMAT:
        what = f"has format {found[1]}, and this version of hawx-onnx reads {FORMAT}"
        raise ConfigError(what, where=str(path), mend=MEND)
    # A view or a trigger in the place of a table may run for ever.
    if _schema(connection) != _own_schema():
        raise sqlite3.DatabaseError("it has other tables than a journal")
    state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if state != "ok":
        raise sqlite3.DatabaseError(state)


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """What a database holds, sorted: kind, name, table and statement."""
    found = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
    return sorted(found.fetchall())


@functools.cache
def _own_schema() -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_TABLES)
        return _schema(connection)


@contextlib.contextmanager
def _told(path: Path, what: str, mend: str = MEND) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        # What is wrong with the disk says nothing of what is in the file, which may take days.
        failing = isinstance(error, sqlite3.OperationalError) and not reason.startswith(
            ("no such", "Could not decode")
        )
        if what == DAMAGED and failing:
            what, mend = "cannot be read", DISK
        raise ConfigError(f"{what}: {reason}", where=str(path), mend=mend) from error


def _unwritable(path: Path, reason: str) -> ConfigError:
    mend = "choose a folder that you may write to"
    return ConfigError(f"cannot be written: {reason.lower()}", where=str(path), mend=mend)
