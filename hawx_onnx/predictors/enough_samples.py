"""When responses have been measured on enough samples.

What scoring is for is to find out which assignments come near the budget. So samples are enough as
soon as the predicted drop of an assignment at the budget has a small standard error: as each sample
is compared with itself under the exact network, most of what makes accuracies uncertain drops out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hawx_onnx.predictors.surrogate import ResponseSurrogate
from hawx_onnx.sensitivity import Sensitivity

SHARE = 0.5
"""The standard error that is small enough, in budgets: the search measures the rest away."""
_TRIALS = 32


@dataclass(frozen=True)
class EnoughSamples:
    """Tells whether scores rest on enough samples.

    Attributes:
        max_accuracy_drop: The budget, a fraction.
    """

    max_accuracy_drop: float

    def __call__(self, sensitivity: Sensitivity) -> bool:
        """Whether the drop of the assignment nearest to the budget is known well enough."""
        if sensitivity.labels is None:
            return False
        surrogate = ResponseSurrogate(sensitivity)
        exact, *trials = self._trials(surrogate)
        if not trials:
            return True
        drops = surrogate.accuracy(exact) - surrogate.accuracies(trials)
        nearest = trials[int(np.argmin(np.abs(drops - self.max_accuracy_drop)))]
        error = surrogate.standard_error(nearest)
        return bool(error <= SHARE * self.max_accuracy_drop)

    def _trials(self, surrogate: ResponseSurrogate) -> list[tuple[int, ...]]:
        """A chain of assignments of growing damage, the exact one first.

        Each takes in every layer the multiplier of the greatest damage below a bound.
        """
        damage = surrogate.damages()["loss"]
        bounds = np.quantile(damage[:, 1:], np.linspace(0, 1, _TRIALS))
        below = [np.where(damage <= bound, damage, -np.inf) for bound in bounds]
        chosen = (tuple(allowed.argmax(axis=1).tolist()) for allowed in below)
        return list(dict.fromkeys([(0,) * len(damage), *chosen]))
