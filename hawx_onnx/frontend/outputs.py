"""The output that is scored: its choice, and whether it can be scored."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.names import close_names

OUTPUT_KEY = "hawx.output"
FLAG = "--output-name"
_FLOATS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
}


def model_output(model: onnx.ModelProto) -> str:
    """Name of the output that is scored: the chosen one, else the first of floats, else the first.

    A choice stands in the model's metadata, so that it goes with the model through all passes.
    """
    outputs = list(model.graph.output)
    chosen = next((entry.value for entry in model.metadata_props if entry.key == OUTPUT_KEY), None)
    floats = [o for o in outputs if o.type.tensor_type.elem_type in _FLOATS]
    named = [o for o in outputs if o.name == chosen]
    return str((named or floats or outputs)[0].name)


def with_output(model: onnx.ModelProto, name: str | None) -> tuple[onnx.ModelProto, str]:
    """Chooses the output to score.

    Args:
        model: The user's model; stays as it is.
        name: Name of one of its outputs; None for the first of floats.

    Returns:
        The model, and a line to tell where the choice was not the user's; else empty.

    Raises:
        ConfigError: There is no such output.
    """
    names = [value.name for value in model.graph.output]
    if name is None:
        others = [f"'{other}'" for other in names if other != model_output(model)]
        if not others:
            return model, ""
        told = f"the model has {len(names)} outputs: '{model_output(model)}' is scored"
        return model, f"{told}, {FLAG} chooses another one ({', '.join(others)})"
    if name not in names:
        raise ConfigError(
            f"the model has no output {name!r}", where=FLAG, mend=close_names(name, names)
        )
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kept = [entry for entry in copy.metadata_props if entry.key != OUTPUT_KEY]
    del copy.metadata_props[:]
    copy.metadata_props.extend(kept)
    copy.metadata_props.add(key=OUTPUT_KEY, value=name)
    return copy, ""


def are_class_scores(outputs: np.ndarray) -> bool:
    """Whether outputs [samples, ...] hold one score for each of several classes."""
    return [size > 1 for size in outputs.shape[1:]].count(True) == 1


def check_rows(
    outputs: np.ndarray, rows: int, name: str, others: list[str], first: np.ndarray | None = None
) -> None:
    """Checks that an output has a fixed shape for each sample.

    Args:
        outputs: The output of one run.
        rows: Samples of the run.
        name: The output.
        others: Other outputs, to be proposed.
        first: The output of another run; its samples do not matter.

    Raises:
        ModelError: The shape depends on the samples' content, or the output holds no numbers.
    """
    mend = (
        f"choose an output of fixed shape with {FLAG}: {', '.join(others)}"
        if others
        else "export the network without the steps behind its last layer, such as NonMaxSuppression"
    )
    where = f"output {name}"
    if not isinstance(outputs, np.ndarray) or outputs.dtype.kind not in "fiub":
        raise ModelError("holds no numbers", where=where, mend=mend)
    shape = list(outputs.shape)
    if not outputs.ndim or len(outputs) != rows:
        told = f"has shape {shape} for {rows} samples, not one entry for each"
        raise ModelError(told, where=where, mend=mend)
    if first is not None and first.shape[1:] != outputs.shape[1:]:
        told = f"has shapes {list(first.shape[1:])} and {shape[1:]} for different samples"
        raise ModelError(told, where=where, mend=mend)


def check_finite(outputs: np.ndarray, name: str) -> None:
    """Checks that an output [samples, ...] of the exact network holds finite numbers.

    Raises:
        ModelError: A value is NaN or infinite.
    """
    finite = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    if not finite.all():
        raise ModelError(
            f"is NaN or infinite for {int((~finite).sum())} of {len(outputs)} samples",
            where=f"output {name}",
            mend="check the network's weights, and the preprocessing of the data",
        )
