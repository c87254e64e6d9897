"""What measured choices tell about others: drops as sums over layers, learned as they come in."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors.residuals import most_evident

FloatArray = npt.NDArray[np.float64]

# How far layers' factors may part from the common one, relative to it, and how large what no such
# sum explains may be: the pair that explains the measurements best is taken.
SPREADS = (0.03, 0.1, 0.3, 1.0)
MISFITS = (0.0005, 0.002, 0.005, 0.015)
# What is measured of the whole besides: the offset of all drops, a fraction.
OFFSET = 0.003
# The share of samples whose prediction turns right or wrong however small the drop.
LEAST_CHANGED = 0.01
# So many measurements, those nearest to the budget, are enough: the cost is their number cubed.
MOST = 160


class DropModel:
    """Predicts the drop of accuracy of a choice from its damage in each layer.

    drop ~ offset + sum over layers of factor[l] * damage[l]: the factors, near a common one, are
    a Gaussian process with a linear kernel (Rasmussen and Williams, "Gaussian Processes for
    Machine Learning", sections 2.1 and 5.4.1), fitted to what was measured. Measurements far from
    the budget count less: drops are no straight line over all sizes of damage.

    Args:
        damages: Float array [measurements, layers] of the measured choices.
        drops: Their drops [measurements], fractions.
        samples: Samples that each was measured on [measurements].
        limit: The largest drop allowed.
    """

    def __init__(
        self, damages: FloatArray, drops: FloatArray, samples: FloatArray, limit: float
    ) -> None:
        near = np.argsort(np.abs(drops - limit), kind="stable")[:MOST]
        self._damages, drops = damages[near], drops[near]
        noise = (LEAST_CHANGED + np.abs(drops)) / np.maximum(samples[near], 1)
        self._noise = LEAST_CHANGED / max(float(samples.max(initial=1.0)), 1.0)
        far = 1 + ((drops - limit) / max(2 * limit, 0.01)) ** 2
        weight = 1 / (noise + 1e-5) / far
        total = self._damages.sum(axis=1)
        square = float((weight * total**2).sum())
        slope = float((weight * total * drops).sum()) / square if square > 0 else 0.0
        # Damage never helps, whatever a few measurements say.
        ceiling = limit / max(float(np.abs(total).max(initial=0.0)), 1e-300)
        self._common = max(slope, 0.05 * ceiling)
        self._fit(drops, noise, far)

    def _fit(self, drops: FloatArray, noise: FloatArray, far: FloatArray) -> None:
        """Takes the pair of parameters that explains the drops best."""
        kernels = np.stack([self._kernel(self._damages, spread) for spread in SPREADS])
        added = np.stack([far * (noise + misfit**2) for misfit in MISFITS])
        pairs = list(itertools.product(range(len(SPREADS)), range(len(MISFITS))))
        # All at once: they are small, and calls would take longer than sums.
        matrices = np.stack([kernels[spread] for spread, _ in pairs])
        diagonal = np.arange(len(drops))
        matrices[:, diagonal, diagonal] += np.stack([added[misfit] for _, misfit in pairs])
        rest = drops - self._common * self._damages.sum(axis=1)
        evidence, best, self._factor, half = most_evident(matrices, rest)
        self.evidence = evidence
        self._spread, self._misfit = SPREADS[pairs[best][0]], MISFITS[pairs[best][1]]
        self._weights = np.linalg.solve(self._factor.T, half)

    def _kernel(self, damages: FloatArray, spread: float) -> FloatArray:
        """Covariance with the measured choices, offset included: [n, measurements]."""
        scale = (spread * self._common) ** 2
        return np.asarray(OFFSET**2 + scale * damages @ self._damages.T)

    def predict(self, damages: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What measuring would tell.

        Args:
            damages: Float array [n, layers].

        Returns:
            Expected drop and its standard deviation, that of the measurement included: [n] each.
        """
        scale = (self._spread * self._common) ** 2
        kernel = self._kernel(damages, self._spread)
        mean = self._common * damages.sum(axis=1) + kernel @ self._weights
        known = np.linalg.solve(self._factor, kernel.T)
        variance = OFFSET**2 + scale * (damages**2).sum(axis=1) - (known**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 0.0) + self._misfit**2 + self._noise)

    def factors(self) -> FloatArray:
        """How much a unit of damage in each layer lowers the accuracy: [layers]."""
        scale = (self._spread * self._common) ** 2
        learned = self._common + scale * self._damages.T @ self._weights
        return np.asarray(np.maximum(learned, 0.05 * self._common))
