"""Trains reference networks: ``python -m hawx_onnx.models train lenet5``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import sys
from pathlib import Path

from hawx_onnx.errors import HawxError, LibraryError
from hawx_onnx.models import reference, reference_names


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m hawx_onnx.models", description="Reference networks."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="list the networks with their files and test accuracy")
    train = verbs.add_parser("train", help="train a network anew (needs torch)")
    train.add_argument("name", help=f"the network: {', '.join(reference_names())}")
    train.add_argument(
        "--out", type=Path, help="ONNX file to write, with card.yaml beside it (default NAME.onnx)"
    )
    train.add_argument("--epochs", type=_positive, help="passes over the training split")
    train.add_argument("--seed", type=int, help="seed of weights, order and augmentation")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if options.verb == "list":
            _list()
        else:
            _train(options.name, options.out, options.epochs, options.seed)
    except HawxError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _list() -> None:
    """Writes one line for each network."""
    for name in reference_names():
        network = reference(name)
        accuracy = network.card["accuracy"]["test"]["accuracy"]
        sys.stdout.write(f"{name}  {accuracy:.2%} on {network.dataset}  {network.path}\n")


def _train(name: str, out: Path | None, epochs: int | None, seed: int | None) -> None:
    """Runs the recipe of a network."""
    network = reference(name)
    if importlib.util.find_spec("torch") is None:
        raise LibraryError(
            "torch is not installed", where=f"train {name}", mend="pip install 'hawx-onnx[train]'"
        )
    recipe = importlib.import_module(f"hawx_onnx.models.{network.name}.recipe")
    recipe.run(out or Path(f"{name}.onnx"), epochs=epochs, seed=seed)


def _positive(text: str) -> int:
    """Reads a whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
