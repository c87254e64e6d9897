"""Of what a journal is: whatever of it differs makes scores and measurements other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.plugins import PASSES, installed
from hawx_onnx.settings import Settings

_OTHER = "another one"


def origin_of(
    model: onnx.ModelProto,
    multipliers: Sequence[Multiplier],
    dataset: Dataset,
    settings: Settings,
) -> dict[str, Any]:
    """What a run is of, in plain values.

    Targets, objectives and limits are not in it: they change what is searched for and not what was
    measured.

    Args:
        model: The user's model.
        multipliers: Candidates, in the order that choices count them.
        dataset: Its splits, as they are run.
        settings: Options of the run.
    """
    import onnxruntime

    import hawx_onnx

    return {
        "model": hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest(),
        "data": dataset.fingerprint,
        "multipliers": [[one.name, one.content_hash] for one in multipliers],
        "seed": settings.seed,
        "calibration": settings.calibration,
        "activations": settings.activations,
        "bias correction": settings.bias_correction,
        "layers in float": list(settings.keep_float),
        "functions": settings.functions,
        "folded biases": settings.fold_bias,
        "metric": settings.metric or "accuracy",
        "hawx-onnx": hawx_onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        **({"passes of plug-ins": _passes(settings)} if settings.passes else {}),
    }


def _passes(settings: Settings) -> list[str]:
    """Passes of plug-ins, with the versions of the packages that bring them."""
    known = installed(PASSES)
    return [
        f"{name} of {known[name].package} {known[name].version}"
        for name in dict.fromkeys(settings.passes)
    ]


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What two origins differ in, in words; ``there`` is the journal's."""
    found = []
    for key in dict.fromkeys((*here, *there)):
        old, new = there.get(key), here.get(key)
        if old == new:
            continue
        if key == "multipliers":
            found += _multipliers(dict(old or ()), dict(new or ()))
        elif key in ("model", "data"):
            found.append(f"{key}: {_OTHER}")
        else:
            found.append(f"{key}: {old} there, {new} here")
    return found


def _multipliers(old: dict[str, str], new: dict[str, str]) -> list[str]:
    notes = [
        f"{name} is {'only there' if name in old else 'only here'}"
        for name in (*(n for n in old if n not in new), *(n for n in new if n not in old))
    ]
    notes += [f"{name} has another table" for name in old if new.get(name, old[name]) != old[name]]
    return [f"multipliers: {', '.join(notes[:4]) or 'in another order'}"]
