from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest

from hawx_onnx import models
from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.models import __main__ as command
from hawx_onnx.models.lenet5 import data, recipe

LENET_INPUT = InputSpec("input", np.dtype(np.float32), (None, 1, 32, 32))


def test_lenet5_is_listed_and_its_card_matches_the_recipe():
    assert "lenet5" in models.reference_names()
    network = models.reference("lenet5")
    assert network.path.is_file()
    assert network.dataset == "digits"
    assert Preprocessing.from_dict(network.card["preprocessing"]) == recipe.PREPROCESSING
    assert recipe.INPUT.shape == LENET_INPUT.shape


def test_an_unknown_network_is_refused_with_close_names():
    with pytest.raises(ConfigError, match="did you mean lenet5"):
        models.reference("lenet")


def test_importing_the_package_imports_no_heavy_module(root):
    code = (
        "import sys, hawx_onnx.models as m; m.reference('lenet5');"
        "print([n for n in ('torch', 'sklearn', 'onnx', 'scipy', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_splits_share_no_sample_and_are_stratified():
    images, labels = data.digits_raw()
    rows = data.split_indices(labels)
    assert [len(rows[name]) for name in ("test", "validation", "train", "calibration")] == [
        data.TEST_SAMPLES,
        data.VALIDATION_SAMPLES,
        799,
        data.CALIBRATION_SAMPLES,
    ]
    used = np.concatenate([rows["test"], rows["validation"], rows["train"]])
    assert sorted(used) == list(range(1797))
    assert set(rows["calibration"]) <= set(rows["train"])
    contents = [{images[i].tobytes() for i in rows[n]} for n in ("test", "validation", "train")]
    assert not contents[0] & contents[1]
    assert not contents[0] & contents[2]
    assert not contents[1] & contents[2]
    for name in rows:
        share = np.bincount(labels[rows[name]], minlength=10) / len(rows[name])
        assert np.abs(share - np.bincount(labels) / len(labels)).max() < 0.01


def test_splits_never_move():
    # The shipped weights were trained on these rows: another order would leak test samples.
    _, labels = data.digits_raw()
    rows = data.split_indices(labels)
    assert rows["test"][:6].tolist() == [13, 11, 930, 144, 1693, 417]
    assert rows["train"][:6].tolist() == [427, 758, 437, 336, 763, 265]
    assert int((rows["test"] * np.arange(1, 600)).sum()) == 166_024_786


def test_normalisation_constants_come_from_the_training_images():
    x, _ = recipe.model_splits()["train"]
    assert abs(float(x.mean())) < 1e-3
    assert abs(float(x.std()) - 1) < 1e-3


def test_the_shipped_file_is_plain_onnx():
    network = models.reference("lenet5")
    assert network.path.stat().st_size < 300_000
    model = onnx.load(network.path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    props = {p.key: p.value for p in model.metadata_props}
    assert props == {"hawx.reference": "lenet5", "hawx.dataset": "digits"}
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param == "N"
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("Conv") == 2
    assert operators.count("Gemm") == 3
    weights = sum(int(np.prod(t.dims)) for t in model.graph.initializer)
    assert weights == network.card["parameters"] == 61_706


def test_the_shipped_weights_reach_the_accuracy_of_the_card():
    network = models.reference("lenet5")
    splits = recipe.model_splits()
    for name in ("validation", "test"):
        measured = recipe.measure(network.path, splits[name])
        stated = network.card["accuracy"][name]
        assert measured["accuracy"] >= 0.98
        # One sample may fall otherwise where float sums are ordered otherwise.
        assert abs(measured["correct"] - stated["correct"]) <= 1


def test_the_card_leads_load_dataset_to_the_same_samples():
    dataset = load_dataset(None, LENET_INPUT, reference="lenet5")
    expected = recipe.model_splits()
    for split in dataset.splits:
        np.testing.assert_array_equal(split.x, expected[split.name][0])
        np.testing.assert_array_equal(split.y, expected[split.name][1])


def test_list_prints_name_and_accuracy(capsys):
    assert command.main(["list"]) == 0
    assert "lenet5  99." in capsys.readouterr().out


def test_training_an_unknown_network_exits_with_2(capsys):
    assert command.main(["train", "vgg99"]) == 2
    assert "no such reference network" in capsys.readouterr().err


def test_training_without_torch_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main(["train", "lenet5"]) == 4
    assert "hawx-onnx[train]" in capsys.readouterr().err


def test_one_epoch_of_training_writes_model_and_card(tmp_path):
    pytest.importorskip("torch", reason="torch is needed to train")
    out = tmp_path / "small.onnx"
    assert command.main(["train", "lenet5", "--epochs", "2", "--seed", "3", "--out", str(out)]) == 0
    assert onnx.load(out).graph.output[0].name == "logits"
    card = (tmp_path / "card.yaml").read_text()
    assert "file: small.onnx" in card
    assert "seed: 3" in card


def test_torch_module_and_exported_graph_agree():
    torch = pytest.importorskip("torch", reason="torch is needed to train")
    import onnxruntime

    from hawx_onnx.models.lenet5.architecture import LeNet5
    from hawx_onnx.models.lenet5.export import build_model

    torch.manual_seed(0)
    network = LeNet5().eval()
    x = np.random.default_rng(0).standard_normal((5, 1, 32, 32), dtype=np.float32)
    model = build_model({k: v.numpy() for k, v in network.state_dict().items()})
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    with torch.no_grad():
        expected = network(torch.tensor(x)).numpy()
    np.testing.assert_allclose(session.run(None, {"input": x})[0], expected, atol=1e-5)
