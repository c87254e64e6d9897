"""Measurements written down as they are made, so that an interrupted run can go on.

``measurements.jsonl`` in the output folder: a line that says of what the measurements are, then one
line for each measured assignment. A line counts once it ends.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.search.problem import Choice

FILE = "measurements.jsonl"
FORMAT = 1


def origin_of(
    model: onnx.ModelProto,
    multipliers: Sequence[Multiplier],
    x: np.ndarray,
    y: np.ndarray,
    folded_on: np.ndarray | None = None,
) -> dict[str, Any]:
    """What measurements are of: whatever of it differs makes them other ones.

    Args:
        model: The int8 model.
        multipliers: Candidates, in the order that choices count them.
        x: Validation samples, in the order that they are run.
        y: Their classes.
        folded_on: Calibration samples that biases were folded on; None where they were not.
    """
    tables = [[multiplier.name, multiplier.content_hash] for multiplier in multipliers]
    data = hashlib.sha256(np.ascontiguousarray(x).data)
    data.update(np.ascontiguousarray(y).data)
    return {
        "model": hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest(),
        "multipliers": tables,
        "data": data.hexdigest(),
        "folded biases": None if folded_on is None else _digest(folded_on),
    }


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


class Journal:
    """The file of a run's measurements.

    Args:
        folder: Where the file is; made with the first measurement.
        origin: Of ``origin_of``.
        resume: Take what the file holds; otherwise it is begun anew.

    Raises:
        ConfigError: The file cannot be read, is damaged, or is of other measurements.
    """

    def __init__(self, folder: str | Path, origin: Mapping[str, Any], resume: bool = False) -> None:
        self._path = Path(folder) / FILE
        self._header = {"hawx_measurements": FORMAT, **origin}
        self._known: dict[Choice, np.ndarray] = {}
        self._begun = False
        if resume and self._path.exists():
            self._read()

    def __len__(self) -> int:
        return len(self._known)

    def hits(self, choice: Choice) -> np.ndarray | None:
        """Which of the samples that were run are right: bool [samples], or None."""
        return self._known.get(choice)

    def add(self, choices: Sequence[tuple[Choice, np.ndarray]]) -> None:
        """Writes measurements to the disk before it returns."""
        if not choices:
            return
        self._known.update(choices)
        lines = [json.dumps(_entry(choice, hits)) for choice, hits in choices]
        if not self._begun:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = [
                json.dumps(self._header),
                *(json.dumps(_entry(*e)) for e in self._known.items()),
            ]
        # Begun anew with all that is known, so that half a line of a run that died is gone.
        with self._path.open("a" if self._begun else "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        self._begun = True

    def _read(self) -> None:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._error("cannot be read") from error
        # What follows the last end of a line was not written to its end.
        lines = text.split("\n")[:-1]
        try:
            header, *entries = [json.loads(line) for line in lines]
            self._check(header)
            self._known = dict(_measurement(entry) for entry in entries)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._error("is no file of measurements, or is damaged") from error

    def _check(self, header: Mapping[str, Any]) -> None:
        wanted = json.loads(json.dumps(self._header))
        other = [key for key, value in wanted.items() if header.get(key) != value]
        if other:
            raise self._error(f"is of another run: {', '.join(other)} differ")

    def _error(self, what: str) -> ConfigError:
        return ConfigError(
            what, where=str(self._path), mend="leave out --resume, or name another --output"
        )


def _entry(choice: Choice, hits: np.ndarray) -> dict[str, Any]:
    packed = base64.b64encode(np.packbits(hits).tobytes()).decode("ascii")
    return {"choice": choice, "samples": len(hits), "hits": packed}


def _measurement(entry: Mapping[str, Any]) -> tuple[Choice, np.ndarray]:
    choice = tuple(
        int(one) if isinstance(one, int) else tuple(int(index) for index in one)
        for one in entry["choice"]
    )
    packed = np.frombuffer(base64.b64decode(entry["hits"], validate=True), np.uint8)
    samples = int(entry["samples"])
    if len(packed) != -(-samples // 8):
        raise ValueError("as many bits as samples are needed")
    return choice, np.unpackbits(packed, count=samples).astype(bool)
