"""Scores and the like as bytes, and back, to the bit: no pickles, only the classes named here."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from hawx_onnx.compensation import Compensation, LayerCompensation
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.hardware.workload import Geometry
from hawx_onnx.passes.base import BiasCorrection, Candidate, LeftAlone
from hawx_onnx.passes.trial import Outcome, Quality
from hawx_onnx.sensitivity import (
    FilterScore,
    MultiplicationEnergies,
    OperatorScore,
    Sensitivity,
)

CLASSES = {
    one.__name__: one
    for one in (
        BiasCorrection,
        Candidate,
        Compensation,
        FilterScore,
        Geometry,
        LayerCompensation,
        LayerWorkload,
        LeftAlone,
        MultiplicationEnergies,
        OperatorScore,
        Outcome,
        Quality,
        Sensitivity,
    )
}
_TREE = "tree"


def pack(value: object) -> bytes:
    """Writes a value as an ``.npz`` file: its arrays, and a tree in JSON that holds them together.

    Args:
        value: Of plain values, bytes, numpy arrays and scalars, lists, tuples, mappings, and
            instances of ``CLASSES``, nested.

    Raises:
        TypeError: Something in it is none of these.
    """
    arrays: list[np.ndarray] = []
    tree = json.dumps(_to_tree(value, arrays)).encode()
    named = {str(index): array for index, array in enumerate(arrays)}
    stream = io.BytesIO()
    np.savez(stream, **{_TREE: np.frombuffer(tree, np.uint8)}, **named)  # type: ignore[arg-type]
    return stream.getvalue()


def unpack(data: bytes) -> Any:  # noqa: ANN401 - whatever was packed
    """Reads what ``pack`` wrote.

    Raises:
        ValueError: It is something else, or damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return _of_tree(json.loads(arrays[_TREE].tobytes()), arrays)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"damaged: {error}") from error


def _to_tree(value: Any, arrays: list[np.ndarray]) -> Any:  # noqa: ANN401
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic, bytes)):
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        kind = "bytes" if isinstance(value, bytes) else kind
        arrays.append(np.frombuffer(value, np.uint8) if kind == "bytes" else np.asarray(value))
        return {kind: len(arrays) - 1}
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_to_tree(one, arrays) for one in value]}
    if isinstance(value, Mapping):
        return {"pairs": [[str(key), _to_tree(one, arrays)] for key, one in value.items()]}
    name = type(value).__name__
    if CLASSES.get(name) is not type(value):
        raise TypeError(f"{name} cannot be written to a journal")
    fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return {"class": name, "fields": _to_tree(fields, arrays)}


def _of_tree(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401
    if not isinstance(tree, dict):
        return tree
    if "class" in tree:
        return CLASSES[tree["class"]](**_of_tree(tree["fields"], arrays))
    ((kind, held),) = tree.items()
    if kind == "pairs":
        return {key: _of_tree(one, arrays) for key, one in held}
    if kind in ("list", "tuple"):
        values = [_of_tree(one, arrays) for one in held]
        return values if kind == "list" else tuple(values)
    array = arrays[str(held)]
    if kind == "bytes":
        return array.tobytes()
    return array[()] if kind == "scalar" else array
