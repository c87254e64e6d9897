"""Every training recipe runs on a few real images and gives a network and its card."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

from hawx_onnx import models
from hawx_onnx.cli.main import main as cli
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.models import __main__ as command
from hawx_onnx.models.training.settings import Settings

# Network, images (train, test), their number, height and width, epochs.
RUNS = [
    ("lenet5", "mnist_train_5k.npz", "mnist_test.npz", 128, 28, 8),
    ("vgg11", "cifar10_train_5k.npz", "cifar10_test_5k.npz", 64, 32, 4),
    ("resnet18", "cifar10_train_5k.npz", "cifar10_test_5k.npz", 32, 32, 4),
    ("efficientnet_lite0", "flowers_120.npz", "flowers_120.npz", 16, 224, 3),
    ("vit", "cifar10_train_5k.npz", "cifar10_test_5k.npz", 64, 32, 6),
]
# Parameters for ten classes: published ones of LeNet-5, ResNet-18 for CIFAR-10 and, less 990
# classes of 1,281 parameters, EfficientNet-Lite0; VGG-11 and the transformer added up by hand.
PARAMETERS = {
    "lenet5": 61_706,
    "vgg11": 9_228_362,
    "resnet18": 11_173_962,
    "efficientnet_lite0": 4_652_008 - 990 * 1_281,
    "vit": 810_890,
}
PRODUCTS = {"lenet5": 5, "vgg11": 9, "resnet18": 21, "efficientnet_lite0": 50, "vit": 50}


@pytest.fixture
def torch():
    """torch on one thread, or a skip."""
    module = pytest.importorskip("torch", reason="torch is needed to train")
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(before)


def subset(train: Path, test: Path, count: int, out: Path) -> Path:
    """Writes some of the real images as one file with a training and a test part."""
    with np.load(train) as first, np.load(test) as last:
        # Parts of one file overlap nowhere: the first images against the last.
        np.savez(
            out,
            x_train=first["x"][:count],
            y_train=first["y"][:count],
            x_test=last["x"][-count // 4 :],
            y_test=last["y"][-count // 4 :],
        )
    return out


def test_every_network_has_a_recipe_of_its_name():
    assert models.recipe_names() == ("efficientnet_lite0", "lenet5", "resnet18", "vgg11", "vit")
    assert {row[0] for row in RUNS} == set(models.recipe_names())
    for name in models.recipe_names():
        recipe = importlib.import_module(f"hawx_onnx.models.{name}.recipe").RECIPE
        assert recipe.name == name
        assert recipe.image[1:] == recipe.preprocessing.resize or recipe.image == (3, 32, 32)


def test_recipes_are_read_without_torch(root):
    import subprocess
    import sys

    code = (
        "import importlib, sys; from hawx_onnx import models\n"
        "for n in models.recipe_names(): importlib.import_module(f'hawx_onnx.models.{n}.recipe')\n"
        "from hawx_onnx.models.training import data\n"
        "assert not {'torch', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_list_tells_what_is_not_shipped(capsys):
    assert command.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(models.recipe_names())
    assert sum("not shipped: train" in line for line in lines) == len(lines) - 1


def test_a_network_without_data_of_its_own_asks_for_data(capsys):
    assert command.main(["train", "vgg11"]) == 2
    assert "--data takes: a .npz file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("--learning-rate", "0"), ("--learning-rate", "nan"), ("--seed", "-1"), ("--batch", "0")],
)
def test_settings_out_of_range_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["train", "vgg11", "--data", "x.npz", *words])
    assert stop.value.code == 2
    assert f"{words[0]}: must be" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_training(shared, torch, tmp_path, capsys):
    file = shared("data/cifar10_train_5k.npz")
    data = subset(file, file, 20, tmp_path / "few.npz")
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "vgg11.onnx")
    assert command.main(["train", "vgg11", "--data", str(data), "--out", out]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_settings_change_where_a_value_is_given():
    settings = Settings(epochs=3, batch=8, learning_rate=0.1, weight_decay=0.0)
    changed = settings.changed({"epochs": 5, "batch": None})
    assert (changed.epochs, changed.batch, settings.epochs) == (5, 8, 3)


@pytest.mark.parametrize(("name", "train", "test", "count", "size", "epochs"), RUNS)
def test_a_run_on_few_images(
    name, train, test, count, size, epochs, shared, torch, tmp_path, capsys
):
    from hawx_onnx.models.training.run import run

    recipe = importlib.import_module(f"hawx_onnx.models.{name}.recipe").RECIPE
    data = subset(shared(f"data/{train}"), shared(f"data/{test}"), count, tmp_path / "few.npz")
    out = tmp_path / name / f"{name}.onnx"
    changes = {"epochs": epochs, "batch": 16, "learning_rate": 0.01}
    if recipe.settings.optimizer == "adamw":
        changes["learning_rate"] = 0.002
    run(recipe, data, out, changes=changes, device="cpu")
    card = yaml.safe_load((out.parent / "card.yaml").read_text())
    # It learns: the loss falls below that of guessing among the classes.
    assert card["training"]["final_loss"] < np.log(card["classes"])
    assert card["training"]["samples"] + card["accuracy"]["validation"]["samples"] == count
    assert card["accuracy"]["test"]["samples"] == count // 4
    assert Preprocessing.from_dict(card["preprocessing"]) == recipe.preprocessing
    model = onnx.load(out)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    kinds = [node.op_type for node in model.graph.node]
    assert sum(kinds.count(kind) for kind in ("Conv", "Gemm", "MatMul")) == PRODUCTS[name]
    assert "BatchNormalization" not in kinds
    # The card leads the product to the same figure.
    capsys.readouterr()
    words = [
        "evaluate",
        str(out),
        "--data",
        str(data),
        "--preprocess",
        str(out.parent / "card.yaml"),
    ]
    assert cli([*words, "--jobs", "1", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    stated = card["accuracy"]["test"]
    assert measured["samples"] == stated["samples"]
    # One sample may fall otherwise where float sums are ordered otherwise.
    assert abs(measured["correct"] - stated["correct"]) <= 1


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_architecture_has_the_published_size(name, torch):
    network = importlib.import_module(f"hawx_onnx.models.{name}.architecture").build(10)
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[name]
