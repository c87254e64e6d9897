"""Amounts of memory: as users write them, and what this process holds."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import sys
from pathlib import Path

from hawx_onnx.errors import ConfigError

DEFAULT_LIMIT = "2G"
MEBIBYTE = 2**20
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE)


def parse_bytes(text: str, where: str = "--memory-limit") -> int:
    """Number of bytes of a text such as ``512M``, ``1.5G`` or ``2GiB``; units are powers of 1,024.

    Raises:
        ConfigError: The text is no amount of memory, or the amount is 0.
    """
    match = _FORM.fullmatch(text.strip())
    count = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if count:
        return count
    raise ConfigError(f"{text!r} is no amount of memory", where=where, mend="write 512M or 2G")


def describe_bytes(count: int) -> str:
    """An amount in the form that ``--memory-limit`` takes, rounded up to whole MiB."""
    return f"{-(-count // MEBIBYTE)}M"


def resident_bytes() -> int:
    """Memory that this process holds now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return peak_bytes()
    import resource

    return pages * resource.getpagesize()


def release_freed() -> None:
    """Gives the system back what the C library keeps of memory that was freed, where it can."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)


def peak_bytes() -> int:
    """The most memory that this process has held; 0 where the system does not tell.

    On Linux not ``ru_maxrss``, which begins with what the process that started this one held.
    """
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
