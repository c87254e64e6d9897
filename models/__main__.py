"""Trains reference networks: ``python -m hawx_onnx.models train vgg11 --data DIR``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import sys
from pathlib import Path

from hawx_onnx.errors import ConfigError, HawxError, LibraryError
from hawx_onnx.models import recipe_names, reference, reference_names
from hawx_onnx.names import close_names
from hawx_onnx.writable import check_writable_file

# Trained on data that comes with scikit-learn where no other is given.
_OWN_DATA = ("lenet5",)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if options.verb == "list":
            _list()
        else:
            _train(options)
    except HawxError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m hawx_onnx.models", description="Reference networks."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="list the networks, shipped ones with file and test accuracy")
    train = verbs.add_parser("train", help="train a network (needs torch)")
    train.add_argument("name", help=f"the network: {', '.join(recipe_names())}")
    train.add_argument(
        "--data",
        type=Path,
        help=".npz file, or folder of MNIST IDX files, of CIFAR-10's binary version, or of images "
        "(train/CLASS, test/CLASS); lenet5 takes scikit-learn's digits without",
    )
    train.add_argument(
        "--out",
        type=Path,
        help="ONNX file to write, with card.yaml beside it (default NAME/NAME.onnx)",
    )
    train.add_argument("--epochs", type=_positive, help="passes over the training split")
    train.add_argument("--batch", type=_positive, help="images in a step")
    train.add_argument("--learning-rate", type=_positive_float, help="highest learning rate")
    train.add_argument("--seed", type=_seed, help="seed of weights, order and augmentation")
    train.add_argument("--device", help="where torch computes (default cuda if there is one)")
    return parser


def _list() -> None:
    """Writes one line for each network."""
    for name in recipe_names():
        if name not in reference_names():
            title = importlib.import_module(f"hawx_onnx.models.{name}.recipe").RECIPE.title
            sys.stdout.write(f"{name}  {title}; not shipped: train {name} --data DIR\n")
            continue
        network = reference(name)
        accuracy = network.card["accuracy"]["test"]["accuracy"]
        sys.stdout.write(f"{name}  {accuracy:.2%} on {network.dataset}  {network.path}\n")


def _train(options: argparse.Namespace) -> None:
    """Runs the recipe of a network."""
    name = options.name
    if name not in recipe_names():
        raise ConfigError(
            "no such reference network", where=name, mend=close_names(name, recipe_names())
        )
    if options.data is None and name not in _OWN_DATA:
        from hawx_onnx.models.training.data import FORMS

        raise ConfigError("needs data", where=f"train {name}", mend=f"--data takes: {FORMS}")
    if importlib.util.find_spec("torch") is None:
        raise LibraryError(
            "torch is not installed", where=f"train {name}", mend="pip install 'hawx-onnx[train]'"
        )
    recipe = importlib.import_module(f"hawx_onnx.models.{name}.recipe")
    out = options.out or Path(name) / f"{name}.onnx"
    check_writable_file(out)
    given = ("epochs", "batch", "learning_rate", "seed")
    changes = {key: getattr(options, key) for key in given}
    if options.data is None:
        recipe.run(out, changes=changes)
    else:
        from hawx_onnx.models.training.run import run

        run(recipe.RECIPE, options.data, out, changes=changes, device=options.device)


def _positive(text: str) -> int:
    """Reads a whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive_float(text: str) -> float:
    """Reads a finite number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def _seed(text: str) -> int:
    """Reads a seed that both numpy and torch take."""
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError("must be at least 0 and below 2^63")
    return value


if __name__ == "__main__":
    sys.exit(main())
