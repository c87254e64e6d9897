"""What scoring finds out: how much each multiplier would hurt each layer and channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class OperatorScore:
    """Error of a node's accumulators under each multiplier, in closed form.

    Attributes:
        mean: Expected error of the accumulated sum, float64 [multipliers, channels], in products.
        std: Its standard deviation, same shape, products taken as independent.
        output_scale: What one product unit is worth in the node's float output, [channels].
        peak: Largest representable magnitude of the node's float output.
    """

    mean: np.ndarray
    std: np.ndarray
    output_scale: np.ndarray
    peak: float

    def relative_rms(self) -> np.ndarray:
        """Root mean square error over channels, relative to the output's range: [multipliers]."""
        rms = np.sqrt(self.mean**2 + self.std**2) * self.output_scale
        return np.asarray(np.sqrt((rms**2).mean(axis=1)) / self.peak)


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
        responses: Change of the outputs with one layer approximated, float32 [L, T, S, C]; the
            exact multiplier's is zero.
        labels: int64 [S]: true classes, or those of the float model where there are no labels.
        seconds: Time that scoring took.
        energies: What multiplications cost under the layers' operands, if that was asked for.
    """

    layers: tuple[str, ...]
    multipliers: tuple[str, ...]
    operator: Mapping[str, OperatorScore]
    baseline: np.ndarray
    responses: np.ndarray
    labels: np.ndarray
    seconds: float = 0.0
    runs: int = 0
    notes: tuple[str, ...] = field(default=())
    energies: MultiplicationEnergies | None = None

    def accuracy_drop(self) -> np.ndarray:
        """Measured drop of accuracy with one layer approximated, [L, T], as a fraction."""
        exact = (self.baseline.argmax(axis=1) == self.labels).mean()
        classes = (self.baseline + self.responses).argmax(axis=3)
        return np.asarray(exact - (classes == self.labels).mean(axis=2))

    def output_mse(self) -> np.ndarray:
        """Measured mean squared change of the outputs, [L, T], in squared output units."""
        return np.asarray((self.responses.astype(np.float64) ** 2).mean(axis=(2, 3)))

    def to_dict(self) -> dict[str, object]:
        """The content of ``sensitivity.json``."""
        energies = {"multiplication_energy": self.energies.to_dict()} if self.energies else {}
        return {
            "schema_version": 1,
            "layers": list(self.layers),
            "multipliers": list(self.multipliers),
            "samples": int(self.baseline.shape[0]),
            "layer_level": {
                "accuracy_drop": self.accuracy_drop().tolist(),
                "output_mse": self.output_mse().tolist(),
            },
            "operator_level": {
                layer: {
                    "relative_rms": score.relative_rms().tolist(),
                    "mean_error": score.mean.tolist(),
                    "std_error": score.std.tolist(),
                }
                for layer, score in self.operator.items()
            },
            **energies,
            "seconds": self.seconds,
            "partial_runs": self.runs,
            "notes": list(self.notes),
        }
