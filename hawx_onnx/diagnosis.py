"""What a session would run for each ai.hawx node of a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx.errors import HawxError
from hawx_onnx.frontend.model import load_model
from hawx_onnx.passes.graph import HAWX_DOMAIN, TABLES_AT, factors_of, metadata, table_index_of
from hawx_onnx.passes.portable import adds_products
from hawx_onnx.passes.rewrite import MULTIPLIERS_KEY
from hawx_onnx.runtime.library import create_session, describe_kernels

PRODUCTS, LOOK_UPS = "portable_products", "portable_look_ups"


def diagnose_model(path: str | Path, library: bool) -> tuple[list[dict[str, Any]], str]:
    """Tells what runs each ai.hawx node, and why no session can be made.

    Args:
        path: The ONNX file.
        library: Whether the session has the custom-op library.

    Returns:
        For each node ``name``, ``op``, ``path`` (``library``, ``portable``, or ``none`` where no
        session can be made) and ``kernels``: multiplier -> kernel, empty where tables or index
        are no constants. Then the error of the session, empty if there is none.

    Raises:
        ModelError: The file is no model.
    """
    model = load_model(path)
    nodes = [node for node in model.graph.node if node.domain == HAWX_DOMAIN]
    try:
        create_session(path, threads=1, use_library=library)
        kernels = [_kernels(model, node, library) for node in nodes]
    except HawxError as error:
        return [_told(node, "none", {}) for node in nodes], str(error)
    way = "library" if library else "portable"
    return [_told(*pair) for pair in zip(nodes, [way] * len(nodes), kernels, strict=True)], ""


def _told(node: onnx.NodeProto, path: str, kernels: Mapping[str, str]) -> dict[str, Any]:
    return {"name": node.name, "op": node.op_type, "path": path, "kernels": dict(kernels)}


@dataclass(frozen=True, eq=False)
class _Choice:
    """The constants that choose a node's multipliers.

    Attributes:
        tables: int32 [T, 256, 256].
        factors: int32 [R, 514].
        index: int32 [groups, output channels of a group].
    """

    tables: np.ndarray
    factors: np.ndarray
    index: np.ndarray


def _choice(model: onnx.ModelProto, node: onnx.NodeProto) -> _Choice | None:
    """What chooses the multipliers of a node; None if a session's inputs do."""
    names = (node.input[TABLES_AT[node.op_type]], table_index_of(node), factors_of(node))
    constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name in names
    }
    tables, index = (constants.get(name) for name in names[:2])
    if tables is None or index is None:
        return None
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    factors = constants.get(names[2], np.zeros((0, 514), np.int32))
    return _Choice(tables, factors, index.reshape(groups, -1))


def _kernels(model: onnx.ModelProto, node: onnx.NodeProto, library: bool) -> dict[str, str]:
    """Multiplier -> kernel of a node; several kernels where groups differ."""
    choice = _choice(model, node)
    if choice is None:
        return {}
    known = json.loads(metadata(model).get(MULTIPLIERS_KEY, "{}"))
    names = {digest: name for name, digest in known.items()}
    found = _library_kernels(choice) if library else _portable_kernels(choice, model, node)
    return {_name(choice.tables[t], t, names): ", ".join(found[t]) for t in sorted(found)}


def _name(table: np.ndarray, number: int, names: Mapping[str, str]) -> str:
    digest = hashlib.sha256(table.astype("<i4").tobytes()).hexdigest()
    return names.get(digest, f"table {number}")


def _library_kernels(choice: _Choice) -> dict[int, list[str]]:
    """Table -> kernels; they depend on how many channels of a group share it."""
    found: dict[int, list[str]] = {}
    for part in np.unique(choice.index, axis=0):
        counts = np.bincount(part, minlength=len(choice.tables))
        chosen = describe_kernels(choice.tables, choice.factors, np.maximum(counts, 1))["chosen"]
        for table in np.flatnonzero(counts).tolist():
            kernels = found.setdefault(table, [])
            kernels.extend({chosen[table]} - set(kernels))
    return found


def _portable_kernels(
    choice: _Choice, model: onnx.ModelProto, node: onnx.NodeProto
) -> dict[int, list[str]]:
    """Table -> the way that the portable body goes for the whole node."""
    body = next(f for f in model.functions if (f.domain, f.name) == (HAWX_DOMAIN, node.op_type))
    used = np.unique(choice.index)
    products = adds_products(body) and all(_hold(choice, int(table)) for table in used)
    return {int(table): [PRODUCTS if products else LOOK_UPS] for table in used}


def _hold(choice: _Choice, table: int) -> bool:
    """Whether there are factors of a table and they give it, modulo 2^32 as sums are."""
    rows = choice.factors[choice.factors[:, 0] == table].astype(np.int64)
    given = (rows[:, 2:258] * rows[:, 1:2]).T @ rows[:, 258:]
    return bool(len(rows)) and np.array_equal(given.astype(np.int32), choice.tables[table])
