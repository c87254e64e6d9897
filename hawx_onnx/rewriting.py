"""From an int8 model and an assignment to the rewritten model, checked."""

from __future__ import annotations

import json

import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.passes import PassState, Rewrite, Verify
from hawx_onnx.passes.compensated import compensation_of, with_compensation
from hawx_onnx.passes.graph import set_metadata
from hawx_onnx.passes.rewrite import UNCOMPENSATED_KEY


def rewrite_and_verify(state: PassState, assignment: Assignment, threads: int) -> onnx.ModelProto:
    """Compensates an int8 model as the assignment says, rewrites it and checks the result.

    Raises:
        ConfigError: The compensation was made for another model.
        LibraryError: The rewritten model does not compute what it should.
    """
    if assignment.compensation is not None:
        model = with_compensation(state.model, state.candidates, assignment.compensation)
        # With what it replaced, so that `--force` can start from the model as it was quantised.
        back = compensation_of(model, state.model, state.candidates, ())
        text = None if back is None else json.dumps(back.to_dict())
        set_metadata(model, {UNCOMPENSATED_KEY: text})
        state = state.replace(model=model)
    rewritten = Rewrite()(state.replace(assignment=assignment))
    return Verify(state.model, threads)(rewritten).model
