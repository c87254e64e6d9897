"""The network on the validation samples, batch by batch, as the measurer asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hawx_onnx.frontend.data import Split
from hawx_onnx.frontend.model import batches
from hawx_onnx.frontend.streamed import pick
from hawx_onnx.metric_names import ACCURACY
from hawx_onnx.metrics import Scorer, metric_named
from hawx_onnx.passes import PassState
from hawx_onnx.passes.shared_folds import SharedFolds
from hawx_onnx.passes.staged_probe import StagedProbe
from hawx_onnx.search.problem import Choice

# Values of the input in one batch: enough to make up for the calls, few enough for the caches.
VALUES_PER_BATCH = 2**18
LEAST_ROWS, MOST_ROWS = 16, 256
# Multiplications between two lines of the journal, about half a minute on one core.
WORK_PER_BLOCK = 5e12
MOST_IN_BLOCK = 1024


class ValidationRuns:
    """Runs assignments over validation samples in a random order that the seed fixes.

    Args:
        state: Int8 model, candidates and multipliers.
        split: The samples, with labels or other targets.
        scorer: What they are scored by; whether the class is right if None.
        shape: Of the output of one sample, as the scorer takes it.
        seed: Of the order.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        share: Compute once what choices have in common; otherwise every run is a whole one.
        folds: Gives the biases that every choice is run with; the model's own if None.

    Attributes:
        x: The samples in that order.
        sizes: Samples in each batch.
        block: Choices worth measuring together.
    """

    def __init__(
        self,
        state: PassState,
        split: Split,
        seed: int = 0,
        threads: int = 0,
        *,
        share: bool = True,
        folds: SharedFolds | None = None,
        scorer: Scorer | None = None,
        shape: tuple[int, ...] = (-1,),
    ) -> None:
        assert split.y is not None
        order = np.random.default_rng(seed).permutation(len(split))
        self.x, self._targets = pick(split.x, order), split.y[order]
        self._shape = shape
        self._scorer = Scorer(metric_named(ACCURACY)) if scorer is None else scorer
        # Fresh folds: what another method's runs found out is not taken over.
        own = None if folds is None else folds.fresh(share=share, threads=threads)
        self._probe = StagedProbe(
            state.model, state.candidates, state.multipliers, threads, folds=own
        )
        self._rows = rows_in_batch(split.x)
        fixed = self._probe.spec.shape[0] if self._probe.spec.shape else None
        step = fixed or self._rows
        self._starts = range(0, len(split), step)
        self.sizes = tuple(min(step, len(split) - start) for start in self._starts)
        self._read: tuple[int, np.ndarray] = (-1, np.empty(0))
        work = len(split) * sum(candidate.workload.macs for candidate in state.candidates)
        self.block = int(np.clip(WORK_PER_BLOCK / max(work, 1), 4, MOST_IN_BLOCK))
        self._share, self._together = share, False

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Cuts the network where the choices part."""
        self._together = self._share and len(choices) > 1
        if self._together:
            self._probe.plan(choices, len(self._batch(0)))

    def expect(self, choices: Sequence[Choice], batches: range) -> None:
        """Nothing is run before it is asked for."""

    def scores(self, choice: Choice, batch: int) -> np.ndarray:
        """The score of each sample of a batch: bool or float64 [samples]."""
        start, count = self._starts[batch], self.sizes[batch]
        outputs = self._probe.outputs(batch, self._batch(batch), choice)[:count]
        shaped = outputs.reshape(count, *self._shape)
        return self._scorer.scores(shaped, self._targets[start : start + count])

    def _batch(self, batch: int) -> np.ndarray:
        """Rows of a batch; the one that was asked for last is kept, as many choices need it."""
        if self._read[0] != batch:
            start = self._starts[batch]
            part = self.x[start : start + self.sizes[batch]]
            rows, _ = next(iter(batches(part, self._probe.spec, self._rows)))
            self._read = (batch, rows)
        return self._read[1]

    def forget(self, batch: int) -> None:
        """Drops a batch's activations; those of a single choice stay for the next one."""
        if self._together:
            self._probe.forget(batch)


def rows_in_batch(x: np.ndarray) -> int:
    """Samples to run at once where the model leaves it open: a power of two."""
    values = max(1, int(np.prod(x.shape[1:])))
    rows = 2 ** int(np.log2(max(1, VALUES_PER_BATCH / values)))
    return int(np.clip(rows, LEAST_ROWS, MOST_ROWS))
