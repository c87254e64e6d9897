"""A realistic report: LeNet-5 on a temporal target, with hostile names on demand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

LAYERS = (
    ("/features/conv1/Conv", "Conv", 117_600, 6, 784),
    ("/features/conv2/Conv", "Conv", 240_000, 16, 100),
    ("/features/conv3/Conv", "Conv", 48_000, 120, 1),
    ("/classifier/fc1/Gemm", "Gemm", 10_080, 84, 1),
    ("/classifier/fc2/Gemm", "Gemm", 840, 10, 1),
)
MULTIPLIERS = (
    ("exact_signed", 0.0, 0.0, 1, 425.0, 729.8),
    ("mul8s_1KV9", 0.0064, 0.9, 2, 410.0, 685.2),
    ("mul8s_1KVA", 12.3, 47.0, 3, 391.0, 641.4),
    ("mul8s_1L2H", 81.0, 301.0, 1, 301.0, 558.6),
    ("mul8s_1L2D", 212.4, 912.0, 1, 200.0, 372.1),
    ("mul8s_1KTY", 343.8, 1613.0, 5, 237.0, 404.9),
)
# What the channels of the third layer got, in turn.
MIXED = [
    *(["mul8s_1L2H"] * 4 + ["mul8s_1L2D"] * 7) * 5,
    *(["mul8s_1L2H"] * 4 + ["exact_signed"] * 2 + ["mul8s_1L2D"] * 7) * 5,
]
BASE = {"power_mw": 28.41, "area_um2": 186_829.0, "energy_uj": 1.874, "latency_cycles": 13_192}


def _accuracy(correct: int, samples: int = 10_000) -> dict[str, Any]:
    p = correct / samples
    half = 1.96 * (p * (1 - p) / samples) ** 0.5
    return {
        "accuracy": p,
        "accuracy_ci95": [p - half, min(1.0, p + half)],
        "samples": samples,
        "correct": correct,
    }


def _costs(share: float) -> dict[str, Any]:
    return {
        "power_mw": BASE["power_mw"] * share,
        "area_um2": BASE["area_um2"] * (0.35 + 0.65 * share),
        "energy_uj": BASE["energy_uj"] * share,
        "latency_cycles": BASE["latency_cycles"],
    }


def _point(chosen: tuple[int, ...], noise: np.random.Generator) -> dict[str, Any]:
    macs = np.array([layer[2] for layer in LAYERS], float)
    energy = np.array([MULTIPLIERS[m][4] / MULTIPLIERS[0][4] for m in chosen])
    harm = np.array([(MULTIPLIERS[m][1] / 344) ** 1.5 for m in chosen])
    weight = np.array([0.03, 0.22, 0.18, 0.1, 0.35])
    accuracy = max(0.1, 0.9893 - float(harm @ weight) * 1.3 - 0.0004 * float(noise.random()))
    names = {layer[0]: MULTIPLIERS[m][0] for layer, m in zip(LAYERS, chosen, strict=True)}
    return {
        "assignment": names,
        "predicted_accuracy": accuracy,
        "measured_accuracy": None,
        **_costs(0.3 + 0.7 * float(energy @ macs / macs.sum())),
        "on_front": False,
        "selected": False,
    }


def _pareto() -> list[dict[str, Any]]:
    noise = np.random.default_rng(7)
    chosen = list(itertools.product(range(len(MULTIPLIERS)), repeat=len(LAYERS)))
    picked = [0, *sorted(noise.choice(len(chosen), 600, replace=False).tolist())]
    found = [_point(chosen[i], noise) for i in picked]
    best = 0.0
    for point in sorted(found, key=lambda p: (p["power_mw"], -p["predicted_accuracy"])):
        if point["predicted_accuracy"] > best:
            best = point["predicted_accuracy"]
            point["on_front"] = True
            shift = 0.004 * float(noise.standard_normal())
            point["measured_accuracy"] = min(1.0, max(0.0, best + shift))
    found[0]["measured_accuracy"] = 0.9891
    measured = [p for p in found[1:] if p["measured_accuracy"] is not None]
    noise.shuffle(measured)  # type: ignore[arg-type]
    for order, point in enumerate(measured, 1):
        point.update(order=order, meets_budget=point["measured_accuracy"] >= 0.9791)
    front = [p for p in found if p["on_front"] and p["measured_accuracy"] >= 0.9791]
    min(front, key=lambda p: p["power_mw"])["selected"] = True
    return found


def _layers(assignment: dict[str, str]) -> list[dict[str, Any]]:
    rows = []
    for index, (name, op, macs, channels, _) in enumerate(LAYERS):
        mixed = {assignment[name]: channels}
        if index == 2:
            mixed = {one: MIXED.count(one) for one in dict.fromkeys(MIXED)}
        rows.append(
            {
                "name": name,
                "op": op,
                "macs": macs,
                "channels": channels,
                "multipliers": mixed,
                "sensitivity": (0.0021, 0.0143, 0.0082, 0.0038, None)[index],
                "reason": None,
                "compute_cycles": macs // 30,
                "utilization": (0.375, 0.98, 0.4688, 0.3281, 0.04)[index],
                "energy_uj": 1.4 * macs / 416_520,
            }
        )
    rows[-1]["reason"] = "exact: every candidate costs more accuracy than the budget leaves"
    rows[-1]["multipliers"] = {"exact_signed": 10}
    return rows


def _candidates() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "encoding": "signed",
            "mae": mae,
            "wce": wce,
            "mre": mae / 4000,
            "ep": min(1.0, mae / 100),
            "mse": mae**2 * 1.4,
            "mean_error": -mae / 3,
            "rank": rank,
            "energy_fj": energy,
            "area_um2": area,
            "delay_ns": 1.43,
            "technology": "45 nm",
            "provenance": "EvoApproxLib, synthesised with the 45 nm library",
            "sha256": f"{index:x}" * 64,
            "kernel": "exact" if not mae else f"rank-{rank}",
        }
        for index, (name, mae, wce, rank, energy, area) in enumerate(MULTIPLIERS)
    ]


def _reason(layer: str | None, multiplier: str | None, kept_by: str) -> dict[str, Any]:
    return {
        "layer": layer,
        "multiplier": multiplier,
        "changes": {},
        "adds_type": False,
        "predicted_accuracy_drop": None,
        "kept_by": kept_by,
        "text": f"{multiplier or 'no candidate'} would save nothing",
    }


def build_report() -> dict[str, Any]:
    pareto = _pareto()
    selected = next(p for p in pareto if p["selected"])
    costs = {key: selected[key] for key in BASE}
    share = costs["power_mw"] / BASE["power_mw"]
    return {
        "schema_version": 1,
        "created": "2026-01-01T00:00:00Z",
        "command": "hawx-onnx optimize lenet5.onnx --data mnist.npz --library evoapprox "
        "--target temporal --max-accuracy-drop 0.01 -o out",
        "model": {
            "path": "models/lenet5/lenet5.onnx",
            "name": "lenet5",
            "sha256": "ab" * 32,
            "opset": 17,
            "nodes": 14,
            "candidate_nodes": 5,
        },
        "data": {
            "source": "mnist.npz",
            "labelled": True,
            "metric": "accuracy",
            "splits": {"calibration": 512, "validation": 2048, "test": 10_000},
            "note": "Handwritten digits, 28 x 28.",
        },
        "target": {"name": "temporal-16x16", "kind": "temporal", "frequency_mhz": 500.0},
        "granularity": "filter",
        "objective": "power",
        "operands": "own",
        "budget": {"max_accuracy_drop": 0.01, "max_power_mw": None, "max_area_um2": None},
        "candidates": _candidates(),
        "float": _accuracy(9893),
        "baseline": {**_accuracy(9891), **BASE},
        "selected": {
            **_accuracy(9842),
            **costs,
            "assignment": {**selected["assignment"], LAYERS[2][0]: MIXED},
            "validation_accuracy": selected["measured_accuracy"],
        },
        "accuracy_drop": 0.0049,
        "accuracy_drop_ci95": [0.0029, 0.0069],
        "savings": {
            "power": 1 - share,
            "area": 1 - costs["area_um2"] / BASE["area_um2"],
            "energy": 1 - share,
            "latency": 0.0,
            "multiplication_energy": (1 - share) / 0.7,
        },
        "pareto": pareto,
        "layers": _layers(selected["assignment"]),
        "types": {
            name: {"multipliers": 256, "macs": 100_000 * index, "utilization": 0.1 * index}
            for index, (name, *_) in enumerate(MULTIPLIERS[:3])
        },
        "reasons": {
            "shared": ["all layers share the array"],
            "layers": [_reason(layer[0], "mul8s_1KTY", "accuracy") for layer in LAYERS],
            "everywhere": [_reason(None, None, "none")] * 3,
        },
        "search": {
            "method": "hawx",
            "evaluations": 34,
            "seconds": 12.84,
            "scoring_seconds": 3.1,
            "solving_seconds": 0.42,
            "measuring_seconds": 9.3,
            "space_size": 6**236,
            "exhaustive_seconds_estimate": 4.2e180,
            "speedup": 3.3e179,
        },
        "predictor": {
            "accuracy_spearman": 0.943,
            "accuracy_mae": 0.0031,
            "power_spearman": 1.0,
            "area_spearman": None,
            "learnt": {
                "method": "catboost",
                "assignments": 21,
                "fitted_on": 33,
                "quality": {
                    "spearman": 0.81,
                    "mae": 0.0024,
                    "budget_spearman": 0.62,
                    "budget_mae": 0.0017,
                },
                "methods": {},
                "budget_assignments": 17,
                "regret_drop": 0.004,
                "regret_cost": -0.012,
            },
        },
        "kernels": {name: f"rank-{rank}" for name, _, _, rank, _, _ in MULTIPLIERS},
        "environment": {
            "versions": {"hawx-onnx": "0.1.0", "onnx": "1.23.2", "onnxruntime": "1.32.0"},
            "cpu": ["avx2", "avx512f", "avx512_vbmi", "avx512_vnni"],
            "isa": "avx512_vbmi",
            "threads": 2,
            "seed": 0,
            "platform": "Linux x86_64, Python 3.11.2",
        },
        "warnings": [
            "The test split was cut from the archive's 'test' part.",
            "Layer /classifier/fc2/Gemm was left exact.",
        ],
    }


def build_sensitivity() -> dict[str, Any]:
    names = [name for name, *_ in MULTIPLIERS[1:]]
    harm = np.array([(m[1] / 344) ** 1.5 for m in MULTIPLIERS[1:]])
    weight = np.array([0.03, 0.22, 0.18, 0.1, 0.35])
    drop = 1.3 * np.outer(weight, harm)
    drop[3, 1] = np.nan
    return {
        "layers": [layer[0] for layer in LAYERS],
        "multipliers": names,
        "layer_level": {"accuracy_drop": drop.tolist(), "output_mse": (drop * 12).tolist()},
        "multiplication_energy": {
            "technology": ["45 nm"] * len(names),
            "uniform_fj": [energy for *_, energy, _ in MULTIPLIERS[1:]],
            "own_fj": [
                [
                    None if name == "mul8s_1KTY" else energy / (2 + index)
                    for name, *_, energy, _ in MULTIPLIERS[1:]
                ]
                for index in range(len(LAYERS))
            ],
        },
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """A report as ``optimize`` writes it."""
    return build_report()


@pytest.fixture
def sensitivity() -> dict[str, Any]:
    """A sensitivity of the same run; one cell was not measured."""
    return build_sensitivity()


@pytest.fixture
def hostile(report: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """Returns a report in which every free text is the given one."""

    def infect(name: str) -> dict[str, Any]:
        for part, keys in {
            "model": ("path", "name"),
            "data": ("source", "note"),
            "target": ("name",),
            "search": ("method",),
            "environment": ("isa", "platform"),
        }.items():
            report[part].update(dict.fromkeys(keys, name))
        report["command"] = report["created"] = name
        report["warnings"] = [name]
        report["environment"]["cpu"] = [name]
        report["environment"]["versions"] = {name: name}
        report["selected"]["assignment"] = {name: [name] * 3 + ["other"] * 4}
        report["types"] = {name: {"multipliers": 1, "macs": 2, "utilization": 0.5}}
        report["reasons"]["shared"] = [name]
        for reason in (*report["reasons"]["layers"], *report["reasons"]["everywhere"]):
            reason.update(layer=name, kept_by=name, text=name)
        for layer in report["layers"]:
            layer.update(name=name, op=name, reason=name, multipliers={name: 3, "other": 4})
        for candidate in report["candidates"]:
            candidate.update(
                dict.fromkeys(("name", "technology", "provenance", "kernel", "sha256"), name)
            )
        for point in report["pareto"]:
            point["assignment"] = {name: [name, "other"]}
        return report

    return infect


@pytest.fixture
def costed() -> Callable[[str], dict[str, Any]]:
    """Returns what ``cost`` tells of two layers on a target, the first one approximate."""
    from hawx_onnx import components
    from hawx_onnx.hardware import LayerWorkload, load_target
    from hawx_onnx.report.build import savings

    layers = (
        LayerWorkload("first", "Conv", 64, 8, 9),
        LayerWorkload("second", "Gemm", 1, 10, 512),
    )
    exact, cheap = components.load("mul8s_exact"), components.load("mul8s_trunc3")

    def document(target: str) -> dict[str, Any]:
        report = load_target(target).cost(layers, {"first": cheap}, exact)
        baseline = load_target(target).cost(layers, {}, exact)
        return {
            **report.to_dict(),
            "baseline": baseline.to_dict()["total"],
            "savings": savings(baseline.total, report.total),
            "operands": "uniform",
        }

    return document
