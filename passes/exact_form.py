"""The int8 model with its candidates on the library's exact products: the same bytes, faster."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.components import stacked_factors
from hawx_onnx.errors import LibraryError
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.base import PassState
from hawx_onnx.runtime.library import get_library_path


def exact_form(state: PassState) -> onnx.ModelProto:
    """The model to run where nothing but its exact activations is asked for.

    onnxruntime takes slow paths for int8 activations; the library's operators with the exact
    multiplier do not, and give the same bytes.

    Args:
        state: Int8 model, candidates, and the exact multiplier first.

    Returns:
        The model with ai.hawx operators; the int8 model itself where there is no library.
    """
    exact = state.multipliers[:1]
    try:
        get_library_path()
    except LibraryError:
        exact = ()
    if not exact:
        return state.model
    tables = np.stack([multiplier.table for multiplier in exact])
    index = {c.name: np.zeros(c.channels, np.int32) for c in state.candidates}
    return with_tables(
        state.model,
        tables,
        index,
        factors=stacked_factors(exact),
        signed=exact[0].encoding.codes_signed,
        portable=False,
    )
