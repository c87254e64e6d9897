"""Atomic writes: a file is there in full or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from hawx_onnx.disk_errors import refusal


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)


def _replace(path: Path, data: bytes) -> None:
    # Not tempfile: its files are private (mode 0600), and the result should follow the umask.
    temporary = temporary_name(path.parent)
    with _folder_of(path) as folder:
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        # The rename is only durable once the folder entry is; not all file systems take this.
        if folder is not None:
            with contextlib.suppress(OSError):
                os.fsync(folder)


def temporary_name(folder: Path) -> Path:
    """A name for what is not to stay; short, so that no target's name is too long for it."""
    return folder / f".hawx-{secrets.token_hex(8)}.tmp"


def remove_leftovers(folder: Path) -> None:
    """Removes what killed runs left under temporary names, unless somebody is writing there."""
    with _folder_of(folder / "any", alone=True) as handle:
        found = () if handle is None else folder.glob(".hawx-" + "?" * 16 + ".tmp")
        for path in found:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _folder_of(path: Path, alone: bool = False) -> Iterator[int | None]:
    """The open folder of a file, marked as one that is written in, or cleared up.

    None where it cannot be opened; alone, also where it is marked. One who writes does so even
    if somebody holds the folder, who may be the caller.
    """
    try:
        handle = os.open(path.parent, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        marked = _mark(handle, alone)
        yield handle if marked or not alone else None
    finally:
        os.close(handle)


def _mark(handle: int, alone: bool) -> bool:
    """Marks an open folder; tells whether that could be done."""
    try:
        import fcntl
    except ImportError:  # Windows, where folders cannot be opened either
        return False
    with contextlib.suppress(OSError):
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        return True
    return False


def atomic_write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes a file in one step: a reader sees the old content or the new, never a part.

    The data goes to a temporary file in the same folder, is synchronised to disk and renamed.
    Missing folders are made; a symbolic link is followed; a device (``/dev/stdout``) is
    written to directly.

    Args:
        path: The file to write or replace.
        data: Its new content.

    Returns:
        The path as given.

    Raises:
        ConfigError: The path cannot be written; the text names it and says how to mend it.
    """
    given = Path(path)
    try:
        target = given.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            _write_through(target, data)
        else:
            _replace(target, data)
    except OSError as error:
        raise refusal(given, error) from error
    return given


def atomic_write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Writes a text file in one step, as UTF-8 with the line ends as they are.

    Args:
        path: The file to write or replace.
        text: Its new content.

    Returns:
        The path as given.

    Raises:
        ConfigError: The path cannot be written.
    """
    return atomic_write_bytes(path, text.encode("utf-8", "backslashreplace"))
