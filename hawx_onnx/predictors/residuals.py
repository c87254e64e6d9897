"""What measured assignments tell about others like them: a Gaussian process over what is left.

A prediction of z = log(drop + 0.01) errs alike for assignments that are alike. The process learns
the errors seen (Rasmussen and Williams, "Gaussian Processes for Machine Learning", chapters 2 and
5): a constant, a slope over the prediction itself, and a part whose correlation falls with the
distance of two assignments. That distance is the root mean square by which their outputs differ,
the effects of single units and multipliers taken as independent.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]

# Standard deviations of the constant and of the slope over a prediction of unit spread.
OFFSET, SLOPE = 0.7, 0.5
# Of the part that falls with distance, its range in median distances, and of what nothing explains.
SPREADS, RANGES, MISFITS = (0.1, 0.25, 0.6), (0.3, 1.0, 3.0), (0.05, 0.15)

_CHUNK = 4_000_000
_LEAST_SHARE = 1e-6


def most_evident(matrices: Floats, values: Floats) -> tuple[float, int, Floats, Floats]:
    """The covariance under which values of mean zero are likeliest.

    Args:
        matrices: Covariances [k, n, n], positive definite.
        values: [n].

    Returns:
        Log likelihood but for a constant; which matrix, the first of equals; its Cholesky factor L
        [n, n]; and L^-1 values [n].
    """
    factors = np.linalg.cholesky(matrices)
    halves = np.linalg.solve(factors, np.broadcast_to(values[:, None], (*factors.shape[:2], 1)))
    logs = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    evidence = -0.5 * (halves[..., 0] ** 2).sum(axis=1) - logs
    best = int(evidence.argmax())
    return float(evidence[best]), best, factors[best], halves[best, :, 0]


class ResidualProcess:
    """Corrects predictions of assignments by the errors seen on measured ones.

    Args:
        damage: Mean squared change of the outputs by unit and multiplier [U, M].
    """

    def __init__(self, damage: Floats) -> None:
        self._damage = np.maximum(damage, 0.0)
        self._flat = self._damage.ravel().astype(np.float32)
        self._settings = (SPREADS[1], RANGES[1], MISFITS[1])

    def distances(self, first: Picks, second: Picks) -> Floats:
        """How far apart assignments are: [first, second], from picks [n, U]."""
        total = self._own(first)[:, None] + self._own(second)[None]
        weighted = self._one_hot(second) * np.float32(2) * self._flat
        step = max(1, _CHUNK // max(self._flat.size, 1))
        for start in range(0, len(first), step):
            total[start : start + step] -= self._one_hot(first[start : start + step]) @ weighted.T
        # What is shared by both cancels but for rounding.
        total[total < _LEAST_SHARE * self._flat.max(initial=0.0)] = 0.0
        return np.sqrt(total)

    def _own(self, picks: Picks) -> Floats:
        return np.asarray(self._damage[np.arange(len(self._damage)), picks].sum(axis=1))

    def _one_hot(self, picks: Picks) -> npt.NDArray[np.float32]:
        units, multipliers = self._damage.shape
        result = np.zeros((len(picks), units * multipliers), np.float32)
        np.put_along_axis(result, np.arange(units) * multipliers + picks, 1, axis=1)
        return result

    def fit(
        self, distances: Floats, prior: Floats, errors: Floats, noise: Floats, *, tune: bool = True
    ) -> ResidualProcess:
        """Learns from measured assignments (n).

        Args:
            distances: Among them, [n, n].
            prior: What was predicted [n].
            errors: Measured less predicted [n].
            noise: Variance of the measurements [n].
            tune: Whether to choose spread, range and misfit anew, as explains the errors best.

        Returns:
            Itself.
        """
        away = distances[np.triu_indices(len(distances), 1)]
        self._scale = float(np.median(away)) if away.size and np.median(away) > 0 else 1.0
        self._centre, self._width = float(prior.mean()), float(prior.std()) or 1.0
        self._prior = prior
        wanted = [self._settings]
        if tune:
            wanted = list(itertools.product(SPREADS, RANGES, MISFITS))
        # All at once: they are small, and calls would take longer than sums.
        matrices = np.stack([self._kernel(each, distances, prior) for each in wanted])
        diagonal = np.arange(len(prior))
        matrices[:, diagonal, diagonal] += [noise + each[2] ** 2 for each in wanted]
        _, best, self._factor, half = most_evident(matrices, errors)
        self._settings = wanted[best]
        self._weights = np.linalg.solve(self._factor.T, half)
        return self

    def predict(self, distances: Floats, prior: Floats) -> tuple[Floats, Floats]:
        """Returns corrected predictions and their standard deviations, [n] each.

        Args:
            distances: To the measured assignments, [n, measured].
            prior: What is predicted without them [n].
        """
        kernel = self._kernel(self._settings, distances, prior)
        mean = prior + kernel @ self._weights
        half = np.linalg.solve(self._factor, kernel.T)
        own = OFFSET**2 + (SLOPE * self._standard(prior)) ** 2 + self._settings[0] ** 2
        variance = np.maximum(own - (half**2).sum(axis=0), 0.0)
        return mean, np.sqrt(variance + self._settings[2] ** 2)

    def _standard(self, prior: Floats) -> Floats:
        return np.asarray((prior - self._centre) / self._width)

    def _kernel(
        self, settings: tuple[float, float, float], distances: Floats, prior: Floats
    ) -> Floats:
        spread, reach, _ = settings
        slopes = np.outer(self._standard(prior), self._standard(self._prior))
        near = np.exp(-distances / (reach * self._scale))
        return np.asarray(OFFSET**2 + SLOPE**2 * slopes + spread**2 * near)
