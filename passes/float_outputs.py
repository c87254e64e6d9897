"""What layers put out in the float network, counted in the codes of the int8 one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.layer_constants import Y_SCALE, layer_constants
from hawx_onnx.passes.layer_outputs import PlaceSampler, WantedOutputs, output_bounds
from hawx_onnx.runtime.runner import Runner


class FloatOutputs(WantedOutputs):
    """Outputs of layers in the float network, within the bounds that hold in the int8 one.

    Args:
        floats: The float network, canonical: its products have the candidates' names.
        model: The int8 network that was made of it.
        candidates: Layers to look at; those that ``floats`` has no product for are passed over.
        x: Samples.
        threads: Threads within an operator.
        batch: Samples of one run.
    """

    def __init__(
        self,
        floats: onnx.ModelProto,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        x: np.ndarray,
        threads: int,
        batch: int,
    ) -> None:
        channels = {c.name: c.channels for c in candidates}
        super().__init__(x, output_bounds(model, channels))
        tensors = {n.name: n.output[0] for n in floats.graph.node if n.op_type == "Conv"}
        samplers = {c.name: PlaceSampler(c, len(x)) for c in candidates if c.name in tensors}
        wanted = [tensors[name] for name in samplers]
        runner = Runner(floats, threads=threads, expose=wanted)
        for results in runner.stream(x, wanted, batch=batch):
            for sampler, values in zip(samplers.values(), results, strict=True):
                sampler.add(values)
            del results  # not held while the next batch is run
        constants = layer_constants(model, channels)
        for name, sampler in samplers.items():
            scale = float(constants[name].values[Y_SCALE].reshape(-1)[0])
            self._want(name, np.clip(sampler.result() / scale, *self._bounds[name]))

    def __contains__(self, name: object) -> bool:
        """Whether outputs of a layer are known."""
        return name in self._wanted
