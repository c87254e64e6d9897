"""Speed of whole rewritten networks against the same networks in onnxruntime's own int8 form.

    python benchmarks/networks.py [--quick | --targets] [--networks A,B] [--json FILE]

Every layer that takes a multiplier is given the same one: one of a single product (rank 1), then
one whose table has no structure. The other side is the float network quantised by onnxruntime's
static quantiser with uint8 activations and int8 weights per channel, its fast path. All take turns
in one process. LeNet-5 comes with this repository; ResNet-20 is read from the collection beside
the checkout (shared/data) and left out where that is missing. A line is called disturbed where
other programs had the cores too often: repeat it, or use --wait.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from side_by_side.markdown import network_table
from side_by_side.nodes import bound_run
from side_by_side.turns import Contender, take_turns

import hawx_onnx
from hawx_onnx import models
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MULTIPLIERS = {"rank 1": "mul8s_trunc2", "general": "mul8sm_mitchell"}
LIMIT = 1.5  # times onnxruntime's own, with a multiplier of rank 1
BATCHES = (1, 16)


@dataclass(frozen=True)
class Network:
    """A float network and its data.

    Attributes:
        name: What it is called in results.
        path: The ONNX file.
        data: What ``--data`` takes; None for the reference network's own.
        preprocessing: Of the data; empty where the model's card tells it.
    """

    name: str
    path: Path
    data: Path | None = None
    preprocessing: dict[str, object] = field(default_factory=dict)


def networks() -> tuple[Network, ...]:
    """Every network of this benchmark, whether its files are there or not."""
    cifar = {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    resnet = DATA / "models" / "resnet20_cifar10_fp32.onnx"
    return (
        Network("LeNet-5", models.reference("lenet5").path),
        Network("ResNet-20", resnet, DATA / "cifar10_test_5k.npz", cifar),
    )


def options_of(network: Network, folder: Path) -> dict[str, Any]:
    """The options that ``hawx_onnx.apply`` takes for a network's data."""
    options: dict[str, Any] = {"jobs": 1, "validation_samples": 2}
    if network.data is not None:
        options["data"] = str(network.data)
    if network.preprocessing:
        file = folder / "preprocessing.yaml"
        file.write_text(json.dumps(network.preprocessing))  # JSON is YAML
        options["preprocess"] = str(file)
    return options


def stock_model(source: onnx.ModelProto, dataset: Dataset, folder: Path) -> onnx.ModelProto:
    """The network as onnxruntime quantises it: QDQ, uint8 activations, int8 weights per channel."""
    from onnxruntime import quantization as ortq
    from onnxruntime.quantization.shape_inference import quant_pre_process

    name = model_input(source).name
    batches = iter(np.array_split(dataset.calibration.x, 4))

    class Reader(ortq.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(batches, None)
            return None if batch is None else {name: batch}

    prepared, quantised = folder / "prepared.onnx", folder / "quantised.onnx"
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    ortq.quantize_static(
        prepared,
        quantised,
        Reader(),
        quant_format=ortq.QuantFormat.QDQ,
        per_channel=True,
        activation_type=ortq.QuantType.QUInt8,
        weight_type=ortq.QuantType.QInt8,
    )
    return onnx.load(quantised)


def variants(network: Network) -> tuple[dict[str, onnx.ModelProto], np.ndarray]:
    """The models to measure, onnxruntime's own first, and samples to run them on."""
    layers = [layer["name"] for layer in hawx_onnx.cost(network.path)["layers"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = options_of(network, folder)
        source = load_model(network.path)
        dataset = load_data(source, Settings.of(options))
        found = {"int8": stock_model(source, dataset, folder)}
        for case, multiplier in MULTIPLIERS.items():
            assignment = dict.fromkeys(layers, multiplier)
            found[case] = hawx_onnx.apply(network.path, assignment, **options)
    return found, dataset.calibration.x[: max(BATCHES)]


def measure(
    network: Network, threads: Sequence[int], repeats: int, patience: float
) -> list[dict[str, Any]]:
    """Rows of results: every model with each batch and number of threads."""
    found, samples = variants(network)
    rows = []
    for batch in BATCHES:
        keys = [(case, count) for count in sorted(threads) for case in found]
        contenders = [
            Contender(bound_run(found[case], samples[:batch], count)[0], count)
            for case, count in keys
        ]
        timings = dict(zip(keys, take_turns(contenders, repeats, patience), strict=True))
        rows += [
            {
                "network": network.name,
                "batch": batch,
                "case": case,
                "multiplier": MULTIPLIERS.get(case),
                "threads": count,
                "ms": 1e3 * timing.median,
                "of_int8": timing.median / timings["int8", count].median,
                "disturbed": timing.disturbed,
            }
            for (case, count), timing in timings.items()
        ]
    return rows


def print_rows(rows: Sequence[dict[str, Any]], targets: bool) -> None:
    """Prints the results of one network."""
    print(f"\n{rows[0]['network']:20}{'batch':>6}{'threads':>8}{'ms':>10}{'of int8':>9}")
    for row in rows:
        verdict = "  disturbed" if row["disturbed"] else ""
        if targets and row["case"] == "rank 1":
            met = row["of_int8"] <= LIMIT
            verdict += f"  {'pass' if met else 'short'}, limit {LIMIT}"
        print(
            f"{row['case']:20}{row['batch']:6}{row['threads']:8}{row['ms']:10.3f}"
            f"{row['of_int8']:9.2f}{verdict}"
        )


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="", help="names, separated by commas")
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default: 1,2)")
    parser.add_argument("--repeats", type=int, default=40, help="timed runs of each (default: 40)")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds for each batch to outwait other programs"
    )
    parser.add_argument("--quick", action="store_true", help="LeNet-5 alone, few runs")
    parser.add_argument("--targets", action="store_true", help="hold the figures to the target")
    parser.add_argument("--markdown", action="store_true", help="table for docs/performance.md")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    every = {network.name: network for network in networks()}
    names = [word.strip() for word in args.networks.split(",") if word.strip()]
    names = names or (["LeNet-5"] if args.quick else list(every))
    rows: list[dict[str, Any]] = []
    for name in names:
        if name not in every:
            parser.error(f"--networks: there is no {name!r}; there are {', '.join(every)}")
        if not every[name].path.is_file():
            print(f"\n{name} is left out: shared/data is not beside this checkout")
            continue
        measured = measure(
            every[name],
            [int(word) for word in args.threads.split(",")],
            min(args.repeats, 5) if args.quick else args.repeats,
            args.wait,
        )
        print_rows(measured, args.targets)
        rows += measured
    if args.markdown and rows:
        print("", network_table(rows), sep="\n")
    if args.json:
        Path(args.json).write_text(json.dumps({"rows": rows, "limit": LIMIT}, indent=1))


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser advises what is done already
    main()
