"""What compensation gains: ResNet-20 / CIFAR-10, one multiplier in every layer.

    python benchmarks/compensation.py [--quick] [--multipliers A,B] [--test-images N]

Reads the network, the images and the multipliers of EvoApproxLib from the reference collection.
Layers are measured on 256 calibration images; `compensate` keeps what gains on validation images;
all accuracies printed are of test images that neither has seen. A column for each pass alone,
whether it gains or not, and the last one for `compensate`, with the passes that it kept.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.passes.compensate import compensate
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layerwise import exact_outputs
from hawx_onnx.passes.map_weights import MapWeights
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.rescale import Rescale
from hawx_onnx.preparation import quantized_state
from hawx_onnx.runtime.evaluate import Accuracy, accuracy

PREPROCESSING = "scale: 255\nmean: [0.485, 0.456, 0.406]\nstd: [0.229, 0.224, 0.225]\n"
# Calibration images that layers are measured on.
SAMPLES = 256
SHARED = Path(__file__).resolve().parents[2] / "shared"
CALIBRATION, VALIDATION = 512, 2000


def load(shared: Path, test_images: int, threads: int) -> PassState:
    """ResNet-20 as int8, all signed multipliers of EvoApproxLib, and the three splits."""
    source = load_model(shared / "data/models/resnet20_cifar10_fp32.onnx")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cifar.yaml")
        path.write_text(PREPROCESSING, encoding="utf-8")
        preprocessing = Preprocessing.from_yaml(path)
    parts = {}
    for name in ("train", "test"):
        with np.load(shared / f"data/cifar10_{name}_5k.npz", allow_pickle=False) as stored:
            images = preprocessing.apply(stored["x"], model_input(source), where=name)
            parts[name] = images, stored["y"].astype(np.int64)
    x, y = parts["train"]
    end = CALIBRATION + VALIDATION
    splits = (
        Split("calibration", x[:CALIBRATION], y[:CALIBRATION]),
        Split("validation", x[CALIBRATION:end], y[CALIBRATION:end]),
        Split("test", *(values[:test_images] for values in parts["test"])),
    )
    found = components.load_library(shared / "evoapprox/tables.npz")
    signed = [m for m in found if m.encoding.codes_signed and not m.is_exact]
    multipliers = (components.exact(signed[0].encoding), *signed)
    dataset = Dataset("CIFAR-10", *splits, note="")
    state = quantized_state(source, dataset, multipliers, lambda text: None)
    return Calibrate(threads)(state)


def on_test(state: PassState, threads: int) -> Accuracy:
    """Accuracy of a state's model under its assignment."""
    assert state.dataset is not None and state.assignment is not None
    test = state.dataset.test
    assert test.y is not None
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, threads)
    return accuracy(probe.outputs(state.assignment, test.x), test.y)


def assigned(state: PassState, multiplier: Multiplier) -> PassState:
    """One multiplier in every layer."""
    chosen = Assignment.of({c.name: multiplier.name for c in state.candidates})
    return state.replace(assignment=chosen, multipliers=(state.multipliers[0], multiplier))


def main() -> None:
    """Prints one row for each multiplier."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED, help="reference collection")
    parser.add_argument("--multipliers", default="", help="names, separated by commas")
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one multiplier, 200 test images")
    args = parser.parse_args()
    if args.quick:
        args.multipliers, args.test_images = "mul8s_1L2D", 200
    if not args.shared.is_dir():
        print(f"left out: {args.shared} is missing")
        return
    state = load(args.shared, args.test_images, args.jobs)
    exact = exact_outputs(state, SAMPLES, args.jobs)
    passes: dict[str, Callable[[PassState], PassState]] = {
        "fold": FoldBias(exact, threads=args.jobs),
        "map": MapWeights(args.jobs),
        "rescale": Rescale(exact, threads=args.jobs),
    }
    baseline = on_test(state.replace(assignment=Assignment(())), args.jobs)
    low, high = (100 * bound for bound in baseline.ci95)
    print(f"exact int8: {100 * baseline.value:.2f} % ({low:.2f} to {high:.2f})")
    print("| multiplier | none | fold | map | rescale | compensate | kept |")
    print("|---|---|---|---|---|---|---|")
    wanted = [name for name in args.multipliers.split(",") if name]
    for multiplier in state.multipliers[1:]:
        if wanted and multiplier.name not in wanted:
            continue
        start = assigned(state, multiplier)
        made = compensate(start, samples=SAMPLES, threads=args.jobs)
        states = [start, *(one(start) for one in passes.values()), made.state]
        cells = [f"{100 * on_test(one, args.jobs).value:.2f}" for one in states]
        kept = ", ".join(made.compensation.passes) if made.compensation else "-"
        print(f"| {multiplier.name} | {' | '.join(cells)} | {kept} |", flush=True)


if __name__ == "__main__":
    main()
