"""The exact parts of an objective: per layer, per multiplier type in use, and the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Evaluator = Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class CostTerms:
    """An objective as a function of one multiplier choice per layer.

    Args:
        objective: The objective's name.
        constant: What no choice changes, in the objective's unit.
        per_layer: Float array [layers, candidates], what each choice adds.
        per_type: Float array [candidates], what a candidate adds once if any layer uses it.
        evaluator: Costs choices [assignments, layers] exactly where the parts do not add up to
            the objective, as on an array whose make-up follows the assignment. The parts are then
            an estimate for those who need a sum, such as a knapsack.
    """

    objective: str
    constant: float
    per_layer: npt.NDArray[np.float64]
    per_type: npt.NDArray[np.float64]
    evaluator: Evaluator | None = None

    def evaluate(self, choices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Returns the objective of many assignments at once.

        Args:
            choices: Int array [assignments, layers] of candidate indices.

        Returns:
            Float array [assignments].
        """
        index = np.atleast_2d(np.asarray(choices, dtype=np.intp))
        if self.evaluator is not None:
            return self.evaluator(index)
        layers, candidates = self.per_layer.shape
        total = self.constant + self.per_layer[np.arange(layers), index].sum(axis=1)
        used = np.zeros((len(index), candidates), dtype=bool)
        np.put_along_axis(used, index, True, axis=1)
        return np.asarray(total + used @ self.per_type, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ManyTotals:
    """Totals of many assignments: float arrays [assignments], units in the names.

    Look-up tables are those of an FPGA, not a number where those of a multiplier in use are not
    known, and None on an ASIC.
    """

    power_mw: npt.NDArray[np.float64]
    area_um2: npt.NDArray[np.float64]
    energy_uj: npt.NDArray[np.float64]
    latency_cycles: npt.NDArray[np.float64]
    multiplication_energy_uj: npt.NDArray[np.float64]
    area_lut6: npt.NDArray[np.float64] | None = None


def one_changed(terms: CostTerms, layers: int, candidates: int) -> npt.NDArray[np.float64]:
    """Returns the objective with one layer changed less that with none: [L, M]."""
    choices = np.zeros((layers, candidates, layers), np.intp)
    changed = np.arange(layers)
    choices[changed, :, changed] = np.arange(candidates)
    values = terms.evaluate(choices.reshape(-1, layers)).reshape(layers, candidates)
    return np.asarray(values - values[:, :1])
