"""Temporary folders: where nothing more can be written in them, that is what is told.

Whoever writes into one, onnxruntime for instance, may say of a full disk that a model is bad.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hawx_onnx.disk_errors import refusal
from hawx_onnx.errors import ConfigError

_PREFIX = "hawx-onnx-"
_TRIAL = 2**16  # bytes
_MEND = "free some space there, or name a folder on another disk in TMPDIR"


def temporary_folder(prefix: str = _PREFIX) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder, for as long as somebody refers to it.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise _refusal(error) from error


@contextlib.contextmanager
def scratch_folder(prefix: str = _PREFIX) -> Iterator[Path]:
    """A temporary folder, removed in the end.

    Raises:
        ConfigError: It cannot be made, or is full, and whatever was raised within came of that.
    """
    with temporary_folder(prefix) as name, told(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Tells a temporary folder that takes no more, where that may be why something failed.

    Raises:
        ConfigError: Nothing more can be written there.
    """
    try:
        yield
    except Exception as error:
        full = _full_disk(folder)
        if full is None:
            raise
        raise full from error


def _full_disk(folder: Path) -> ConfigError | None:
    """The error to tell where nothing more can be written in a folder; None where it can."""
    trial = folder / "trial"
    try:
        trial.write_bytes(bytes(_TRIAL))
    except OSError as error:
        return _refusal(error)
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()
    return None


def _refusal(error: OSError) -> ConfigError:
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError:
        place = "TMPDIR"  # no folder that it tries can be written
    return refusal(place, error, _MEND)
