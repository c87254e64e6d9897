"""What a pass is: it states what it requires, does one thing, and states what it ensures.

To write a pass, subclass :class:`Pass`, give it a ``name`` and implement ``call``. A pass never
edits the model it is given: it returns a new state that holds an edited copy. For every node that
it could have treated and did not, it adds a :class:`LeftAlone` with the reason.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.components.operand_traces import OperandTrace
from hawx_onnx.errors import HawxError
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.memory import release_freed
from hawx_onnx.passes.code_counts import TapCounts
from hawx_onnx.runtime.model_session import LARGE
from hawx_onnx.sensitivity import Sensitivity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftAlone:
    """A node that a pass did not treat, and why.

    Attributes:
        node: Name of the node.
        op: Its operator.
        reason: One clause, without a full stop.
    """

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A node whose multiplications can be approximated.

    Attributes:
        name: Name of the node.
        op: The operator that the user's model had there: ``Conv``, ``Gemm`` or ``MatMul``.
        kind: The int8 operator that stands there now: ``QLinearConv`` or ``QLinearMatMul``.
        channels: Output channels; each can have a multiplier of its own.
        workload: Products and shape of the node for one inference.
    """

    name: str
    op: str
    kind: str
    channels: int
    workload: LayerWorkload


@dataclass(frozen=True)
class BiasCorrection:
    """What corrected biases do on calibration samples.

    Attributes:
        layers: Layers that have another bias.
        snr_before_db: Signal to noise at the scored output without, against the float network.
        snr_after_db: With them.
    """

    layers: int
    snr_before_db: float
    snr_after_db: float


@dataclass(frozen=True)
class PassRecord:
    """What one pass did.

    Attributes:
        name: The pass.
        modified: Whether the model differs from the one before.
        seconds: Wall-clock time.
        left_alone: Nodes that it did not treat.
    """

    name: str
    modified: bool
    seconds: float
    left_alone: tuple[LeftAlone, ...] = ()


@dataclass(frozen=True, eq=False)
class PassState:
    """What travels through the pipeline.

    Attributes:
        model: The graph as it stands. Never edited in place.
        dataset: Calibration, validation and test samples; None where a pass needs no data.
        multipliers: Candidate multipliers; index 0 is the exact one.
        float_model: The float network that ``Quantize`` took, canonical, until ``CorrectBias`` has
            made use of it; None where the weights were codes already.
        bias_correction: Set by ``CorrectBias`` where it changed anything.
        candidates: Set by ``FindCandidates``.
        left_exact: Every Conv, MatMul and Gemm that is no candidate, set by ``FindCandidates``.
        histograms: Candidate -> counts of activation codes, int64 [input channels, 256], set by
            ``Calibrate``.
        tap_counts: Convolution -> counts of the codes that each of its taps reads, likewise.
        traces: Candidate -> windows and filters as they follow each other, likewise.
        sensitivity: Set by ``Score``.
        assignment: The chosen assignment, set before ``Rewrite``.
        records: What the passes so far did.
    """

    model: onnx.ModelProto
    dataset: Dataset | None = None
    multipliers: tuple[Multiplier, ...] = ()
    float_model: onnx.ModelProto | None = None
    bias_correction: BiasCorrection | None = None
    candidates: tuple[Candidate, ...] = ()
    left_exact: tuple[LeftAlone, ...] = ()
    histograms: Mapping[str, np.ndarray] = field(default_factory=dict)
    tap_counts: Mapping[str, TapCounts] = field(default_factory=dict)
    traces: Mapping[str, OperandTrace] = field(default_factory=dict)
    sensitivity: Sensitivity | None = None
    assignment: Assignment | None = None
    records: tuple[PassRecord, ...] = ()

    def replace(self, **changes: object) -> PassState:
        """Returns a state with some attributes changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def bare(self) -> PassState:
        """Returns what it takes to run the network: this much travels to workers."""
        return PassState(self.model, multipliers=self.multipliers, candidates=self.candidates)


@dataclass(frozen=True, eq=False)
class PassResult:
    """The state after a pass.

    Attributes:
        state: The new state.
        modified: Whether its model differs from the one given.
        left_alone: Nodes that the pass did not treat, with reasons.
    """

    state: PassState
    modified: bool
    left_alone: tuple[LeftAlone, ...] = ()


class Pass(ABC):
    """One step over the graph: ``requires`` -> ``call`` -> ``ensures``.

    Attributes:
        name: What records, logs and errors call it.
        after: For a pass of a plug-in: the pass of ours that it follows, of those from
            ``static-form`` to ``open-batch``.
    """

    name: str = ""
    after: str = "canonicalize"

    def requires(self, state: PassState) -> None:  # noqa: B027 - a pass may require nothing
        """Raises a HawxError where the state is not what this pass can work on."""

    @abstractmethod
    def call(self, state: PassState) -> PassResult:
        """Does the work on a copy of the model."""

    def ensures(self, before: PassState, after: PassState) -> None:  # noqa: B027
        """Raises a HawxError where the result is not what this pass promises."""

    def __call__(self, state: PassState) -> PassState:
        """Runs the pass and records what it did."""
        start = time.perf_counter()
        self.requires(state)
        result = self.call(state)
        self.ensures(state, result.state)
        seconds = time.perf_counter() - start
        log.info("pass %s: %.2f s, modified=%s", self.name, seconds, result.modified)
        release_large(result.state.model)
        record = PassRecord(self.name, result.modified, seconds, result.left_alone)
        return result.state.replace(records=(*state.records, record))


def release_large(model: onnx.ModelProto) -> None:
    """Frees what surgery on a large model left: graphs hold on to their model in circles."""
    if model.ByteSize() >= LARGE:
        release_freed()


def run_passes(passes: Iterable[Pass], state: PassState) -> PassState:
    """Runs passes in order; an error names the pass that failed and those before it."""
    done: list[str] = []
    for one in passes:
        try:
            state = one(state)
        except HawxError:
            log.info("pass %s failed after %s", one.name, ", ".join(done) or "no other pass")
            raise
        done.append(one.name)
    return state
