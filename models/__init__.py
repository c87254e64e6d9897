"""Reference networks: architecture, training recipe, model card and, where small, the weights.

Each network is one folder with a ``recipe.py``; those whose weights ship have a ``card.yaml`` (the
machine-readable model card) besides. Importing this package reads nothing; torch is needed only by
``python -m hawx_onnx.models train NAME``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.names import close_names

__all__ = ["ReferenceModel", "recipe_names", "reference", "reference_names"]

_HERE = Path(__file__).resolve().parent
_REQUIRED_KEYS = ("name", "file", "dataset", "preprocessing")


@dataclass(frozen=True, eq=False)
class ReferenceModel:
    """A reference network.

    Attributes:
        name: The name under which it is known, also in the ONNX metadata key ``hawx.reference``.
        path: The ONNX file; it exists for the networks that ship.
        card: The content of ``card.yaml``.
        dataset: The name that ``load_dataset`` takes for the network's own data.
    """

    name: str
    path: Path
    card: dict[str, Any]
    dataset: str


def reference_names() -> tuple[str, ...]:
    """Returns the names of the reference networks that ship with their weights, sorted."""
    return tuple(sorted(card.parent.name for card in _HERE.glob("*/card.yaml")))


def recipe_names() -> tuple[str, ...]:
    """Returns the names of the networks that can be trained, sorted."""
    return tuple(sorted(file.parent.name for file in _HERE.glob("*/recipe.py")))


def reference(name: str) -> ReferenceModel:
    """Returns the shipped reference network of that name.

    Args:
        name: One of ``reference_names()``.

    Raises:
        ConfigError: If there is no such network.
        DataError: If its card lacks a required key.
    """
    if name not in reference_names():
        raise ConfigError(
            "no such reference network",
            where=name,
            mend=close_names(name, reference_names()),
        )
    import yaml

    card_path = _HERE / name / "card.yaml"
    card = yaml.safe_load(card_path.read_text(encoding="utf-8"))
    missing = [key for key in _REQUIRED_KEYS if key not in card]
    if missing:
        raise DataError(
            f"the model card lacks {', '.join(missing)}",
            where=str(card_path),
            mend="install hawx-onnx again, or mend the card",
        )
    return ReferenceModel(
        name=name, path=card_path.parent / card["file"], card=card, dataset=card["dataset"]
    )
