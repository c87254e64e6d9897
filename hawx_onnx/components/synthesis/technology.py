"""Which cells a circuit is mapped to, and the name that its figures go by."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.synthesis.liberty import CellLibrary, read_liberty
from hawx_onnx.components.synthesis.mapping import FLOW

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""The Oklahoma State University library, 0.18 um, of Debian's package qflow-tech-osu018."""

GENERIC = Path(__file__).with_name("generic.lib")
"""Our own library, for computers without another; its figures only rank."""

# Known by content: a file of this name with other figures is another technology.
_KNOWN = {"86f79b2000f1ac46715a9f6dfd5f5a596906418e9ee8a8611077bbaaad3de4e9": "osu018"}


@functools.lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> CellLibrary:
    return read_liberty(path)


def cell_library(path: str | Path | None = None) -> CellLibrary:
    """Returns a cell library, read once.

    Args:
        path: A Liberty file; by default OSU 0.18 um where it is installed, else our generic one.

    Raises:
        LibraryError: The file cannot be read.
    """
    file = Path(path) if path is not None else (OSU018 if OSU018.is_file() else GENERIC)
    return _read(file, file.stat().st_mtime_ns if file.is_file() else 0)


def technology_name(
    library: CellLibrary, mode: str, operands: OperandHistograms | None = None
) -> str:
    """Returns what a library, the power mode and the version of the flow are called together.

    Figures share a budget where this name is the same. Libraries that are not known by content
    carry the beginning of their hash, and so do operands that are not uniform.
    """
    generic = library.digest == hashlib.sha256(GENERIC.read_bytes()).hexdigest()
    unknown = f"{library.name}-{library.digest[:8]}"
    name = "generic" if generic else _KNOWN.get(library.digest, unknown)
    told = f"-operands-{histograms_hash(operands)[:8]}" if operands is not None else ""
    return f"{name}-{library.voltage:g}V-{mode}-{FLOW}{told}"


def histograms_hash(operands: OperandHistograms) -> str:
    """Returns a hash of both distributions."""
    data = b"".join(one.astype("<f8").tobytes() for one in (operands.activation, operands.weight))
    return hashlib.sha256(data).hexdigest()
