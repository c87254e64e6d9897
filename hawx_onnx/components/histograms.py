"""Histograms of operands from files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from hawx_onnx.components.statistics import Floats, operand_shares
from hawx_onnx.errors import ConfigError
from hawx_onnx.numpy_files import Archive, ArrayFileError

ENTRIES = ("activation", "weight")
MEND = "give an .npz file with the entries activation and weight, each counts [256] by bit pattern"


@dataclass(frozen=True, eq=False)
class OperandHistograms:
    """How often operands occur.

    Attributes:
        activation: Shares of the activation codes, float64 [256] by bit pattern.
        weight: The same of the weight codes.
    """

    activation: Floats
    weight: Floats


def read_histograms(path: str | Path) -> OperandHistograms:
    """Reads an ``.npz`` file with the entries ``activation`` and ``weight``.

    Each holds counts or shares, [256] by bit pattern.

    Raises:
        ConfigError: There is no such file, it is no ``.npz`` file, or an entry is missing or no
            histogram.
    """
    if not Path(path).is_file():
        raise ConfigError("there is no such file", where=str(path), mend=MEND)
    try:
        if not zipfile.is_zipfile(path):
            raise ConfigError("the file is no .npz archive", where=str(path), mend=MEND)
        with Archive(Path(path)) as archive:
            if missing := [entry for entry in ENTRIES if entry not in archive.names]:
                told = f"there is no entry {' and no entry '.join(missing)}"
                raise ConfigError(told, where=str(path), mend=MEND)
            counts = {entry: archive.read(entry) for entry in ENTRIES}
    except ArrayFileError as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), mend=MEND) from error
    return OperandHistograms(
        *(operand_shares(counts[entry], f"{path}:{entry}") for entry in ENTRIES)
    )
