"""SIGINT and SIGTERM end a command alike: what is being written is not, and the exit code tells."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

# Seconds in which further signals are those of the same wish: `timeout` and terminals send some to
# a process and to its group. Whoever asks once more after them will not wait.
_ONE_WISH = 1.0
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


class _Asked:
    """The signal that came, and when."""

    number: int | None = None
    at = 0.0


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into a KeyboardInterrupt within; a later one ends the process.

    For a process that is this command's own. A signal that it was started to ignore, as `nohup`
    and shells in the background do, is ignored still. In other threads than the main one nothing
    is changed.
    """
    _Asked.number = None
    mine = threading.current_thread() is threading.main_thread()
    numbers = [n for n, default in _DEFAULTS.items() if mine and signal.getsignal(n) == default]
    for number in numbers:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, _DEFAULTS[number])


def let_go() -> None:
    """Lets signals end the process without a word: for when there is nothing left to do."""
    for number, default in _DEFAULTS.items():
        if signal.getsignal(number) == default:
            signal.signal(number, signal.SIG_DFL)


def asked() -> int | None:
    """The signal that asked the command to end; None where there was none."""
    return _Asked.number


def check() -> None:
    """Raises again where a signal came: callbacks of C code swallow what is raised in them."""
    if _Asked.number is not None:
        raise KeyboardInterrupt


def _stop(number: int, frame: FrameType | None) -> None:
    if _Asked.number is not None:
        if time.monotonic() - _Asked.at > _ONE_WISH:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return
    _Asked.number, _Asked.at = number, time.monotonic()
    raise KeyboardInterrupt
