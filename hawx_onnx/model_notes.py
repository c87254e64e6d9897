"""What happens to a model that is not plainly float or static int8: told in the report."""

from __future__ import annotations

import onnx

from hawx_onnx.passes.static_form import DYNAMIC_OPS, needs_static_form

_SHOWN = 4


def notes_on(model: onnx.ModelProto) -> tuple[str, ...]:
    """Warnings about the user's own model.

    Args:
        model: As it was loaded.

    Returns:
        That dynamic ranges become static ones, that weights quantised alone become floats, and
        which model-local functions are inlined; nothing for other models.
    """
    notes = []
    dynamic = sum(node.op_type in DYNAMIC_OPS for node in model.graph.node)
    if dynamic:
        notes.append(
            f"{dynamic} dynamically quantised products become static: the ranges of their "
            "activations are those of the calibration samples, for every input"
        )
    elif needs_static_form(model):
        notes.append(
            "weights that are quantised alone are computed as floats, and quantised anew with the "
            "activations"
        )
    used = {(node.domain, node.op_type) for node in model.graph.node}
    called = [f.name for f in model.functions if (f.domain, f.name) in used]
    if called:
        named = ", ".join(called[:_SHOWN]) + (", ..." if len(called) > _SHOWN else "")
        notes.append(
            f"model-local functions are inlined ({named}): layers in them are nodes of the "
            "rewritten model"
        )
    return tuple(notes)
