"""Give the int8 network the mean outputs of the float one, by its biases.

Rounded weights shift the mean of each output channel. Where a layer sums up many large products
that nearly cancel, as depthwise convolutions behind a ReLU6 do, that shift is most of what int8
loses: M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019, arXiv 1906.04721, section 4.2 and appendix D (the empirical form, layer by layer).
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from hawx_onnx.frontend.model import DEFAULT_BATCH
from hawx_onnx.passes.base import BiasCorrection, LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.float_outputs import FloatOutputs
from hawx_onnx.passes.fold_bias import FoldBias, folded_bias
from hawx_onnx.passes.layer_constants import BIAS, Changes, layer_constants, with_constants
from hawx_onnx.passes.layerwise import DEFAULT_SAMPLES, calibration_samples
from hawx_onnx.passes.run_memory import fitting_batch, tensor_bytes
from hawx_onnx.passes.stages import Stages, Walk
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.signal_noise import snr_db

# Signal to noise at the output, in dB, from which on nothing is tried: noise is 1 % of the signal.
ENOUGH_DB = 20.0
# What correction has to gain there to be kept: less is not worth another network.
LEAST_GAIN_DB = 1.0


class CorrectBias(Pass):
    """Chooses the biases under which layers have the float network's mean outputs, if that gains.

    Layers are treated in topological order, each upon the corrected ones before it, as
    :class:`FoldBias` does for approximate multipliers, and with the same way of taking the mean.
    A network whose output has little noise stays as it is, byte for byte, and so does one whose
    output gains less than a decibel. The float network leaves the state: it is not needed any more.

    Args:
        threads: Threads within an operator; 0 lets onnxruntime choose.
        memory_limit: Bytes that the process may hold; None for any number.
        samples: How many calibration samples are looked at.
    """

    name = "correct-bias"

    def __init__(
        self,
        threads: int = 0,
        memory_limit: int | None = None,
        samples: int = DEFAULT_SAMPLES,
    ) -> None:
        self.threads, self.memory_limit, self.samples = threads, memory_limit, samples

    def call(self, state: PassState) -> PassResult:
        """Measures the noise, and mends it where there is much."""
        floats = state.float_model
        if floats is None or not state.candidates or not state.multipliers:
            return _untouched(state, "there is no float network to come close to")
        x = calibration_samples(state, self.samples, self.threads, self.memory_limit)
        exact = Runner(floats, threads=self.threads).run(x, batch=self._batch(state, x))
        noisy = Runner(exact_form(state), threads=self.threads).run(x, batch=self._batch(state, x))
        before = snr_db(exact, noisy)
        if before >= ENOUGH_DB:
            return _untouched(state, f"int8 leaves {before:.1f} dB at the output, which is enough")
        changes, after, left = self._corrected(state, x, exact)
        if not changes:
            return PassResult(state.replace(float_model=None), False, left)
        if after < before + LEAST_GAIN_DB:
            return _untouched(state, f"corrected biases take {before:.1f} dB to {after:.1f} alone")
        correction = BiasCorrection(len(changes), before, after)
        changed = {
            "model": with_constants(state.model, changes),
            "float_model": None,
            "bias_correction": correction,
        }
        return PassResult(state.replace(**changed), True, left)

    def _corrected(
        self, state: PassState, x: np.ndarray, exact: np.ndarray
    ) -> tuple[Changes, float, tuple[LeftAlone, ...]]:
        """New biases, the signal to noise that they leave, and layers that have none."""
        assert state.float_model is not None
        constants = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
        reasons = {c.name: FoldBias().why_not(constants[c.name]) for c in state.candidates}
        treated = [c for c in state.candidates if not reasons[c.name]]
        if not treated:
            return {}, 0.0, _left(state, reasons, ())
        wanted = FloatOutputs(
            state.float_model, state.model, treated, x, self.threads, self._batch(state, x)
        )
        stages = Stages(state.model, state.candidates, state.multipliers[:1], self.threads)
        walk, changes = Walk(stages, x), {}
        for candidate in stages.candidates:
            index, name = np.zeros(candidate.channels, np.int32), candidate.name
            if name in wanted:
                known = constants[name]
                bias = folded_bias(wanted.against(candidate, known, walk.accumulators(index)))
                if not np.array_equal(bias, known.bias):
                    changes[name] = {BIAS: bias}
            walk.advance(index, changes.get(name))
        return changes, snr_db(exact, walk.outputs()), _left(state, reasons, wanted)

    def _batch(self, state: PassState, x: np.ndarray) -> int:
        """Samples of a batch of which all activations of the float network fit."""
        if self.memory_limit is None:
            return DEFAULT_BATCH
        assert state.float_model is not None
        sizes, rows = tensor_bytes(state.float_model, x, self.threads)
        return fitting_batch(self.memory_limit, 1.25 * sum(sizes.values()) / rows, least=rows)


def _left(
    state: PassState, reasons: Mapping[str, str], treated: Container[str]
) -> tuple[LeftAlone, ...]:
    """The candidates that have no bias to correct, or no float product to go by."""
    return tuple(
        LeftAlone(c.name, c.op, reasons[c.name] or "the float network has no such product")
        for c in state.candidates
        if c.name not in treated
    )


def _untouched(state: PassState, reason: str) -> PassResult:
    return PassResult(state.replace(float_model=None), False, (LeftAlone("", "", reason),))
