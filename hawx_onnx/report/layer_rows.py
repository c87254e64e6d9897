"""The layers of a report: what each node that multiplies got, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from hawx_onnx.hardware import CostReport
from hawx_onnx.prepared import Prepared
from hawx_onnx.sensitivity import Sensitivity


def layer_sensitivity(sensitivity: Sensitivity) -> dict[str, float]:
    """Layer -> mean over the approximate candidates of the RMS change of the network's outputs.

    Relative to the RMS of the exact outputs about their mean.
    """
    spread = float(np.std(sensitivity.baseline)) or 1.0
    rms = np.sqrt(sensitivity.output_mse()[:, 1:]) / spread
    means = rms.mean(axis=1) if rms.shape[1] else np.zeros(len(sensitivity.layers))
    return dict(zip(sensitivity.layers, (float(v) for v in means), strict=True))


def layers_block(prepared: Prepared, cost: CostReport) -> list[dict[str, Any]]:
    """Every node that multiplies: candidates with their choice, the others with the reason."""
    assert prepared.state.sensitivity is not None
    exact = prepared.state.multipliers[0].name
    scores = layer_sensitivity(prepared.state.sensitivity)
    rows: list[dict[str, Any]] = []
    for layer, candidate in zip(cost.layers, prepared.state.candidates, strict=True):
        kept = set(layer.multipliers) == {exact}
        rows.append(
            {
                **asdict(layer),
                "channels": candidate.channels,
                "sensitivity": scores[layer.name],
                "reason": "the search keeps it exact" if kept else None,
            }
        )
    rows += [
        {
            "name": note.node,
            "op": note.op,
            "macs": None,
            "channels": None,
            "multipliers": {},
            "sensitivity": None,
            "reason": note.reason,
            "compute_cycles": None,
            "utilization": None,
            "energy_uj": None,
        }
        for note in prepared.state.left_exact
    ]
    return rows
