"""What happens to a model that is not plainly float or static int8: told in the report."""

from __future__ import annotations

import onnx

from hawx_onnx.frontend.narrow_weights import NARROWED_KEY
from hawx_onnx.passes.dynamic_form import DYNAMIC_OPS
from hawx_onnx.passes.graph import metadata
from hawx_onnx.passes.kept_functions import INLINE, KEEP, function_calls
from hawx_onnx.passes.static_form import needs_static_form

_SHOWN = 4


def notes_on(
    model: onnx.ModelProto, functions: str = INLINE, quantization: str = "static"
) -> tuple[str, ...]:
    """Warnings about the user's own model.

    Args:
        model: As it was loaded.
        functions: What becomes of model-local functions: ``inline`` or ``keep``.
        quantization: ``static`` or ``dynamic``, what was asked for.

    Returns:
        That dynamic ranges become static ones, that weights quantised alone become floats,
        that those of a large model were read as codes, and
        which model-local functions are inlined or kept; nothing for other models.
    """
    notes = []
    dynamic = sum(node.op_type in DYNAMIC_OPS for node in model.graph.node)
    if dynamic and quantization == "static":
        notes.append(
            f"{dynamic} dynamically quantised products become static: the ranges of their "
            "activations are those of the calibration samples, for every input (--quantization "
            "dynamic keeps them)"
        )
    elif not dynamic and needs_static_form(model):
        notes.append(
            "weights that are quantised alone are computed as floats, and quantised anew with the "
            "activations"
        )
    narrowed = metadata(model).get(NARROWED_KEY)
    if narrowed is not None:
        notes.append(
            f"the model is too large to be held as floats: its {narrowed} weights of products were "
            "read as 8-bit codes, and what is called the float model computes with these"
        )
    called = list(dict.fromkeys(call.op_type for call in function_calls(model)))
    if called:
        named = ", ".join(called[:_SHOWN]) + (", ..." if len(called) > _SHOWN else "")
        notes.append(
            f"model-local functions are kept ({named}): what they multiply stays exact, in "
            "floating point"
            if functions == KEEP
            else f"model-local functions are inlined ({named}): layers in them are nodes of the "
            "rewritten model; --functions keep leaves them whole"
        )
    return tuple(notes)
