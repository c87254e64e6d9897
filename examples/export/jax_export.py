"""A JAX network (Flax NNX) to ONNX, by jax2onnx.

    pip install jax2onnx flax optax
    python examples/export/jax_export.py -o out/jax
    hawx-onnx optimize out/jax/model.onnx --data out/jax/data.npz -o out/jax/hawx

Trains a small convolutional network on scikit-learn's digits, a minute at most, and writes
``model.onnx`` and ``data.npz`` with the images that it was not trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import numpy as np
import optax
from flax import nnx
from jax2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Network(nnx.Module):
    """Two convolutions and a linear layer: images [N, 8, 8, 1] to logits [N, 10]."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(1, 16, (3, 3), rngs=rngs)
        self.conv2 = nnx.Conv(16, 32, (3, 3), strides=2, rngs=rngs)
        self.linear = nnx.Linear(512, 10, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Returns the logits."""
        maps = nnx.relu(self.conv2(nnx.relu(self.conv1(images))))
        return self.linear(maps.reshape(maps.shape[0], -1))


@nnx.jit
def step(network: Network, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> None:
    """Makes one training step, in place."""

    def loss(network: Network) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(network(x), y).mean()

    optimizer.update(network, nnx.grad(loss)(network))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="JAX to ONNX")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/jax"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    x_train, x_rest, y_train, y_rest = train_test_split(
        x, y, test_size=0.5, random_state=0, stratify=y
    )
    network = Network(nnx.Rngs(0))
    optimizer = nnx.Optimizer(network, optax.adam(2e-3), wrt=nnx.Param)
    order = np.random.default_rng(0)
    for _ in range(options.epochs):
        # Batches of one size: another one would be compiled anew.
        for rows in order.permutation(len(x_train))[:896].reshape(-1, 64):
            step(network, optimizer, x_train[rows], y_train[rows])
    # A name in place of a number leaves the batch open.
    path = options.output / "model.onnx"
    to_onnx(network, [("N", 8, 8, 1)], return_mode="file", output_path=str(path))
    np.savez(options.output / "data.npz", x=x_rest, y=y_rest)


if __name__ == "__main__":
    main()
