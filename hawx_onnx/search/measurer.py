"""Measure choices on the validation samples: each at most once, within limits, shared by all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search.early_stop import ALPHA, EarlyStop, hopeless, looks
from hawx_onnx.search.problem import Choice, Problem, order_of

EVALUATIONS, SECONDS = "evaluations", "seconds"


class Network(Protocol):
    """Runs the network under a choice, batch by batch, over samples in random order."""

    @property
    def sizes(self) -> Sequence[int]:
        """Samples in each batch."""

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Tells which choices are about to be run on every batch, one batch after the other."""

    def expect(self, choices: Sequence[Choice], batches: range) -> None:
        """Tells which choices are run next on a batch, the first of these.

        On the others they are run as well, unless time runs out; on later ones perhaps.
        """

    def scores(self, choice: Choice, batch: int) -> np.ndarray:
        """Score of each sample of a batch, the higher the better: bool where right or wrong."""

    def forget(self, batch: int) -> None:
        """Tells that the prepared choices are done with a batch."""


class Journal(Protocol):
    """Remembers measurements beyond the process."""

    def hits(self, choice: Choice) -> np.ndarray | None:
        """Scores of the samples that were run, bool or float64 [samples], or None."""

    def seconds(self, choice: Choice) -> float:
        """What measuring a choice took so far."""

    def add(self, choices: Sequence[tuple[Choice, np.ndarray]], seconds: float) -> None:
        """Writes measurements down, and what they took together."""


@dataclass(frozen=True)
class Limits:
    """When to stop measuring.

    Attributes:
        evaluations: Most choices to measure, the baseline not counted; None for any number.
        seconds: Time after which no measurement is begun or gone on with; None for any.
        early_stop: Give a choice up once it is clear that it is of no use.
        block: Most choices that are measured together, batch by batch: what is interrupted
            loses no more than these.
    """

    evaluations: int | None = None
    seconds: float | None = None
    early_stop: bool = True
    block: int = 64


class Measurer:
    """Measures the accuracy, or another mean score, of choices on the validation split.

    Args:
        network: Runs the network.
        problem: The problem.
        limits: When to stop.
        journal: Remembers measurements.
        progress: Called after each measured choice.

    Attributes:
        seconds: Time spent on measuring.
        samples_run: Samples that were run, the baseline's not counted.
        stopped_by: ``evaluations`` or ``seconds``, where a limit kept a choice from being measured.
        remembered: How many choices the journal knew.
        remembered_seconds: What measuring them took.
    """

    def __init__(
        self,
        network: Network,
        problem: Problem,
        limits: Limits = Limits(),
        journal: Journal | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._network, self._problem = network, problem
        self.limits, self._journal, self._progress = limits, journal, progress
        self._starts = np.concatenate([[0], np.cumsum(network.sizes)]).astype(int)
        self._looks = looks(len(network.sizes))
        self._known: dict[Choice, Accuracy] = {}
        self._asked: dict[Choice, None] = {}
        self._stop: EarlyStop | None = None
        self._begun = time.perf_counter()
        self.seconds, self.samples_run, self.remembered = 0.0, 0, 0
        self.remembered_seconds = 0.0
        self.stopped_by: str | None = None

    @property
    def samples(self) -> int:
        """Validation samples."""
        return int(self._starts[-1])

    @property
    def evaluations(self) -> int:
        """How many choices were measured, wholly or in part."""
        return len(self._asked)

    @property
    def left(self) -> int | None:
        """How many more may be measured; None for any number."""
        most = self.limits.evaluations
        return None if most is None else max(0, most - self.evaluations)

    @contextlib.contextmanager
    def at_most(self, evaluations: int) -> Iterator[None]:
        """Lets so many more choices be measured for a while, within the limits.

        What this alone has stopped is no longer stopped after it.
        """
        limits, stopped_by = self.limits, self.stopped_by
        most = self.evaluations + evaluations
        if limits.evaluations is not None:
            most = min(most, limits.evaluations)
        self.limits = replace(limits, evaluations=most)
        try:
            yield
        finally:
            self.limits = limits
            if self.stopped_by == EVALUATIONS and self.left != 0:
                self.stopped_by = stopped_by

    @property
    def exhausted(self) -> bool:
        """Whether a limit is reached; then ``stopped_by`` tells which."""
        if self._late():
            self.stopped_by = SECONDS
        elif self.left == 0:
            self.stopped_by = EVALUATIONS
        return self.stopped_by is not None

    def known(self, choice: Choice) -> Accuracy | None:
        """The accuracy of a choice on the samples that it was run on, if it was."""
        return self._known.get(choice)

    def complete(self, choice: Choice) -> bool:
        """Whether a choice was run on all samples."""
        known = self._known.get(choice)
        return known is not None and known.samples == self.samples

    def measured(self) -> Sequence[tuple[Choice, Accuracy]]:
        """All measurements so far but that of the baseline alone, in order."""
        return tuple((choice, self._known[choice]) for choice in self._asked)

    def baseline(self) -> Accuracy:
        """Accuracy of the exact model; whatever the limits, and never counted."""
        exact = self._problem.exact_choice
        if exact not in self._known:
            self._run([exact], None, bounded=False)
        return self._known[exact]

    def measure(self, choice: Choice) -> Accuracy | None:
        """Measures one choice; None where a limit is reached before."""
        return self.measure_all([choice])[0]

    def measure_all(self, choices: Iterable[Choice]) -> list[Accuracy | None]:
        """Measures choices together, so that they share what they agree on.

        Args:
            choices: As many of the first as the limits allow are measured.

        Returns:
            For each choice its accuracy, or None where a limit was reached before. Where it
            counts fewer samples, the choice was given up early.
        """
        wanted = list(choices)
        # Its bounds are those of right and wrong samples: of other scores no range is known.
        if self._stop is None and self.limits.early_stop and self.baseline().binary:
            self._stop = EarlyStop(self._problem, self.baseline())
        stop = self._stop if self.limits.early_stop else None
        new = list(dict.fromkeys(c for c in wanted if c not in self._asked))
        if self.left is not None and len(new) > self.left:
            new, self.stopped_by = new[: self.left], EVALUATIONS
        new.sort(key=order_of)
        for start in range(0, len(new), self.limits.block):
            if self._late():
                self.stopped_by = SECONDS
                break
            block = new[start : start + self.limits.block]
            least = None
            if stop is not None:
                done = [(c, a) for c, a in self._known.items() if self.complete(c)]
                least = dict(zip(block, stop.least_hits(block, done).tolist(), strict=True))
            self._run(block, least)
        return [self._known[c] if c in self._asked else None for c in wanted]

    def _late(self) -> bool:
        most = self.limits.seconds
        taken = time.perf_counter() - self._begun + self.remembered_seconds
        return most is not None and taken > most

    def _run(
        self, block: Sequence[Choice], least: dict[Choice, int] | None, bounded: bool = True
    ) -> None:
        """Measures a block, as far as it is not known, batch by batch."""
        begun = time.perf_counter()
        hits = {choice: self._remembered(choice) for choice in block}
        before = {choice: len(found) for choice, found in hits.items()}
        self._network.prepare([c for c in block if before[c] < self.samples])
        given_up = {c for c in block if least is not None and self._hopeless(hits[c], least[c])}
        for batch in range(len(self._network.sizes)):
            if bounded and self._late():
                self.stopped_by = SECONDS
                break
            due = [c for c in block if c not in given_up and len(hits[c]) == self._starts[batch]]
            self._network.expect(due, range(batch, self._sure_until(batch, least is not None)))
            for choice in due:
                hits[choice] = np.concatenate([hits[choice], self._network.scores(choice, batch)])
                if least is not None and self._hopeless(hits[choice], least[choice]):
                    given_up.add(choice)
            self._network.forget(batch)
        done = [c for c in block if c in given_up or len(hits[c]) == self.samples]
        self._keep({choice: hits[choice] for choice in done}, bounded)
        new = [(c, hits[c]) for c in done if len(hits[c]) > before[c]]
        if self._journal is not None:
            self._journal.add(new, time.perf_counter() - begun)
        self.seconds += time.perf_counter() - begun

    def _sure_until(self, batch: int, stops: bool) -> int:
        """The batch before which no choice is given up that is run on this one."""
        later = [look for look in self._looks if stops and look > batch]
        return min(later, default=len(self._network.sizes))

    def _hopeless(self, hits: np.ndarray, least: int) -> bool:
        """Whether the hits so far rule out as many as it takes; looked at after whole batches."""
        seen = len(hits)
        at = int(np.searchsorted(self._starts, seen))
        if seen == 0 or at not in self._looks:
            return False
        exact = self._known[self._problem.exact_choice]
        return hopeless(hits, exact, least, ALPHA / len(self._looks))

    def _remembered(self, choice: Choice) -> np.ndarray:
        known = self._known.get(choice)
        hits = None if known is None else known.scores
        if hits is None and self._journal is not None:
            hits = self._journal.hits(choice)
            self.remembered += hits is not None
            self.remembered_seconds += self._journal.seconds(choice)
        return np.zeros(0, dtype=bool) if hits is None else hits

    def _keep(self, found: dict[Choice, np.ndarray], counted: bool) -> None:
        for choice, hits in found.items():
            self._known[choice] = Accuracy(hits)
            if counted:
                self._asked[choice] = None
                self.samples_run += len(hits)
                if self._progress is not None:
                    self._progress()
