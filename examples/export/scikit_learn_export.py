"""A scikit-learn perceptron to ONNX, by skl2onnx.

    pip install skl2onnx
    python examples/export/scikit_learn_export.py -o out/sklearn
    hawx-onnx optimize out/sklearn/model.onnx --data out/sklearn/data.npz -o out/sklearn/hawx

Trains a perceptron of two hidden layers on scikit-learn's digits, in seconds, and writes
``model.onnx`` and ``data.npz`` with the images that it was not trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="scikit-learn to ONNX")
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/sklearn"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    x = (digits.data / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    x_train, x_rest, y_train, y_rest = train_test_split(
        x, y, test_size=0.5, random_state=0, stratify=y
    )
    network = MLPClassifier((64, 32), max_iter=options.iterations, random_state=0)
    network.fit(x_train, y_train)
    # Without zipmap the probabilities are an array, not a list of dictionaries.
    model = to_onnx(network, x_train[:1], options={"zipmap": False})
    (options.output / "model.onnx").write_bytes(model.SerializeToString())
    np.savez(options.output / "data.npz", x=x_rest, y=y_rest)


if __name__ == "__main__":
    main()
