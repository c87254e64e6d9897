"""A Python function as a multiplier: the one import that runs code of the user's."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from hawx_onnx.components.importers.options import ImportOptions
from hawx_onnx.components.library_index import check_name
from hawx_onnx.components.stored import Provenance, StoredMultiplier, stored
from hawx_onnx.components.table_files import checked_table
from hawx_onnx.components.tables import CODES, Encoding, Table, operand_values
from hawx_onnx.errors import ComponentError
from hawx_onnx.named_function import (
    named_function,
    working_directory_importable,
)

logger = logging.getLogger(__name__)


def import_function(spec: str, options: ImportOptions) -> StoredMultiplier:
    """Tabulates a function of two operands' values.

    It is called once with int64 arrays [256, 1] and [1, 256]; where it takes no arrays, once for
    each pair of ints. The working directory can be imported from.

    Args:
        spec: ``package.module:function``; called as ``function(activation, weight)``.
        options: The encoding of its operands, signed by default.

    Raises:
        ComponentError: There is no such function, it fails, or it returns no integers of 32 bits.
    """
    logger.warning("%s: executing this Python function to get its products", spec)
    encoding = options.encoding or Encoding.SIGNED
    function = named_function(spec, ComponentError)
    name = spec.rpartition(":")[2]
    check_name(name, spec)
    with working_directory_importable():
        table = _tabulate(function, encoding, spec)
    notes = () if options.encoding else ("encoding signed taken; --encoding names another",)
    multiplier = StoredMultiplier(
        name,
        encoding,
        table,
        None,
        f"Python function {spec}",
        "products of a function",
        provenance=Provenance(
            origin=spec,
            flow="Python function",
            date=datetime.date.today().isoformat(),
            notes=notes,
        ),
    )
    return stored(multiplier)


def _tabulate(function: Callable[..., Any], encoding: Encoding, spec: str) -> Table:
    values = operand_values(encoding).astype(np.int64)
    try:
        products = np.asarray(function(values[:, None], values[None, :]))
        whole = products.shape == (CODES, CODES) and products.dtype.kind in "iuf"
    except Exception:  # any function of ints alone fails in a way of its own
        whole = False
    if not whole:
        plain = values.tolist()
        try:
            products = np.array([[function(a, w) for w in plain] for a in plain])
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ComponentError(
                f"the function failed: {text}",
                where=spec,
                mend="it takes an activation and a weight and returns their product",
            ) from error
    return checked_table(products, spec)
