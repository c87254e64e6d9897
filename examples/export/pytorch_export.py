"""A PyTorch network to ONNX, by either of torch's exporters.

    pip install torch onnxscript
    python examples/export/pytorch_export.py --exporter dynamo -o out/pytorch
    hawx-onnx optimize out/pytorch/model.onnx --data out/pytorch/data.npz -o out/pytorch/hawx

Trains a small convolutional network on scikit-learn's digits, a minute at most, and writes
``model.onnx`` and ``data.npz`` with the images that it was not trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional


def make_network() -> nn.Module:
    """Returns an untrained network: images [N, 1, 8, 8] to logits [N, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def train(network: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """Trains in place and leaves the network in evaluation mode, which exporters need."""
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(64):
            loss = functional.cross_entropy(network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()


def export_classic(network: nn.Module, x: torch.Tensor, path: Path) -> None:
    """Exports by TorchScript: nodes are named after modules, batch normalisation is folded."""
    torch.onnx.export(
        network,
        (x,),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "N"}, "logits": {0: "N"}},
        opset_version=17,
        dynamo=False,
    )


def export_dynamo(network: nn.Module, x: torch.Tensor, path: Path) -> None:
    """Exports by torch.export, the default of newer releases."""
    program = torch.onnx.export(
        network,
        (x,),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        dynamo=True,
    )
    program.save(str(path), external_data=False)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="PyTorch to ONNX")
    parser.add_argument("--exporter", choices=("classic", "dynamo"), default="dynamo")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/pytorch"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    x = (digits.images[:, None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    x_train, x_rest, y_train, y_rest = train_test_split(
        x, y, test_size=0.5, random_state=0, stratify=y
    )
    torch.manual_seed(0)
    network = make_network()
    train(network, x_train, y_train, options.epochs)
    export = export_classic if options.exporter == "classic" else export_dynamo
    # Two samples: an exporter may take an extent of one for a constant.
    export(network, torch.from_numpy(x_train[:2]), options.output / "model.onnx")
    np.savez(options.output / "data.npz", x=x_rest, y=y_rest)


if __name__ == "__main__":
    main()
