"""A Keras network to ONNX, by Keras itself or by tf2onnx from a TensorFlow SavedModel.

    pip install tensorflow-cpu tf2onnx
    python examples/export/keras_export.py -o out/keras
    hawx-onnx optimize out/keras/model.onnx --data out/keras/data.npz -o out/keras/hawx

Trains a small network with a depthwise convolution on scikit-learn's digits, a minute at most, and
writes ``model.onnx`` and ``data.npz`` with the images that it was not trained on. With
``--saved-model`` it goes through a folder ``saved_model`` and the command line of tf2onnx, as any
other TensorFlow program can.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def make_network() -> keras.Model:
    """Returns an untrained network: images [N, 8, 8, 1] to logits [N, 10]."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="images"),
            layers.Conv2D(16, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def export_saved_model(network: keras.Model, folder: Path) -> None:
    """Writes a SavedModel and converts it; the batch stays open."""
    network.export(str(folder / "saved_model"), verbose=False)
    convert = [sys.executable, "-m", "tf2onnx.convert", "--opset", "17"]
    convert += ["--saved-model", str(folder / "saved_model")]
    subprocess.run([*convert, "--output", str(folder / "model.onnx")], check=True)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Keras to ONNX")
    parser.add_argument("--saved-model", action="store_true", help="go through a SavedModel")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/keras"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    x_train, x_rest, y_train, y_rest = train_test_split(
        x, y, test_size=0.5, random_state=0, stratify=y
    )
    keras.utils.set_random_seed(0)
    network = make_network()
    network.compile(
        keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    network.fit(x_train, y_train, batch_size=64, epochs=options.epochs, verbose=0)
    if options.saved_model:
        export_saved_model(network, options.output)
    else:
        network.export(str(options.output / "model.onnx"), format="onnx", verbose=False)
    np.savez(options.output / "data.npz", x=x_rest, y=y_rest)


if __name__ == "__main__":
    main()
