"""The network on workers, as the measurer asks for it.

The measurer asks for one score after the other. What it is sure to ask for is sent out beforehand,
and somewhat more where that would leave workers idle; what it turns out not to want is dropped.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from hawx_onnx.runtime.workers import Workers
from hawx_onnx.search.problem import Choice
from hawx_onnx.validation_runs import ValidationRuns

# Tasks for each worker: where one of them takes longer, the others have something left to do.
TASKS_PER_WORKER = 2
# Tasks for each worker below which batches are sent out that may turn out not to be wanted.
FEW_PER_WORKER = 3


class RemoteRuns:
    """Runs assignments over validation samples on workers, with the scores of a local run.

    Args:
        local: What the workers run, on this machine: it tells how the samples are cut.
        make: ``ValidationRuns`` with everything but the number of threads, its first argument.
        workers: Where they are run.

    Attributes:
        sizes: Samples in each batch.
        block: Choices worth measuring together.
    """

    def __init__(
        self, local: ValidationRuns, make: partial[ValidationRuns], workers: Workers
    ) -> None:
        self.sizes, self.block = local.sizes, local.block
        self._workers, self._name = workers, workers.hold(make)
        self._run = uuid.uuid4().hex
        self._count = 1
        self._tasks: dict[tuple[Choice, int], _Task] = {}

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Drops what was asked for and not fetched, and counts the workers."""
        self._tasks.clear()
        self._count = max(1, self._workers.count)

    def expect(self, choices: Sequence[Choice], batches: range) -> None:
        """Sends out what is going to be asked for."""
        wanted = set(choices)
        self._tasks = {
            key: task
            for key, task in self._tasks.items()
            if key[1] < batches.start or wanted.intersection(task.choices)
        }
        if not choices:
            return
        parts = math.ceil(TASKS_PER_WORKER * self._count / len(batches))
        for batch in range(batches.start, len(self.sizes)):
            # Whether later batches are wanted is not known: only what keeps all workers busy.
            if batch >= batches.stop and self._open() >= FEW_PER_WORKER * self._count:
                break
            self._send(choices, batch, parts)

    def scores(self, choice: Choice, batch: int) -> np.ndarray:
        """The score of each sample of a batch: bool or float64 [samples]."""
        if (choice, batch) not in self._tasks:
            self._send([choice], batch, 1)
        return self._tasks[choice, batch].scores(self._workers)[choice]

    def forget(self, batch: int) -> None:
        """Drops the results of a batch."""
        self._tasks = {key: task for key, task in self._tasks.items() if key[1] != batch}

    def _open(self) -> int:
        """Tasks whose results are not there yet."""
        return len({id(task) for task in self._tasks.values() if not task.done})

    def _send(self, choices: Sequence[Choice], batch: int, parts: int) -> None:
        """Asks for choices on a batch; neighbours, which have most in common, go together."""
        new = [choice for choice in choices if (choice, batch) not in self._tasks]
        size = max(1, math.ceil(len(new) / parts))
        for start in range(0, len(new), size):
            part = new[start : start + size]
            future = self._workers.submit(self._name, self._run, block_scores, batch, part)
            task = _Task(part, future)
            self._tasks.update({(choice, batch): task for choice in part})


class _Task:
    """Choices on one batch, and their scores once they are there."""

    def __init__(self, choices: Sequence[Choice], future: Any) -> None:  # noqa: ANN401
        self.choices = frozenset(choices)
        self._order, self._future = tuple(choices), future
        self._found: dict[Choice, np.ndarray] | None = None

    @property
    def done(self) -> bool:
        """Whether a worker has the scores."""
        return self._found is not None or bool(self._future.done())

    def scores(self, workers: Workers) -> dict[Choice, np.ndarray]:
        """Scores of each choice."""
        if self._found is None:
            found = workers.result(self._future)
            self._found, self._future = dict(zip(self._order, found, strict=True)), None
        return self._found


def block_scores(
    network: ValidationRuns, batch: int, choices: Sequence[Choice]
) -> list[np.ndarray]:
    """The task: scores of the samples of a batch under each choice."""
    network.prepare(choices)
    try:
        return [network.scores(choice, batch) for choice in choices]
    finally:
        network.forget(batch)
