"""Trains the predictor of hardware costs: ``make train-predictors``.

    python -m hawx_onnx.predictors.training [--synthesise]

Trains on the shipped table of features and costs and writes model and fidelity beside it. With
``--synthesise`` the table is made anew first: every training design put through the flow of
:mod:`hawx_onnx.components.synthesis` (needs yosys, the OSU 0.18 um cells and ArithsGen).
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors.hardware_cost import DATA, FIDELITY, FORMAT, MODEL, QUANTITIES
from hawx_onnx.predictors.surrogate import spearman
from hawx_onnx.predictors.training_table import TABLE, TrainingTable, read_table, synthesise
from hawx_onnx.report.files import atomic_write_bytes, atomic_write_text

Floats = npt.NDArray[np.float64]

SEED = 0
ITERATIONS = 400
_ALL = "all"


def train(table: TrainingTable, rows: npt.NDArray[np.bool_] | None = None) -> Any:  # noqa: ANN401
    """Returns a model of the logarithms of the costs.

    A family counts as the square root of its designs, so that the large ones do not decide alone.

    Args:
        table: Features and costs.
        rows: Which designs to learn from; by default all.
    """
    from catboost import CatBoostRegressor

    chosen = np.ones(len(table.groups), bool) if rows is None else rows
    groups, place, counts = np.unique(table.groups[chosen], return_inverse=True, return_counts=True)
    assert len(groups) > 1
    model = CatBoostRegressor(
        loss_function="MultiRMSE",
        iterations=ITERATIONS,
        depth=4,
        learning_rate=0.08,
        rsm=0.5,
        boosting_type="Plain",
        bootstrap_type="Bernoulli",
        subsample=0.8,
        random_seed=SEED,
        thread_count=1,
        allow_writing_files=False,
        logging_level="Silent",
    )
    targets = np.log(table.costs[chosen])
    model.fit(table.features[chosen], targets, sample_weight=1 / np.sqrt(counts[place]))
    return model


def leave_one_family_out(table: TrainingTable) -> Floats:
    """Predicts each family with a model of the others: costs, float64 [designs, 4]."""
    predicted = np.zeros_like(table.costs)
    for group in np.unique(table.groups):
        out = table.groups == group
        predicted[out] = np.exp(train(table, ~out).predict(table.features[out]))
    return predicted


def errors(predicted: Floats, truth: Floats) -> dict[str, dict[str, float | None]]:
    """Returns rank correlation and mean absolute relative error of each quantity.

    Args:
        predicted: Costs [designs, 4].
        truth: Those of synthesis.
    """
    off = np.abs(predicted / truth - 1).mean(axis=0)
    return {
        quantity: {
            "spearman": _rounded(spearman(predicted[:, i].tolist(), truth[:, i].tolist())),
            "mape": _rounded(float(off[i])),
        }
        for i, quantity in enumerate(QUANTITIES)
    }


def fidelity_of(table: TrainingTable, predicted: Floats) -> dict[str, Any]:
    """Returns the errors over all designs and for each family that was left out."""
    families = {
        str(group): {
            "designs": int((table.groups == group).sum()),
            **errors(predicted[table.groups == group], table.costs[table.groups == group]),
        }
        for group in np.unique(table.groups)
    }
    return {_ALL: errors(predicted, table.costs), "families": families}


def write(table: TrainingTable, folder: Path = DATA) -> dict[str, Any]:
    """Trains on all designs and writes the model and what is known of it.

    Returns:
        The content of the fidelity file.
    """
    import catboost

    model = train(table)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / MODEL.name
        model.save_model(str(file), format="cbm")
        data = file.read_bytes()
    document = {
        "format": FORMAT,
        "technology": table.technology,
        "date": datetime.date.today().isoformat(),
        "designs": len(table.groups),
        "model_sha256": hashlib.sha256(data).hexdigest(),
        "catboost": catboost.__version__,
        "seed": SEED,
        "features": list(table.names),
        "leave_one_family_out": fidelity_of(table, leave_one_family_out(table)),
    }
    atomic_write_bytes(folder / MODEL.name, data)
    text = json.dumps(document, indent=1) + "\n"
    atomic_write_text(folder / FIDELITY.name, text)
    return document


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _told(each: dict[str, float | None]) -> str:
    """Rank correlation and error as text; no correlation of fewer than three designs."""
    rank = "-" if each["spearman"] is None else f"{each['spearman']:.2f}"
    return f"{rank}, {100 * (each['mape'] or 0):.0f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains and writes; told is the error on families left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--synthesise", action="store_true", help="make the table anew first")
    parser.add_argument("--jobs", type=int, default=0, help="runs of yosys at once; 0: all cores")
    args = parser.parse_args(arguments)
    if args.synthesise:
        synthesise(args.jobs).write(TABLE)
    found = write(read_table(TABLE))["leave_one_family_out"]
    families = {_ALL: found[_ALL], **found["families"]}
    lines = [f"{'left out':20}" + "".join(f"{name:>20}" for name in QUANTITIES)]
    for family, each in families.items():
        cells = "".join(f"{_told(each[quantity]):>20}" for quantity in QUANTITIES)
        lines.append(f"{family:20}{cells}")
    parser.exit(message="\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
