"""Run a model over samples, batch by batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from hawx_onnx.errors import LibraryError
from hawx_onnx.frontend.data import InputSpec
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches, model_input
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.model_session import session_of

# Inputs that choose multipliers, weight scales and biases of a layer in a probe.
CHOSEN_SUFFIXES = (".table_index", ".open_scales", ".open_bias")


class Runner:
    """A session over a model with one data input, and further inputs that stay the same.

    Args:
        model: The model.
        threads: Threads of onnxruntime within an operator; 0 lets it choose.
        use_library: Register the custom-op library; None registers it if it is there.
        arena: Keep the memory of the largest run for the next one.
        expose: Tensors that become outputs besides the model's own.
        path: The model's own file, to run that in its place.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        threads: int = 0,
        use_library: bool | None = None,
        arena: bool = True,
        expose: Sequence[str] = (),
        path: str | None = None,
    ) -> None:
        self.spec: InputSpec = data_input(model)
        own = [value.name for value in model.graph.output]
        self.outputs = list(dict.fromkeys([*own, *expose]))
        self.scored = model_output(model)
        options: dict[str, Any] = {
            "threads": threads,
            "use_library": use_library,
            "arena": arena,
        }
        if path is None:
            self._session = session_of(model, expose, **options)
        else:
            self._session = create_session(path, lean=True, **options)

    def stream(
        self,
        x: np.ndarray,
        outputs: Sequence[str] | None = None,
        feeds: Mapping[str, np.ndarray] | None = None,
        batch: int = DEFAULT_BATCH,
    ) -> Iterator[list[np.ndarray]]:
        """Runs samples and yields the outputs of each batch, without filler rows.

        Args:
            x: Samples, axis 0 counts them.
            outputs: Output names; all if None.
            feeds: Values of the other inputs.
            batch: Batch size where the model leaves it open.
        """
        fixed = bool(self.spec.shape and self.spec.shape[0])
        for rows, count in batches(x, self.spec, batch):
            # No name is given to the results, that they are not held while the next batch runs.
            yield [
                _first(result, count, len(rows)) if fixed else result
                for result in self.run_batch(rows, outputs, feeds)
            ]

    def run_batch(
        self,
        rows: np.ndarray,
        outputs: Sequence[str] | None = None,
        feeds: Mapping[str, np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Runs one batch as it stands; outputs keep the rows that fill up a fixed batch."""
        return run(self._session, outputs, {**self.spec.feeds(rows), **(feeds or {})})

    def types(self) -> dict[str, onnx.ValueInfoProto]:
        """Type and, where it is known, shape of each input and output, as onnxruntime has them."""
        values = (*self._session.get_inputs(), *self._session.get_outputs())
        return {value.name: value_info(value) for value in values}

    def run(
        self,
        x: np.ndarray,
        feeds: Mapping[str, np.ndarray] | None = None,
        batch: int = DEFAULT_BATCH,
    ) -> np.ndarray:
        """The scored output over all samples, concatenated along axis 0."""
        return np.concatenate([r[0] for r in self.stream(x, [self.scored], feeds, batch)])


def value_info(value: Any) -> onnx.ValueInfoProto:  # noqa: ANN401 - onnxruntime has no types
    """An input or output of a session; an unknown rank and a scalar both get no shape."""
    element = value.type.removeprefix("tensor(").removesuffix(")")
    names = {"float": "FLOAT", "float16": "FLOAT16", "double": "DOUBLE"}
    number = onnx.TensorProto.DataType.Value(names.get(element, element.upper()))
    sizes = [size if isinstance(size, int) else None for size in value.shape] or None
    return onnx.helper.make_tensor_value_info(value.name, number, sizes)


def _first(result: np.ndarray, count: int, rows: int) -> np.ndarray:
    """Drops the rows that filled up a fixed batch."""
    return result[:count] if count < rows and len(result) == rows else result


def run(
    session: Any,  # noqa: ANN401 - onnxruntime brings no types
    outputs: Sequence[str] | None,
    feeds: Mapping[str, np.ndarray],
) -> list[np.ndarray]:
    """Runs a session; a failure becomes a LibraryError in one line."""
    try:
        return list(session.run(None if outputs is None else list(outputs), dict(feeds)))
    except Exception as error:
        raise LibraryError(
            f"onnxruntime could not run the model: {str(error).splitlines()[0][:400]}",
            where="runtime",
            mend="`hawx-onnx doctor` tells versions; `-vv` shows where it failed",
        ) from error


# Operators that take the ranges of their codes from all samples of a batch.
_RANGES_OF_BATCH = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeMatMul"})


def mixes_samples(model: onnx.ModelProto) -> bool:
    """Whether ranges are found at run time, so that a sample's result depends on its batch."""
    waiting = [*model.graph.node, *(node for one in model.functions for node in one.node)]
    while waiting:
        node = waiting.pop()
        if node.op_type in _RANGES_OF_BATCH:
            return True
        inner = [graph for one in node.attribute for graph in (one.g, *one.graphs)]
        waiting += [node for graph in inner for node in graph.node]
    return False


def data_input(model: onnx.ModelProto) -> InputSpec:
    """The input that takes samples; probes have inputs that choose multipliers besides.

    Where ranges are found at run time and the batch is open, samples are run one by one: what
    comes out must not depend on how many there are.
    """
    spec = _data_input(model)
    if spec.shape and spec.shape[0] is None and mixes_samples(model):
        return dataclasses.replace(spec, shape=(1, *spec.shape[1:]))
    return spec


def _data_input(model: onnx.ModelProto) -> InputSpec:
    stripped = onnx.ModelProto()
    stripped.graph.input.extend(
        value for value in model.graph.input if not value.name.endswith(CHOSEN_SUFFIXES)
    )
    stripped.graph.initializer.extend(
        onnx.TensorProto(name=tensor.name) for tensor in model.graph.initializer
    )
    return model_input(stripped)
