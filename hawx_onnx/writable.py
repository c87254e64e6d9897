"""Whether outputs can be written, tried before hours of work."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hawx_onnx.errors import ConfigError


def check_writable(folder: str | Path) -> None:
    """Tries to write in an output folder, before hours of work; leaves nothing behind.

    What runs left there that were killed while they wrote is removed.

    Raises:
        ConfigError: It cannot be written.
    """
    from hawx_onnx.report.files import atomic_write_bytes, remove_leftovers, temporary_name

    if not str(folder):
        raise ConfigError("is empty", where="--output", mend="name a folder; . is the current one")
    remove_leftovers(Path(folder))
    trial, missing = temporary_name(Path(folder)), []
    try:
        missing = [path for path in trial.parents if not path.exists()]
        atomic_write_bytes(trial, b"")
    except ConfigError as error:
        raise ConfigError(error.what, where=str(folder), mend=error.mend) from error
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            where=str(folder),
            mend="choose a folder that you may write to",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def check_writable_file(path: str | Path) -> None:
    """Tries whether a file could be written, before hours of work.

    Raises:
        ConfigError: It is a folder, or its folder cannot be written.
    """
    file = Path(path)
    if not str(path):
        raise ConfigError("is empty", where="--output", mend="give the name of a file")
    if file.is_dir():
        raise ConfigError("is a folder", where=str(path), mend="give the name of a file")
    if file.is_file() or not file.exists():
        check_writable(file.parent)
