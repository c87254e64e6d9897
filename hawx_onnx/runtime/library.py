"""Find the custom-op library and make onnxruntime sessions with it."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.errors import HawxError, LibraryError, ModelError

logger = logging.getLogger(__name__)

DOMAIN = "ai.hawx"
LIBRARY_VARIABLE = "HAWX_ONNX_LIBRARY"
_SUFFIXES = {"win32": ".dll", "darwin": ".dylib"}
_FILE_NAME = "libhawx_onnx_ops" + _SUFFIXES.get(sys.platform, ".so")
_REINSTALL = f"reinstall hawx-onnx, or set {LIBRARY_VARIABLE} to the file {_FILE_NAME}"


def get_library_path() -> Path:
    """Returns the path of the custom-op library.

    Looked for in this order: the environment variable ``HAWX_ONNX_LIBRARY``, the package's own
    ``lib`` folder, the files of the installed distribution (an editable install keeps them apart).

    Raises:
        LibraryError: It is in none of these places; the text lists them.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if path.is_file():
            return path.resolve()
        raise LibraryError(
            "no such file",
            where=f"{LIBRARY_VARIABLE}={named}",
            mend=f"set it to the file {_FILE_NAME}, or unset it",
        )
    tried = [Path(__file__).resolve().parent.parent / "lib" / _FILE_NAME]
    tried += _installed_files()
    for path in tried:
        if path.is_file():
            return path.resolve()
    places = ", ".join(str(path) for path in dict.fromkeys(tried))
    raise LibraryError(
        f"the custom-op library is not installed (tried {LIBRARY_VARIABLE}, {places})",
        mend=f"with a C++ compiler {_REINSTALL}",
    )


def _installed_files() -> tuple[Path, ...]:
    """Where the installed distribution keeps the library."""
    return tuple(folder / _FILE_NAME for folder in _installed_folders())


@lru_cache(maxsize=1)
def _installed_folders() -> tuple[Path, ...]:
    """The distribution's folder of libraries; looked up once, it takes a while."""
    try:
        distribution = importlib.metadata.distribution("hawx-onnx")
    except importlib.metadata.PackageNotFoundError:
        return ()
    return (Path(str(distribution.locate_file("hawx_onnx/lib"))),)


def register(session_options: Any) -> None:  # noqa: ANN401 - onnxruntime brings no types
    """Makes the custom ops of domain ``ai.hawx`` known to a session.

    Args:
        session_options: An ``onnxruntime.SessionOptions``.

    Raises:
        LibraryError: The library is missing, or onnxruntime cannot load it.
    """
    path = get_library_path()
    try:
        session_options.register_custom_ops_library(str(path))
    except Exception as error:
        raise LibraryError(
            f"onnxruntime could not load the library: {_first_line(error)}",
            where=str(path),
            mend=_REINSTALL,
        ) from error


def create_session(
    path_or_bytes: str | os.PathLike[str] | bytes,
    *,
    threads: int = 0,
    use_library: bool | None = None,
    arena: bool = True,
    shared: Mapping[str, Any] | None = None,
    lean: bool = False,
) -> Any:  # noqa: ANN401 - onnxruntime brings no types
    """Makes an onnxruntime session on the CPU.

    Args:
        path_or_bytes: A model file (needed for models with external data), or a serialised model.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        use_library: Whether to register the custom-op library; None registers it if it is
            installed, and otherwise leaves rewritten models to their portable bodies.
        arena: Keep the memory of the largest run for the next one; without, each run gives its
            memory back, so that many sessions beside each other take that of one.
        shared: Initializer -> OrtValue that is read in its place, held once for many sessions.
        lean: Spare memory: neither copy weights into the order that kernels read fastest, nor
            compute what depends on constants alone ahead of the runs.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        ModelError: The model cannot be read or is not valid.
        LibraryError: The library is asked for and missing, or it refuses a node of the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = arena
    without = ["ConstantFolding"] if lean else None
    if lean:
        options.add_session_config_entry("session.disable_prepacking", "1")
    for name, value in (shared or {}).items():
        options.add_initializer(name, value)
    if use_library or (use_library is None and library_installed()):
        register(options)
    source = path_or_bytes if isinstance(path_or_bytes, bytes) else os.fspath(path_or_bytes)
    where = source if isinstance(source, str) else ""
    if where and not Path(where).is_file():
        raise ModelError("no such file", where=where, mend="give the path of an ONNX model")
    try:
        session = onnxruntime.InferenceSession(
            source, options, providers=["CPUExecutionProvider"], disabled_optimizers=without
        )
    except Exception as error:
        raise _session_error(error, where) from error
    if hasattr(session, "_model_bytes"):
        # Kept for a change of providers, which nobody asks for; it is as large as all weights.
        session._model_bytes = None
    session.shared = shared  # onnxruntime reads the values, but does not keep them
    return session


def describe_kernels(
    tables: np.ndarray,
    factors: np.ndarray | None = None,
    channels: np.ndarray | None = None,
) -> dict[str, Any]:
    """Tells what the library would run tables with, on this CPU and under ``HAWX_ISA``.

    Args:
        tables: int32 [T, 256, 256] truth tables, or one of [256, 256].
        factors: int32 [R, 514], ``stacked_factors`` of the multipliers of the tables; without,
            every table is looked up.
        channels: int32 [T], how many output channels of a group share each table: factors of many
            terms do not pay for few channels. Many if None.

    Returns:
        ``isa``: the instruction set in use; ``cpu``: detected vector extensions; ``kernels``: every
        kernel of the library (``name``, ``isa``, ``op``, ``supported``); ``chosen``: the kernel of
        each table.

    Raises:
        LibraryError: The library is missing or refuses; the text says why.
    """
    from onnx import TensorProto, helper

    stack = np.asarray(tables, dtype=np.int32)
    stack = stack[None] if stack.ndim == 2 else stack
    given = {"tables": stack, "factors": factors, "channels": channels}
    feeds = {k: np.asarray(v, dtype=np.int32) for k, v in given.items() if v is not None}
    inputs = [name if name in feeds else "" for name in given]
    node = helper.make_node("DescribeKernels", inputs, ["json"], "describe", domain=DOMAIN)
    graph = helper.make_graph(
        [node],
        "describe_kernels",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32, [None] * feed.ndim)
            for name, feed in feeds.items()
        ],
        [helper.make_tensor_value_info("json", TensorProto.UINT8, [None])],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = create_session(model.SerializeToString(), threads=1, use_library=True)
    try:
        (text,) = session.run(None, feeds)
    except Exception as error:
        raise LibraryError(_first_line(error), where="DescribeKernels") from error
    description: dict[str, Any] = json.loads(text.tobytes().decode("utf-8"))
    return description


def library_installed() -> bool:
    """Whether the library is there; if not, a warning tells once what runs instead.

    Raises:
        LibraryError: ``HAWX_ONNX_LIBRARY`` names no file.
    """
    try:
        get_library_path()
    except LibraryError as error:
        if os.environ.get(LIBRARY_VARIABLE):
            raise
        _tell_of_portable_bodies()
        logger.debug("%s", error)
        return False
    return True


@lru_cache(maxsize=1)
def _tell_of_portable_bodies() -> None:
    """Warns once in a process: everything works without the library, only slower."""
    logger.warning(
        "the custom-op library is not installed: ai.hawx operators run by their portable bodies, "
        "with the same results, only slower; `hawx-onnx doctor` tells more"
    )


def _session_error(error: Exception, where: str) -> HawxError:
    """The error to tell when a session cannot be made."""
    text = _first_line(error)
    if DOMAIN in text and ("is not a registered" in text or "No Op registered" in text):
        return LibraryError(
            f"the model has {DOMAIN} nodes without a portable body and the library is not in use:"
            f" {text}",
            where=where,
            mend=_REINSTALL,
        )
    if "node '" in text and "Approx" in text:
        return LibraryError(
            text, where=where, mend="rewrite the model again with this version of hawx-onnx"
        )
    if "HAWX_ISA" in text:
        return LibraryError(text, where=where)
    return ModelError(
        f"onnxruntime does not take the model: {text}",
        where=where,
        mend="check it with `python -m onnx.checker` or export it again",
    )


def _first_line(error: Exception, limit: int = 400) -> str:
    """The text of an exception without onnxruntime's prefix, in one line."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    head, mark, rest = text.partition("] : ")
    if mark and head.startswith("[ONNXRuntimeError"):
        text = rest.split(" : ", 2)[-1]
    return text[:limit]
