"""Whether the tables of a model are those of the multipliers that its metadata name.

Costs go by these names, so that costs of a model with wrong ones mean nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from hawx_onnx import components
from hawx_onnx.assignment import Choice
from hawx_onnx.checks.subject import ApproximateNode, Subject
from hawx_onnx.components import Encoding
from hawx_onnx.components.tables import exact_table
from hawx_onnx.errors import ConfigError, HawxError, ModelError
from hawx_onnx.passes.graph import metadata
from hawx_onnx.passes.rewrite import ASSIGNMENT_KEY, MULTIPLIERS_KEY
from hawx_onnx.rewritten import held_assignment

_SHOWN = 4


def wrong_names(subject: Subject) -> dict[str, str]:
    """Layer -> why its tables are not those of the multipliers that the metadata name.

    The key is empty where no layer is to blame. A model without an assignment names nothing.
    """
    held = metadata(subject.model)
    if ASSIGNMENT_KEY not in held:
        return {}
    try:
        assignment = held_assignment(subject.model)
        shelf = ("builtin", *subject.settings.library)
        found = components.resolve(assignment.multipliers(), shelf)
        claimed = dict(json.loads(held.get(MULTIPLIERS_KEY, "{}")))
    except (ConfigError, ModelError, ValueError, TypeError) as error:
        why = error.what if isinstance(error, HawxError) else "the metadata are damaged"
        return {"": why}
    named = {one.name: one.content_hash for one in found}
    nodes = {node.name: node for node in subject.nodes}
    wrong = {}
    for layer in {**dict(assignment), **nodes}:
        why = _wrong(assignment.get(layer), nodes.get(layer), named)
        if why:
            wrong[layer] = why
    for name in sorted(name for name in claimed if name in named and claimed[name] != named[name]):
        wrong.setdefault("", f"{name} in the metadata is another one")
    return wrong


def _wrong(choice: Choice | None, node: ApproximateNode | None, named: Mapping[str, str]) -> str:
    """Why a layer's tables are not those of its multipliers; empty if they are.

    Args:
        choice: Its multipliers by the metadata; None if it is not in them.
        node: Its node; None if it was not rewritten, and so is exact.
        named: Name -> content hash.
    """
    exact = exact_hashes()
    names = (choice,) if isinstance(choice, str) else choice or ()
    want = [named[name] for name in names]
    if node is None:
        told = f"the metadata name {some(sorted(set(names)))}, but it is exact"
        return "" if set(want) <= exact else told
    if node.hashes is None:
        return node.why
    if choice is None:
        return "" if set(node.hashes) <= exact else "the metadata name no multiplier for it"
    if len(want) == 1:
        names, want = tuple(names) * len(node.hashes), want * len(node.hashes)
    if len(want) != len(node.hashes):
        return f"the metadata name {len(want)} multipliers for {len(node.hashes)} channels"
    pairs = zip(names, want, node.hashes, strict=True)
    differs = sorted({name for name, wanted, have in pairs if wanted != have})
    return f"the metadata name {some(differs)}, but its table is another one" if differs else ""


@lru_cache(maxsize=1)
def exact_hashes() -> frozenset[str]:
    """Content hashes of exact tables."""
    tables = (exact_table(encoding) for encoding in Encoding)
    return frozenset(hashlib.sha256(t.astype("<i4").tobytes()).hexdigest() for t in tables)


def some(texts: Iterable[str], most: int = _SHOWN) -> str:
    """The first few of some texts in one line."""
    every = list(texts)
    more = f", and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
