"""Atomic writes: a file is there in full or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from hawx_onnx.errors import ConfigError

_MENDS = {
    errno.ENOSPC: "free some space or write to another disk",
    errno.EDQUOT: "free some space or write to another disk",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.ENOTDIR: "a part of this path is a file: choose another folder",
    errno.EEXIST: "a part of this path is a file: choose another folder",
    errno.EISDIR: "this is a folder: give the name of a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def _refusal(path: Path, error: OSError) -> ConfigError:
    reason = (error.strerror or str(error)).lower()
    mend = _MENDS.get(error.errno or 0, "choose another path")
    return ConfigError(f"cannot be written: {reason}", where=str(path), mend=mend)


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)


def _sync_folder(folder: Path) -> None:
    # The rename is only durable once the folder entry is; some file systems refuse to sync folders.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    # Not tempfile: its files are private (mode 0600), and the result should follow the umask.
    # The name stays short whatever the target is called, so a name that fits is never refused.
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


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
        raise _refusal(given, error) from error
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
