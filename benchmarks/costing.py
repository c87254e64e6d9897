"""Time to cost assignments of ResNet-18 (224 x 224) with a multiplier for each channel.

    python benchmarks/costing.py [--repeats N] [--arrays]

Two sides: one assignment at a time, with all its layers (`Target.cost`), and a thousand at once,
the totals alone (`Target.cost_many`); both give the same totals. Limits: 5 ms for one, 1 s for a
thousand. Processor times, so that other programs do not count; the least of the repeats. Exits with
1 where a limit does not hold. --arrays holds multi-mode and partitioned arrays against each other
instead, on ResNet-18 for 32 x 32 images.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from peers.networks import resnet18

from hawx_onnx import components
from hawx_onnx.hardware import Target, load_target

CANDIDATES = ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2", "mul8s_trunc3")
MANY = 1000
ONE_SECONDS, MANY_SECONDS = 5e-3, 1.0
FIELDS = ("power_mw", "area_um2", "energy_uj", "latency_cycles")


def targets() -> dict[str, Target]:
    """Every kind of target, at its preset."""
    array = load_target("temporal")
    return {
        "temporal, multi-mode": array,
        "temporal, partitioned": array.override(heterogeneity="partitioned"),
        "soft GPU": load_target("temporal-softgpu"),
        "spatial": load_target("spatial"),
    }


def least(call: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest of some calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def compare_arrays() -> None:
    """Prints area, energy and latency of both kinds of array, for choices by channel and layer."""
    layers, rng = resnet18(32, 10), np.random.default_rng(0)
    types = [components.load(name) for name in ("mul8s_exact", "mul8s_trunc2", "mul8s_trunc3")]
    shares = (0.25, 0.25, 0.5)
    by_channel = {
        work.name: [types[m] for m in np.sort(rng.choice(3, work.filters, p=shares))]
        for work in layers
    }
    drawn = rng.choice(3, len(layers), p=shares)
    by_layer = {work.name: types[m] for work, m in zip(layers, drawn, strict=True)}
    choices = {"all exact": {}, "by channel": by_channel, "by layer": by_layer}
    print("| array | choice | area (mm²) | energy (µJ) | latency (cycles) | columns |")
    print("|---|---|---|---|---|---|")
    for array in ("multi-mode", "partitioned"):
        target = load_target("temporal").override(heterogeneity=array)
        for choice, assignment in choices.items():
            report = target.cost(layers, assignment, types[0])
            total, rows = report.total, target.rows
            columns = ", ".join(f"{n} {u.multipliers // rows}" for n, u in report.types.items())
            print(
                f"| {array} | {choice} | {total.area_um2 / 1e6:.2f} | {total.energy_uj:,.0f} "
                f"| {total.latency_cycles:,} | {columns} |"
            )


def main() -> int:
    """Prints a line for each target; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--arrays", action="store_true", help="compare kinds of array instead")
    args = parser.parse_args()
    if args.arrays:
        compare_arrays()
        return 0
    layers = resnet18(224, 1000)
    multipliers = [components.load(name) for name in CANDIDATES]
    rng = np.random.default_rng(0)
    picks = [rng.integers(0, len(CANDIDATES), (MANY, work.filters)) for work in layers]
    channels = np.stack(
        [[np.bincount(row, minlength=len(CANDIDATES)) for row in pick] for pick in picks], axis=1
    )
    assignment = {
        work.name: [multipliers[m] for m in pick[0]]
        for work, pick in zip(layers, picks, strict=True)
    }
    channel_count = sum(work.filters for work in layers)
    print(f"ResNet-18: {len(layers)} layers, {channel_count:,} channels, {len(CANDIDATES)} types")
    print(f"{'target':24}{'one (ms)':>12}{'1000 (s)':>12}{'each (ms)':>12}")
    slow = False
    for name, target in targets().items():
        report = target.cost(layers, assignment, multipliers[0])
        many = target.cost_many(layers, multipliers, channels)
        for field in FIELDS:
            np.testing.assert_allclose(getattr(many, field)[0], getattr(report.total, field))
        one = least(lambda: target.cost(layers, assignment, multipliers[0]), args.repeats)  # noqa: B023
        all_ = least(lambda: target.cost_many(layers, multipliers, channels), args.repeats)  # noqa: B023
        print(f"{name:24}{1e3 * one:12.2f}{all_:12.3f}{1e3 * all_ / MANY:12.4f}")
        slow |= one > ONE_SECONDS or all_ > MANY_SECONDS
    print("a limit does not hold" if slow else "limits of 5 ms and 1 s hold")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
