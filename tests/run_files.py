"""What runs of ``optimize`` write, to be held against each other: the same, times apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What tells times in report.json and sensitivity.json; all else has to be the same.
TIMES = frozenset(
    {
        "created",
        "exhaustive_seconds_estimate",
        "measuring_seconds",
        "scoring_seconds",
        "seconds",
        "solving_seconds",
        "speedup",
    }
)
SAME = ("model.onnx", "assignment.json", "pareto.csv")


def timeless(value: Any, apart: frozenset[str] = TIMES) -> Any:
    """A document without the keys that tell times, or others."""
    if isinstance(value, dict):
        return {key: timeless(item, apart) for key, item in value.items() if key not in apart}
    return [timeless(item, apart) for item in value] if isinstance(value, list) else value


def document(path: Path, apart: frozenset[str] = TIMES) -> str:
    """A JSON file as text, in the order of its keys, without some of them."""
    return json.dumps(timeless(json.loads(path.read_text(encoding="utf-8")), apart))


def content(folder: Path, apart: frozenset[str] = TIMES) -> dict[str, bytes | str]:
    """What a folder of results says, times apart."""
    texts = ("report.json", "sensitivity.json")
    return {
        **{name: (folder / name).read_bytes() for name in SAME},
        **{name: document(folder / name, apart) for name in texts},
    }


def content_of(path: Path) -> bytes | str | None:
    """What one file says, times apart; None for one that is another one each time."""
    if path.name in SAME:
        return path.read_bytes()
    if path.name in ("report.json", "sensitivity.json"):
        return document(path)
    return None
