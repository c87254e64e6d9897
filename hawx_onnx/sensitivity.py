"""What scoring finds out: how much each multiplier would hurt each layer and channel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hawx_onnx.one_order import one_order


@dataclass(frozen=True, eq=False)
class OperatorScore:
    """Error of a node's accumulators under each multiplier.

    Attributes:
        mean: Expected error of the accumulated sum, float64 [multipliers, channels], in products:
            in closed form, exact for the calibration samples. Of a product of two activations
            it is measured like ``std``, as its operands depend on each other.
        std: Its standard deviation, same shape, measured over a few calibration samples.
        independent_std: The same in closed form, products taken as independent.
        output_scale: What one product unit is worth in the node's float output, [channels].
        peak: Largest representable magnitude of the node's float output.
        spread_samples: Samples that ``std`` was measured on; 0 where it is the closed form.
    """

    mean: np.ndarray
    std: np.ndarray
    independent_std: np.ndarray
    output_scale: np.ndarray
    peak: float
    spread_samples: int = 0

    def output_mean(self) -> np.ndarray:
        """Expected error of the node's float output, before rounding: [multipliers, channels]."""
        return np.asarray(self.mean * self.output_scale)

    def output_std(self) -> np.ndarray:
        """Standard deviation of that error, in the output's units: [multipliers, channels]."""
        return np.asarray(self.std * self.output_scale)

    def mean_squares(self, folded: bool = False) -> np.ndarray:
        """Mean squared error of the accumulated sum, in squared products: [multipliers, channels].

        Args:
            folded: Whether the bias makes up for the mean; what is left is the variance.
        """
        return np.asarray(self.std**2 if folded else self.mean**2 + self.std**2)

    def relative_rms(self, folded: bool = False) -> np.ndarray:
        """Root mean square error over channels, relative to the output's range: [multipliers].

        Args:
            folded: Whether the bias makes up for the mean.
        """
        rms = np.sqrt(self.mean_squares(folded)) * self.output_scale
        return np.asarray(np.sqrt((rms**2).mean(axis=1)) / self.peak)


class OperatorLevel(Mapping[str, OperatorScore]):
    """Operator-level scores of all layers, found as soon as one of them is asked for.

    A search over whole layers does without them, and should not wait for them.

    Args:
        layers: Names, in graph order.
        find: Gives the score of each.
    """

    def __init__(
        self, layers: Sequence[str], find: Callable[[], Mapping[str, OperatorScore]]
    ) -> None:
        self._layers, self._find = tuple(layers), find
        self._found: Mapping[str, OperatorScore] | None = None
        #: Seconds that finding them took; 0 before.
        self.seconds = 0.0

    @one_order()
    def __getitem__(self, layer: str) -> OperatorScore:
        if self._found is None:
            start = time.perf_counter()
            self._found = self._find()
            self.seconds = time.perf_counter() - start
        return self._found[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return dict, (dict(self),)


GRADIENT, MEASURED, RUNS = "gradient", "measured", "runs"


@dataclass(frozen=True, eq=False)
class FilterScore:
    """What one output channel of a node, approximated alone, does to the network's outputs.

    Attributes:
        output_mse: Expected squared change of the outputs, mean over outputs and samples, float64
            [T, channels], in squared output units.
        first_order_mse: The part of it that comes from the derivatives, the same shape; the rest is
            noise of the roundings that follow, told by a few measured channels. None where
            ``method`` is another one than ``gradient``.
        margin_change: Expected signed change of the true class's margin over the best other class,
            float64 [T, channels], in output units; None where outputs are no class scores or
            ``method`` is ``measured``.
        margin_shifts: The same for each scoring sample, float32 [T, channels, S], or None.
        method: ``gradient``: from the real error field and the outputs' derivatives; ``runs``: each
            channel was run alone;
            ``measured``: no derivative reaches the node, so that the layer's measured change is
            shared out by the operator level's expected squared errors.
        reason: Why ``method`` is ``measured``.
    """

    output_mse: np.ndarray
    first_order_mse: np.ndarray | None
    margin_change: np.ndarray | None
    margin_shifts: np.ndarray | None
    method: str
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """One entry of ``filter_level`` in ``sensitivity.json``."""
        entry: dict[str, object] = {"method": self.method, "output_mse": self.output_mse.tolist()}
        for key in ("first_order_mse", "margin_change"):
            values = getattr(self, key)
            entry[key] = None if values is None else values.tolist()
        return {**entry, "reason": self.reason} if self.reason else entry


@dataclass(frozen=True)
class MultiplicationEnergies:
    """Energy of one multiplication by each multiplier, in femtojoules; None where not known.

    Attributes:
        technology: Technology of each multiplier's figures [T]; energies of different ones do not
            compare.
        uniform_fj: Under uniform operands [T].
        own_fj: Under each layer's own operands [L][T].
    """

    technology: tuple[str | None, ...]
    uniform_fj: tuple[float | None, ...]
    own_fj: tuple[tuple[float | None, ...], ...]

    def to_dict(self) -> dict[str, object]:
        """Returns plain lists for ``sensitivity.json``."""
        return {
            "technology": list(self.technology),
            "uniform_fj": list(self.uniform_fj),
            "own_fj": [list(row) for row in self.own_fj],
        }


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Scores of all candidate layers.

    Attributes:
        layers: Candidate nodes, in graph order (L).
        multipliers: Candidate multipliers (T); index 0 is the exact one.
        operator: Layer -> :class:`OperatorScore`.
        baseline: Network outputs of the exact int8 model on the scoring samples, float32 [S, C].
            Of an output that is no vector of class scores, C values may be a choice of all.
        responses: Change of the outputs with one layer approximated, float32 [L, T, S, C]; the
            exact multiplier's is zero.
        labels: int64 [S]: true classes, or those of the exact model where there are no labels;
            None where the output is no vector of class scores.
        filters: Layer -> :class:`FilterScore`.
        seconds: Time that scoring took, without an operator level that nothing asked for.
        runs: Partial runs made.
        notes: What to know before trusting a figure.
        squared_change: Mean squared change over all values of the output, float64 [L, T]; None
            where ``responses`` hold all of them.
        energies: What multiplications cost under the layers' operands, if that was asked for.
        folded: Layers whose responses and channels were scored with mean errors folded into
            their biases: what compensation leaves; the operator level stays as it is.
        folding_samples: Calibration samples that those biases were folded on.
    """

    layers: tuple[str, ...]
    multipliers: tuple[str, ...]
    operator: Mapping[str, OperatorScore]
    baseline: np.ndarray
    responses: np.ndarray
    labels: np.ndarray | None
    filters: Mapping[str, FilterScore] = field(default_factory=dict)
    seconds: float = 0.0
    runs: int = 0
    notes: tuple[str, ...] = field(default=())
    squared_change: np.ndarray | None = None
    energies: MultiplicationEnergies | None = None
    folded: tuple[str, ...] = ()
    folding_samples: int = 0

    def accuracy_drop(self) -> np.ndarray:
        """Measured drop of accuracy with one layer approximated, [L, T], as a fraction.

        Where the output is no vector of class scores, the drop of :meth:`agreement`.
        """
        if self.labels is None:
            return np.asarray(1 - self.agreement())
        exact = (self.baseline.argmax(axis=1) == self.labels).mean()
        return np.asarray(exact - (self._classes() == self.labels).mean(axis=2))

    def agreement(self) -> np.ndarray:
        """Measured agreement with the exact int8 model, [L, T], a fraction; needs no labels.

        The share of samples of the same class; where the output is no vector of class scores,
        1 less :meth:`output_divergence`, at least 0.
        """
        if self.labels is None:
            return np.asarray(np.clip(1 - self.output_divergence(), 0, 1))
        return np.asarray((self._classes() == self.baseline.argmax(axis=1)).mean(axis=2))

    def output_mse(self) -> np.ndarray:
        """Measured mean squared change of the outputs, [L, T], in squared output units."""
        if self.squared_change is not None:
            return self.squared_change
        return np.asarray((self.responses.astype(np.float64) ** 2).mean(axis=(2, 3)))

    def output_divergence(self) -> np.ndarray:
        """:meth:`output_mse` relative to the variance of the exact outputs, [L, T]."""
        variance = float(np.var(self.baseline, dtype=np.float64))
        return np.asarray(self.output_mse() / (variance or 1.0))

    def _classes(self) -> np.ndarray:
        """Predicted classes with one layer approximated, [L, T, S]."""
        moved = [(self.baseline + layer).argmax(axis=2) for layer in self.responses]
        return np.array(moved).reshape(self.responses.shape[:3])

    def _compensation(self) -> dict[str, object] | None:
        """What was compensated when layers and channels were scored; None for nothing."""
        if not self.folded:
            return None
        samples = self.folding_samples
        return {"pass": "fold-bias", "layers": list(self.folded), "samples": samples}

    def to_dict(self) -> dict[str, object]:
        """The content of ``sensitivity.json``."""
        energies = {"multiplication_energy": self.energies.to_dict()} if self.energies else {}
        return {
            "schema_version": 1,
            "layers": list(self.layers),
            "multipliers": list(self.multipliers),
            "samples": int(self.baseline.shape[0]),
            "compensation": self._compensation(),
            "layer_level": {
                "accuracy_drop": self.accuracy_drop().tolist(),
                "agreement": self.agreement().tolist(),
                "output_mse": self.output_mse().tolist(),
                "output_divergence": self.output_divergence().tolist(),
            },
            "filter_level": {layer: score.to_dict() for layer, score in self.filters.items()},
            "operator_level": {
                layer: {
                    "relative_rms": score.relative_rms().tolist(),
                    "mean_error": score.mean.tolist(),
                    "std_error": score.std.tolist(),
                    "independent_std_error": score.independent_std.tolist(),
                    "output_mean_error": score.output_mean().tolist(),
                    "output_std_error": score.output_std().tolist(),
                    "spread_samples": score.spread_samples,
                }
                for layer, score in self.operator.items()
            },
            **energies,
            "seconds": self.seconds,
            "partial_runs": self.runs,
            "notes": list(self.notes),
        }
