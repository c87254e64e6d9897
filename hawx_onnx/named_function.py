"""Functions that users name as ``package.module:function``."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hawx_onnx.errors import HawxError
from hawx_onnx.names import close_names

_SPEC = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def names_function(spec: str) -> bool:
    """Whether a text has the form ``package.module:function``."""
    return _SPEC.fullmatch(spec) is not None


def named_function(spec: str, error: type[HawxError]) -> Callable[..., Any]:
    """Imports the function that a text names; its module may lie in the working directory.

    Args:
        spec: ``package.module:function``.
        error: What to raise where there is no such module or function.
    """
    module_name, name = spec.split(":")
    try:
        with working_directory_importable():
            module = importlib.import_module(module_name)
    except Exception as reason:
        raise error(
            f"module '{module_name}' cannot be imported: {type(reason).__name__}: {reason}",
            where=spec,
            mend="install the module, or run where it can be imported from",
        ) from reason
    function = getattr(module, name, None)
    if not callable(function):
        names = [known for known, value in vars(module).items() if callable(value)]
        raise error(
            f"module '{module_name}' has no function '{name}'",
            where=spec,
            mend=close_names(name, names),
        )
    return function  # type: ignore[no-any-return]


@contextmanager
def working_directory_importable() -> Iterator[None]:
    """Puts the working directory at the end of the import path for a while."""
    entry = str(Path.cwd())
    sys.path.append(entry)
    try:
        yield
    finally:
        if entry in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(entry)]
