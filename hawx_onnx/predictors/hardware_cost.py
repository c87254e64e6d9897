"""Area, delay, energy and leakage of a multiplier of which only a truth table is known.

A guess, for lack of a circuit: CatBoost over the features of the table
(:mod:`hawx_onnx.predictors.table_features`), learnt from our own synthesis runs. It predicts what
such a circuit would cost in the technology of the shipped figures. How far off it is on families
that it did not learn from stands beside the model and in every prediction.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.components.multiplier import ComponentCost, Multiplier
from hawx_onnx.errors import LibraryError
from hawx_onnx.predictors.table_features import table_features
from hawx_onnx.technology_names import is_predicted, predicted_technology

DATA = Path(__file__).parent / "data"
MODEL, FIDELITY = DATA / "hardware_cost.cbm", DATA / "hardware_cost.json"
FORMAT = 1

QUANTITIES = ("area_um2", "delay_ns", "energy_fj", "leakage_nw")


def predicted_cost(multiplier: Multiplier) -> ComponentCost:
    """Returns what a circuit of a truth table would cost, about; never looks at the name.

    A table whose products do not depend on the operands needs no gate and costs nothing.

    Args:
        multiplier: Its table and encoding count; a cost that it has is not looked at.

    Raises:
        LibraryError: The model's files do not belong together.
    """
    about = fidelity()
    figures = [0.0] * len(QUANTITIES)
    if multiplier.table.min() != multiplier.table.max():
        features = table_features(multiplier)
        row = np.array([[features[name] for name in about["features"]]])
        figures = np.exp(_model().predict(row, thread_count=1))[0].tolist()
    area, delay, energy, leakage = figures
    technology = predicted_technology(about["technology"])
    return ComponentCost(technology, area, delay, energy, leakage, provenance())


def with_predicted_costs(multipliers: Iterable[Multiplier]) -> tuple[Multiplier, ...]:
    """Returns multipliers, in order; those without a cost get a predicted one.

    Raises:
        LibraryError: The model's files do not belong together.
    """
    return tuple(m if m.cost else replace(m, cost=predicted_cost(m)) for m in multipliers)


def prediction_warning(multipliers: Iterable[Multiplier]) -> tuple[str, ...]:
    """Returns a warning that costs of some multipliers are predicted; nothing if none is."""
    names = [m.name for m in multipliers if m.cost and is_predicted(m.cost.technology)]
    if not names:
        return ()
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return (
        f"costs of {', '.join(names[:4])}{more} are predicted from truth tables, about "
        f"{_error('area_um2')} off in area and {_error('energy_fj')} in energy: import their "
        "netlists and run `hawx-onnx library characterize` for figures",
    )


def provenance() -> str:
    """Returns one line on where predictions come from and how far off they are."""
    return (
        "predicted by CatBoost from the truth table, no circuit is known (mean error on a family "
        f"not learnt from: area {_error('area_um2')}, delay {_error('delay_ns')}, "
        f"energy {_error('energy_fj')}, leakage {_error('leakage_nw')})"
    )


@functools.cache
def fidelity() -> dict[str, Any]:
    """Returns what is known of the shipped model: technology, features, data, errors."""
    document: dict[str, Any] = json.loads(FIDELITY.read_text(encoding="utf-8"))
    assert document["format"] == FORMAT
    return document


def _error(quantity: str) -> str:
    """The leave-one-family-out error of a quantity as text."""
    error: float = fidelity()["leave_one_family_out"]["all"][quantity]["mape"]
    return f"{100 * error:.0f} %"


@functools.cache
def _model() -> Any:  # noqa: ANN401 - CatBoost brings no types
    """Reads the model: data that CatBoost parses, no code."""
    from catboost import CatBoostRegressor

    data = MODEL.read_bytes()
    if hashlib.sha256(data).hexdigest() != fidelity()["model_sha256"]:
        raise LibraryError(
            "is not the model that the fidelity file beside it tells of",
            where=MODEL.name,
            mend="reinstall the package, or run `make train-predictors` in a checkout",
        )
    return CatBoostRegressor().load_model(blob=data)
