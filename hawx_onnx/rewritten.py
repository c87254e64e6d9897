"""Models that were rewritten already: what they carry, and how they are opened again."""

from __future__ import annotations

import json
from typing import Any

import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.passes.graph import HAWX_DOMAIN, metadata
from hawx_onnx.passes.rewrite import (
    ASSIGNMENT_KEY,
    COMPENSATION_KEY,
    ENERGIES_KEY,
    UNCOMPENSATED_KEY,
)
from hawx_onnx.passes.undo_rewrite import undo_rewrite

_REWRITE = "give the model as `optimize` or `apply` wrote it, or --assignment"


def is_rewritten(model: onnx.ModelProto) -> bool:
    """Whether a model holds ai.hawx operators."""
    return any(node.domain == HAWX_DOMAIN for node in model.graph.node)


def reopened(
    model: onnx.ModelProto, force: bool
) -> tuple[onnx.ModelProto, Assignment | None, tuple[str, ...]]:
    """A model to optimise, with the rewrite undone where it was rewritten.

    Args:
        model: The user's model.
        force: Whether a rewritten one may be given.

    Returns:
        The model, the assignment that it was rewritten by, and what the user should know.

    Raises:
        ModelError: It is rewritten and ``force`` is not given, or cannot be undone.
    """
    if not is_rewritten(model):
        return model, None, ()
    if not force:
        raise ModelError(
            "is rewritten already: it holds ai.hawx operators",
            where="model",
            mend="give the model that it was made from, or --force to go on from its assignment",
        )
    held = metadata(model)
    assignment = held_assignment(model) if ASSIGNMENT_KEY in held else None
    note = "the model was rewritten before: its int8 form stands in for the float model"
    if COMPENSATION_KEY in held and UNCOMPENSATED_KEY not in held:
        note += "; what compensated it stays, since it does not carry its own constants"
    return undo_rewrite(model), assignment, (note,)


def held_assignment(model: onnx.ModelProto) -> Assignment:
    """The assignment that a rewritten model carries, with its energies.

    Raises:
        ModelError: Its metadata lack it, or are damaged.
    """
    held = metadata(model)
    text = held.get(ASSIGNMENT_KEY)
    if text is None:
        raise ModelError(
            "is rewritten but its metadata hold no assignment",
            where="model",
            mend="give --assignment, or the model as `optimize` wrote it",
        )
    document = {"assignment": _json(text, ASSIGNMENT_KEY)}
    if ENERGIES_KEY in held:
        energies = _json(held[ENERGIES_KEY], ENERGIES_KEY)
        given = energies if isinstance(energies, dict) else {"energies_fj": energies}
        document = {**given, **document}
    try:
        return Assignment.of_document(document, "model")
    except ConfigError as error:
        raise ModelError(f"metadata: {error.what}", where=error.where, mend=_REWRITE) from error


def _json(text: str, key: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Returns what a metadata property of a model holds."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"metadata {key}: is no JSON", where="model", mend=_REWRITE) from error
