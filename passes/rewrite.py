"""Write the chosen multipliers into the graph as ai.hawx operators."""

from __future__ import annotations

import json

import numpy as np
import onnx

import hawx_onnx
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.errors import ConfigError
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.base import Candidate, LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import set_metadata
from hawx_onnx.passes.open_batch import close_batch
from hawx_onnx.passes.probe import stacked_tables, table_indices

ASSIGNMENT_KEY = "hawx.assignment"
MULTIPLIERS_KEY = "hawx.multipliers"
ENERGIES_KEY = "hawx.energies"
COMPENSATION_KEY = "hawx.compensation"
# What compensation replaced, as compensation that leads back.
UNCOMPENSATED_KEY = "hawx.uncompensated"
VERSION_KEY = "hawx.version"
# All that a rewrite writes into the metadata.
OWN_KEYS = (
    ASSIGNMENT_KEY,
    MULTIPLIERS_KEY,
    ENERGIES_KEY,
    COMPENSATION_KEY,
    UNCOMPENSATED_KEY,
    VERSION_KEY,
)


class Rewrite(Pass):
    """Replaces every candidate that the assignment approximates; the others stay standard ops."""

    name = "rewrite"

    def requires(self, state: PassState) -> None:
        """There is an assignment, over known layers and multipliers."""
        if state.assignment is None:
            raise ConfigError("no assignment was chosen", where="rewrite", mend="search first")
        state.assignment.check(
            [c.name for c in state.candidates], [m.name for m in state.multipliers]
        )

    def call(self, state: PassState) -> PassResult:
        """Rewrites the nodes and records the assignment in the model's metadata."""
        assert state.assignment is not None
        exact = state.multipliers[0].name
        chosen = [
            c
            for c in state.candidates
            if set(state.assignment.per_channel(c.name, c.channels, exact)) != {exact}
        ]
        left = tuple(
            LeftAlone(c.name, c.op, "the search keeps it exact")
            for c in state.candidates
            if c not in chosen
        )
        model = rewrite(state.model, state.assignment, chosen, state.multipliers)
        return PassResult(state.replace(model=model), bool(chosen), left)


def rewrite(
    model: onnx.ModelProto,
    assignment: Assignment,
    chosen: list[Candidate],
    multipliers: tuple[Multiplier, ...],
) -> onnx.ModelProto:
    """Rewrites the chosen nodes; only tables in use are written, with their factors."""
    indices = table_indices(assignment, chosen, multipliers)
    # By name, so that the file does not depend on which other candidates there were.
    found = {int(i) for index in indices.values() for i in index}
    used = sorted(found, key=lambda i: multipliers[i].name)
    position = np.zeros(len(multipliers), np.int32)
    position[used] = np.arange(len(used), dtype=np.int32)
    packed = [multipliers[i] for i in used]
    if packed:
        compact = {name: position[index] for name, index in indices.items()}
        factors = stacked_factors(packed)
        signed = packed[0].encoding.codes_signed
        tables = stacked_tables(packed)
        result = with_tables(model, tables, compact, factors=factors, signed=signed)
    else:
        result = onnx.ModelProto()
        result.CopyFrom(model)
    close_batch(result)
    set_metadata(
        result,
        {
            VERSION_KEY: hawx_onnx.__version__,
            ASSIGNMENT_KEY: json.dumps(assignment.to_dict()),
            MULTIPLIERS_KEY: json.dumps({m.name: m.content_hash for m in packed}),
            COMPENSATION_KEY: _compensation(assignment),
            ENERGIES_KEY: _energies(assignment, multipliers[0].name),
        },
    )
    return result


def _compensation(assignment: Assignment) -> str | None:
    """The passes that compensated the model; what they changed, its layers hold."""
    given = assignment.compensation
    return None if given is None else json.dumps(list(given.passes))


def _energies(assignment: Assignment, exact: str) -> str | None:
    """What costing the model takes: energies of the multipliers in use, and of the exact one."""
    if assignment.energies is None:
        return None
    wanted = {layer: {exact} for layer, _ in assignment.energies.layers}
    for layer, choice in assignment.items():
        wanted.setdefault(layer, {exact}).update((choice,) if isinstance(choice, str) else choice)
    return json.dumps(assignment.energies.only(wanted).to_dict())
