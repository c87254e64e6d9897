"""What layers put out in the exact network, and what they put out now, at the same places.

Outputs are counted in codes from the output's zero point, within the bounds that hold for them:
saturation of the code type and, where a Clip alone reads the layer, its bounds. What a bound cuts
off no later layer sees, so that no compensation should be spent on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.integer_ops import convolves, known_op
from hawx_onnx.passes.layer_constants import Y_ZERO, LayerConstants, layer_constants
from hawx_onnx.passes.stages import Stages, Walk

# Outputs of one channel that are looked at, and of one layer.
POSITIONS, VALUES = 8192, 2**20
_SEED = 0


@dataclass(frozen=True, eq=False)
class LayerOutputs:
    """A layer's accumulators now, and the outputs wanted of it.

    Attributes:
        sums: Accumulators without bias, int32 [channels, n].
        wanted: Bounded outputs of the exact network at the same places, in codes from zero,
            float32 [channels, n].
        low: Least output, in codes from zero.
        high: Greatest output, in codes from zero.
        steps: Codes for one unit of the accumulator, float64 [channels].
        bias: The layer's bias, float64 [channels], in units of the accumulator.
        wanted_mean: Mean of ``wanted``, float64 [channels]; found where it is not given.
    """

    sums: np.ndarray
    wanted: np.ndarray
    low: float
    high: float
    steps: np.ndarray
    bias: np.ndarray
    wanted_mean: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.wanted_mean is None:
            mean = self.wanted.mean(axis=1, dtype=np.float64)
            object.__setattr__(self, "wanted_mean", mean)

    def bounded(self, bias: np.ndarray) -> np.ndarray:
        """Outputs under a bias [channels]: codes from zero, not rounded, [channels, n]."""
        outputs = (self.sums + bias[:, None]) * self.steps[:, None]
        return np.asarray(np.clip(outputs, self.low, self.high, out=outputs))

    def fits_int32(self, bias: np.ndarray) -> np.ndarray:
        """Whether sums with a bias stay within int32: bool [channels]."""
        ends = (self.sums.min(axis=1, initial=0), self.sums.max(axis=1, initial=0))
        most = np.abs(np.array(ends, np.float64)).max(axis=0) + np.abs(bias)
        return np.asarray(most < np.iinfo(np.int32).max)


class WantedOutputs:
    """Outputs that layers are wanted to have, at sampled places, in codes from zero.

    Attributes:
        x: The samples that they were taken on.
    """

    def __init__(self, x: np.ndarray, bounds: Mapping[str, tuple[float, float]]) -> None:
        self.x, self._bounds = x, bounds
        self._wanted: dict[str, np.ndarray] = {}
        self._means: dict[str, np.ndarray] = {}

    def against(
        self, candidate: Candidate, known: LayerConstants, sums: Iterable[np.ndarray]
    ) -> LayerOutputs:
        """Puts a layer's accumulators of now beside the outputs that are wanted of it.

        Args:
            candidate: The layer.
            known: Its constants of now, with steps.
            sums: Its accumulators over the samples ``x``, batch by batch.
        """
        steps = known.steps
        assert steps is not None
        return LayerOutputs(
            sampled(sums, candidate, len(self.x)),
            self._wanted[candidate.name],
            *self._bounds[candidate.name],
            steps,
            known.bias.astype(np.float64),
            self._means[candidate.name],
        )

    def _want(self, name: str, outputs: np.ndarray) -> None:
        """Keeps a layer's bounded outputs, [channels, n]."""
        self._wanted[name] = outputs.astype(np.float32)
        self._means[name] = outputs.mean(axis=1, dtype=np.float64)


class ExactOutputs(WantedOutputs):
    """Outputs of all layers of the exact network.

    Args:
        model: Int8 model as quantised, before any compensation.
        candidates: Its candidates.
        exact: The exact multiplier.
        x: Calibration samples.
        threads: Threads within an operator.
        stages: The network, cut already, if it is; index 0 is the exact multiplier.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        exact: Multiplier,
        x: np.ndarray,
        threads: int = 0,
        stages: Stages | None = None,
    ) -> None:
        channels = {c.name: c.channels for c in candidates}
        super().__init__(x, output_bounds(model, channels))
        constants = layer_constants(model, channels)
        stages = stages or Stages(model, candidates, (exact,), threads)
        walk = Walk(stages, x)
        for candidate in stages.candidates:
            index = np.zeros(candidate.channels, np.int32)
            known = constants[candidate.name]
            if known.steps is not None:
                sums = sampled(walk.accumulators(index), candidate, len(x))
                low, high = self._bounds[candidate.name]
                plain = LayerOutputs(sums, sums, low, high, known.steps, known.bias)
                self._want(candidate.name, plain.bounded(known.bias.astype(np.float64)))
            walk.advance(index)


def sampled(batches: Iterable[np.ndarray], candidate: Candidate, samples: int) -> np.ndarray:
    """Values of a layer at places that are the same for every call over the same samples.

    Args:
        batches: As of :meth:`PlaceSampler.add`.
        candidate: The layer.
        samples: How many rows all batches have together.

    Returns:
        As of :meth:`PlaceSampler.result`.
    """
    sampler = PlaceSampler(candidate, samples)
    for batch in batches:
        sampler.add(batch)
    return sampler.result()


class PlaceSampler:
    """Takes the values of a layer at some places, batch by batch.

    Args:
        candidate: The layer.
        samples: How many rows all batches have together.
    """

    def __init__(self, candidate: Candidate, samples: int) -> None:
        self._channels, self._samples = candidate.channels, samples
        self._convolves = convolves(candidate.kind)
        self._picks, self._start = np.zeros(0, np.int64), 0
        self._parts: list[np.ndarray] = []

    def add(self, batch: np.ndarray) -> None:
        """Looks at a batch: [rows, channels, ...] of a convolution, else [..., channels]."""
        shape = (len(batch), self._channels, -1) if self._convolves else (-1, self._channels, 1)
        values: np.ndarray = batch.reshape(shape)
        count, _, positions = values.shape
        if not self._parts:
            total = count * positions // len(batch) * self._samples
            self._picks = _picks(total, self._channels)
        start, end = self._start, self._start + count * positions
        own = self._picks[(self._picks >= start) & (self._picks < end)]
        rows, places = np.divmod(own - start, positions)
        self._parts.append(values[rows, :, places])
        self._start = end

    def result(self) -> np.ndarray:
        """[channels, n], at most ``POSITIONS`` for each channel and ``VALUES`` in all."""
        return np.ascontiguousarray(np.concatenate(self._parts).T)


def _picks(total: int, channels: int) -> np.ndarray:
    """Sorted places of ``total`` that are looked at."""
    most = max(1, min(POSITIONS, VALUES // channels))
    if total <= most:
        return np.arange(total)
    # Not at even distances: those would fall on the same columns of all images.
    return np.sort(np.random.default_rng(_SEED).choice(total, most, replace=False))


def output_bounds(
    model: onnx.ModelProto, layers: Mapping[str, int]
) -> dict[str, tuple[float, float]]:
    """The bounds within which the outputs of layers reach the nodes behind them.

    Args:
        model: Int8 model.
        layers: Names of nodes on codes, as keys.

    Returns:
        Layer -> least and greatest output, in codes from the output's zero point; nothing for
        layers that give accumulators.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    handed_out = {value.name for value in model.graph.output}
    bounds = {}
    for node in model.graph.node:
        if node.name not in layers or known_op(node.op_type).dynamic:
            continue
        zero = onnx.numpy_helper.to_array(tensors[node.input[Y_ZERO]])
        limits = np.iinfo(zero.dtype)
        low, high = int(limits.min), int(limits.max)
        readers = [n for n in model.graph.node if node.output[0] in n.input]
        if len(readers) == 1 and readers[0].op_type == "Clip" and node.output[0] not in handed_out:
            given = [*readers[0].input[1:], "", ""]
            if given[0] in tensors:
                low = max(low, int(onnx.numpy_helper.to_array(tensors[given[0]])))
            if given[1] in tensors:
                high = min(high, int(onnx.numpy_helper.to_array(tensors[given[1]])))
        origin = int(zero.reshape(-1)[0])
        bounds[node.name] = (float(low - origin), float(high - origin))
    return bounds
