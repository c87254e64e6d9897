"""What int8 alone loses, by way of quantisation: the table of docs/models.md.

    python benchmarks/quantization.py [--models A,B] [--encodings signed,unsigned] [--share 0.2]

Each network is quantised on its calibration samples, without correction of biases, with it, and
with asymmetric activations besides. Accuracy, agreement with the float network, and the drop
against it with its paired 95 % interval are of all samples that it was not quantised on. The
collection is read from beside the checkout (shared/data).
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from collection.networks import NETWORKS, Network, write_data

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.model import load_model
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.preparation import quantized_state
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.evaluate import Accuracy, classes, paired_drop
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings
from hawx_onnx.signal_noise import snr_db

MODELS = (
    "mobilenet_v1_0.25_224_imagenet_fp32_keras,squeezenet1.0_deepcomp_imagenet_fp32,"
    "efficientnet_lite0_flowers5_fp32,mlperf_tiny_resnet8_cifar10_fp32_keras"
)
WAYS = {
    "not corrected": {"bias_correction": False},
    "default": {},
    "asymmetric": {"activations": "asymmetric"},
}


def loaded(network: Network, share: float) -> tuple[onnx.ModelProto, Dataset, Settings]:
    """A network, its samples, and the settings that name them."""
    with tempfile.TemporaryDirectory() as name:
        flags = write_data(network, Path(name), share)
        given = dict(zip(flags[::2], flags[1::2], strict=True))
        settings = Settings(data=given["--data"], preprocess=given.get("--preprocess"), jobs=1)
        model = load_model(network.path)
        data = load_data(model, settings)
        # The files go with the folder.
        splits = {s.name: dataclasses.replace(s, x=np.array(s.x[:])) for s in data.splits}
    return model, dataclasses.replace(data, **splits), settings


def rows(network: Network, encodings: Sequence[Encoding], share: float) -> Iterator[str]:
    """The lines of the table for one network."""
    model, data, settings = loaded(network, share)
    x, y = (
        np.concatenate([getattr(one, key) for one in (data.validation, data.test)]) for key in "xy"
    )
    floats = classes(Runner(model, threads=1).run(x))
    exact = Runner(model, threads=1).run(data.calibration.x)
    right = floats == y
    yield f"| {network.name} | float | | {100 * right.mean():.1f} % | | | |"
    for encoding in encodings:
        for way, options in WAYS.items():
            if encoding is Encoding.UNSIGNED and "activations" in options:
                continue
            changed = dataclasses.replace(settings, **options)
            one = (components.exact(encoding),)
            state = quantized_state(
                model, data, one, lambda text: None, settings.memory_bytes, changed
            )
            runner = Runner(exact_form(state), threads=1)
            noise = snr_db(exact, runner.run(data.calibration.x))
            found = classes(runner.run(x))
            drop, (low, high) = paired_drop(*(Accuracy(r) for r in (right, found == y)))
            yield (
                f"| | {encoding.value} | {way} | {100 * (found == y).mean():.1f} % "
                f"| {100 * drop:.1f} ({100 * low:.1f} to {100 * high:.1f}) "
                f"| {100 * (found == floats).mean():.1f} % | {noise:.1f} dB |"
            )


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--encodings", default="signed,unsigned")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of samples")
    args = parser.parse_args()
    names = args.models.split(",")
    print("| network | codes | quantised | accuracy | drop, points | agreement | output |")
    print("| --- | --- | --- | --: | --: | --: | --: |")
    for network in NETWORKS:
        if network.name in names and network.path.exists():
            encodings = [Encoding(word) for word in args.encodings.split(",")]
            for line in rows(network, encodings, args.share):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
