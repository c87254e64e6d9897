"""Which layers are to blame where the int8 form of a network loses accuracy against its floats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import onnx

from hawx_onnx import components
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.passes import Canonicalize, PassState, Quantize, StaticForm
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.quantize import (
    ASYMMETRIC,
    CALIBRATIONS,
    PRODUCTS,
    SYMMETRIC,
    is_quantized,
)
from hawx_onnx.passes.run_memory import fitting_batch, tensor_bytes
from hawx_onnx.preparation import quantized_state
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings
from hawx_onnx.signal_noise import snr_db

# Points of accuracy that int8 may lose before the report looks for the reason.
TOLERATED = 0.015
SAMPLES = 16  # calibration samples that noise is measured on
RANGES = 64  # calibration samples that set ranges in trials
SUSPECTS = 4  # layers that are tried in floating point, one at a time


@dataclass(frozen=True)
class Trial:
    """Another way to quantise, and the noise that is left.

    Attributes:
        flag: The flag that asks for it.
        value: The flag's value.
        output_snr_db: Signal to noise at the scored output, in dB.
    """

    flag: str
    value: str
    output_snr_db: float


@dataclass(frozen=True)
class QuantizationLoss:
    """Where the noise of quantisation comes in, and what would help.

    Attributes:
        accuracy_drop: Float less int8 accuracy, a fraction.
        output_snr_db: Signal to noise at the scored output as it is quantised, in dB.
        trials: Other ways, the best first.
    """

    accuracy_drop: float
    output_snr_db: float
    trials: tuple[Trial, ...]

    def document(self) -> dict[str, Any]:
        """The entry ``quantization`` of the report."""
        return asdict(self)

    def warning(self, lost: str | None = None) -> str:
        """One line: what is lost, the layer to blame, and what to try.

        Args:
            lost: What int8 loses, in words, of another metric than accuracy.
        """
        lost = lost or f"{100 * self.accuracy_drop:.1f} points of accuracy"
        layer = next((t for t in self.trials if t.flag == "--keep-float"), None)
        blamed = f", most of it in {layer.value}" if layer is not None else ""
        told = dict.fromkeys((*self.trials[:1], *([] if layer is None else [layer])))
        tries = "; ".join(f"{t.flag} '{t.value}' leaves {t.output_snr_db:.1f} dB" for t in told)
        return (
            f"int8 loses {lost} against float{blamed}: "
            f"signal to noise at the output is {self.output_snr_db:.1f} dB"
            + (f"; {tries}" if tries else "; no other calibration, and no layer alone, helps")
        )


def find_loss(
    source: onnx.ModelProto,
    dataset: Dataset,
    encoding: Any,  # noqa: ANN401 - components.Encoding, kept out of the import
    settings: Settings,
    drop: float,
) -> QuantizationLoss | None:
    """Looks for the reason of a loss on calibration samples.

    The noise that each product adds is measured at its result, for all of them at once; the worst
    ones are then left in floating point one at a time, and, where ranges are static, the other
    calibrations, asymmetric activations, and ranges that are found at run time are tried.

    Args:
        source: The user's model.
        dataset: Its calibration split is used alone.
        encoding: Encoding of the multipliers.
        settings: Options of the run.
        drop: Float less int8 accuracy.

    Returns:
        What was found; None where int8 loses little, or the user's model is int8 itself.
    """
    if drop <= TOLERATED:
        return None
    static = StaticForm(settings.quantization == "dynamic")
    state = Canonicalize(settings.functions)(static(PassState(source)))
    if is_quantized(state.model):
        return None
    few = replace(dataset.calibration, x=dataset.calibration.x[:RANGES], y=None)
    state = state.replace(dataset=replace(dataset, calibration=few))
    x = few.x[: _samples(state.model, few.x, settings.memory_bytes)]
    exact = Runner(state.model, threads=settings.jobs).run(x)
    exact_multiplier = components.exact(encoding)

    def noise(changed: Settings) -> float:
        assert state.dataset is not None
        made = quantized_state(
            source,
            state.dataset,
            (exact_multiplier,),
            lambda text: None,
            settings.memory_bytes,
            changed,
        )
        return snr_db(exact, Runner(exact_form(made), threads=settings.jobs).run(x))

    before = noise(settings)
    trials = [
        Trial(flag, value, noise(changed))
        for flag, value, changed in _other_ways(state, x, encoding, settings)
    ]
    helping = [trial for trial in trials if trial.output_snr_db > before]
    ordered = sorted(helping, key=lambda trial: -trial.output_snr_db)
    return QuantizationLoss(drop, before, tuple(ordered))


def _other_ways(
    state: PassState,
    x: np.ndarray,
    encoding: Any,  # noqa: ANN401 - components.Encoding, kept out of the import
    settings: Settings,
) -> Iterator[tuple[str, str, Settings]]:
    """Flags and values to try, and the settings that they make."""
    made = Quantize(
        encoding,
        settings.memory_bytes,
        settings.calibration,
        settings.keep_float,
        settings.activations,
        dynamic=settings.quantization == "dynamic",
    )(state).model
    for name in suspects(state.model, made, x, model_output(state.model), settings.jobs):
        yield "--keep-float", name, replace(settings, keep_float=(*settings.keep_float, name))
    if settings.quantization == "dynamic":
        return
    for name in CALIBRATIONS:
        if name != settings.calibration:
            yield "--calibration", name, replace(settings, calibration=name)
    if encoding.codes_signed and settings.activations == SYMMETRIC:
        yield "--activations", ASYMMETRIC, replace(settings, activations=ASYMMETRIC)
    yield "--quantization", "dynamic", replace(settings, quantization="dynamic")


def _samples(model: onnx.ModelProto, x: np.ndarray, limit: int) -> int:
    """Samples whose activations fit twice: of the float and of the int8 network."""
    sizes, rows = tensor_bytes(model, x)
    return fitting_batch(limit, 2 * sum(sizes.values()) / rows, least=rows, most=SAMPLES)


def suspects(
    model: onnx.ModelProto, int8: onnx.ModelProto, x: np.ndarray, output: str, threads: int
) -> list[str]:
    """The products that add most noise, the worst first.

    Args:
        model: The float network, canonical.
        int8: Its quantised form, which has the same names.
        x: Samples.
        output: The scored output.
        threads: Threads within an operator.
    """
    known = {name for node in int8.graph.node for name in node.output}
    products = [
        node
        for node in model.graph.node
        if node.op_type in PRODUCTS and node.output[0] in known and node.output[0] != output
    ]
    wanted = list(dict.fromkeys(t for n in products for t in (n.input[0], n.output[0])))
    wanted = [name for name in wanted if name in known]
    exact, coarse = (
        Runner(exposed(one, wanted), threads=threads).stream(x, wanted, batch=len(x))
        for one in (model, int8)
    )
    # Noise as a share of the signal: what comes in with the operand is not the layer's own.
    share: dict[str, float] = {}
    whole = [[np.concatenate(parts) for parts in zip(*one, strict=True)] for one in (exact, coarse)]
    for name, first, second in zip(wanted, *whole, strict=True):
        share[name] = 10 ** (-snr_db(first, second) / 10)
    added = {n.name: share[n.output[0]] - share.get(n.input[0], 0.0) for n in products}
    return sorted(added, key=lambda name: -added[name])[:SUSPECTS]
