"""What the predictor of hardware costs learns from: features and costs of synthesised designs."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.synthesis import cell_library, characterize
from hawx_onnx.predictors.hardware_cost import DATA, QUANTITIES
from hawx_onnx.predictors.table_features import table_features
from hawx_onnx.predictors.training_designs import (
    TrainingDesign,
    builtin_designs,
    pruned_designs,
    swept_designs,
)

Floats = npt.NDArray[np.float64]

TABLE = DATA / "hardware_cost_training.npz"

LARGEST_MAE = 4096.0
"""Designs with a greater mean absolute error are of no use to anyone, and not learnt from."""


@dataclass(frozen=True, eq=False)
class TrainingTable:
    """Designs with their features and costs.

    Attributes:
        technology: Of the costs.
        names: Names of the features (K).
        features: float64 [designs, K].
        costs: float64 [designs, 4], in the order of ``QUANTITIES``.
        groups: What each design is left out with, text [designs].
    """

    technology: str
    names: tuple[str, ...]
    features: Floats
    costs: Floats
    groups: npt.NDArray[np.str_]

    def write(self, path: Path) -> None:
        """Writes the table as numbers and texts, nothing pickled; to seven digits."""
        from hawx_onnx.report.files import atomic_write_bytes

        data = io.BytesIO()
        np.savez_compressed(
            data,
            technology=np.array(self.technology),
            names=np.array(self.names),
            features=self.features.astype(np.float32),
            costs=self.costs.astype(np.float32),
            groups=self.groups,
        )
        atomic_write_bytes(path, data.getvalue())


def read_table(path: Path = TABLE) -> TrainingTable:
    """Reads a table that :meth:`TrainingTable.write` wrote."""
    with np.load(path, allow_pickle=False) as data:
        return TrainingTable(
            technology=str(data["technology"]),
            names=tuple(str(name) for name in data["names"]),
            features=data["features"].astype(np.float64),
            costs=data["costs"].astype(np.float64),
            groups=data["groups"],
        )


def synthesise(
    jobs: int = 0,
    designs: Iterable[TrainingDesign] | None = None,
    progress: Callable[[int], None] = lambda total: None,
) -> TrainingTable:
    """Puts designs through the flow with the default cells.

    Of designs with the same encoding and table the one of least area stays. Designs without a gate
    are left out: their cost is none and needs no prediction.

    Args:
        jobs: Runs of yosys at once; 0 takes all cores.
        designs: By default all training designs.
        progress: Called after each design with their number.

    Raises:
        LibraryError: There is no yosys.
        ConfigError: ArithsGen is not installed.
    """
    given = designs or (*builtin_designs(), *swept_designs(), *pruned_designs())
    usable = [each for each in given if each.design.multiplier.statistics.mae <= LARGEST_MAE]
    library = cell_library()

    def cost(each: TrainingDesign) -> ComponentCost:
        return characterize(each.design.network, library).cost

    best: dict[tuple[str, str], tuple[TrainingDesign, ComponentCost]] = {}
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for each, found in zip(usable, pool.map(cost, usable), strict=True):
            multiplier = each.design.multiplier
            key = multiplier.encoding.value, multiplier.content_hash
            if found.area_um2 and (key not in best or found.area_um2 < best[key][1].area_um2):
                best[key] = each, found
            progress(len(usable))
    rows = [table_features(each.design.multiplier) for each, _ in best.values()]
    costs = [found for _, found in best.values()]
    return TrainingTable(
        technology=costs[0].technology,
        names=tuple(rows[0]),
        features=np.array([list(row.values()) for row in rows]),
        costs=np.array([[getattr(one, quantity) for quantity in QUANTITIES] for one in costs]),
        groups=np.array([each.group for each, _ in best.values()]),
    )
