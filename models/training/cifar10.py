"""CIFAR-10's binary version: files of records, each a label and 3 x 32 x 32 bytes.

The Python version of the same data set is pickled; pickles run code, so they are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.sources import RawData, RawPart

_RECORD = 1 + 3 * 32 * 32
_PATTERNS = {"train": "data_batch_*.bin", "test": "test_batch.bin"}


def is_folder(folder: Path) -> bool:
    """Tells whether the folder holds CIFAR-10's binary files."""
    return any(any(folder.glob(pattern)) for pattern in _PATTERNS.values())


def load(folder: Path) -> RawData:
    """Returns the images, uint8 [N, 32, 32, 3] in RGB, and their classes; a part may be absent.

    Raises:
        DataError: If a file is cut off or cannot be read.
    """
    parts = {}
    for name, pattern in _PATTERNS.items():
        files = sorted(folder.glob(pattern))
        if not files:
            continue
        records = np.concatenate([_records(path) for path in files])
        planes = records[:, 1:].reshape(-1, 3, 32, 32)
        parts[name] = RawPart(
            x=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
            y=records[:, 0].astype(np.int64),
            x_where=f"{folder}, {pattern}",
            y_where=f"{folder}, {pattern}",
        )
    return RawData(str(folder), f"CIFAR-10's binary files of {folder.name}", parts)


def _records(path: Path) -> np.ndarray:
    """Reads one file, uint8 [N, 3073]."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=str(path), mend="mend its permissions"
        ) from error
    if not len(content) or len(content) % _RECORD:
        raise DataError(
            f"has {len(content)} bytes, no multiple of the {_RECORD} of a record",
            where=str(path),
            mend="fetch the binary version of CIFAR-10 again",
        )
    return content.reshape(-1, _RECORD)
