"""Samples of what a layer multiplies, taken while calibration samples pass by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from hawx_onnx.components.operand_traces import OperandTrace
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.integer_ops import INTEGER_OPS, as_codes
from hawx_onnx.passes.windows import Array, chosen_windows, windows

RUNS = 16
"""Calibration samples of which windows are kept; with fewer samples, several of each."""

NEIGHBOURS = 9
"""Outputs, and filters, beside each other that are kept of a sample."""

LONGEST = 1024
"""Products of a window that are kept, the first ones."""


class TraceSampler:
    """Takes windows of a layer from the first samples, and filters that they meet.

    Args:
        candidate: The layer.
        node: Its node, on 8-bit codes.
        constants: The model's initializers by name.
        samples: How many samples will come.
        signed: Whether the multipliers take int8 codes.
    """

    def __init__(
        self,
        candidate: Candidate,
        node: onnx.NodeProto,
        constants: Mapping[str, onnx.TensorProto],
        samples: int,
        signed: bool = True,
    ) -> None:
        known = INTEGER_OPS[candidate.kind]
        self._convolves, self._work = known.convolves, candidate.workload
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        weights = constants.get(node.input[known.weight])
        self._weights = None
        if weights is not None:
            self._weights = as_codes(numpy_helper.to_array(weights), signed)
        zero = constants.get(node.input[known.activation_zero])
        self._zero = np.zeros(1, np.int8)
        if zero is not None:
            self._zero = as_codes(numpy_helper.to_array(zero), signed)
        self._waiting = [(run % samples, run) for run in range(RUNS)]
        self._seen = 0
        self._found: dict[int, tuple[Array, Array]] = {}

    def add(self, codes: Array, second: Array | None = None, zero: Array | None = None) -> None:
        """Looks at a batch, in codes as the multipliers take them.

        Args:
            codes: What the layer reads, the first axis counts samples.
            second: The second operand of a product of two activations.
            zero: The zero point of ``codes``, where it is found at run time.
        """
        self._zero = self._zero if zero is None else zero
        if not self._waiting:
            return
        matrices = codes if self._convolves else self._matrices(codes)
        each = 1 if self._convolves else self._work.batches
        count = len(matrices) // each
        now = [(s, run) for s, run in self._waiting if self._seen <= s < self._seen + count]
        self._waiting = [one for one in self._waiting if one not in now]
        for sample, run in now:
            rng = np.random.default_rng(run)
            at = sample - self._seen
            if self._convolves:
                self._found[run] = self._of_image(codes[at], rng)
                continue
            batch = int(rng.integers(each))
            weights = self._weights if second is None else second
            assert weights is not None
            stacked = weights.reshape(-1, *weights.shape[-2:])
            # Weights serve all samples; second operands come with theirs.
            place = (at * each if second is not None else 0) + batch
            self._found[run] = self._of_product(
                matrices[at * each + batch], stacked[place % len(stacked)], rng
            )
        self._seen += count

    def result(self) -> OperandTrace:
        """All that was taken."""
        pairs = [self._found[run] for run in sorted(self._found)]
        activations, weights = (np.stack(one) for one in zip(*pairs, strict=True))
        return OperandTrace(activations.view(np.uint8), weights.view(np.uint8))

    def _matrices(self, codes: Array) -> Array:
        """The first operand as [products, rows, K]."""
        rows = self._work.product_shape[0]
        return codes.reshape(-1, rows, codes.shape[-1])

    def _of_image(self, image: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        weights = self._weights
        assert weights is not None
        filters, channels, *kernel = weights.shape
        group = int(rng.integers(self._work.groups))
        per_group = filters // self._work.groups
        own = image[group * channels : (group + 1) * channels]
        views = windows(own, int(self._zero.reshape(-1)[0]), kernel, self._attributes)
        outputs = int(np.prod(views.shape[: len(kernel)]))
        taken = chosen_windows(views, _beside(outputs, rng))
        kept = weights[group * per_group + _beside(per_group, rng)].reshape(-1, taken.shape[1])
        return _first(taken), _first(kept)

    def _of_product(
        self, first: Array, second: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        rows, columns = _beside(len(first), rng), _beside(second.shape[1], rng)
        return _first(first[rows]), _first(second[:, columns].T)


def _beside(count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Numbers one after the other, of so many."""
    kept = min(count, NEIGHBOURS)
    return int(rng.integers(count - kept + 1)) + np.arange(kept)


def _first(rows: Array) -> Array:
    return np.ascontiguousarray(rows[:, :LONGEST])
