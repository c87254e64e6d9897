"""Augmentation, the learning rate, and that a run can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train")

from hawx_onnx.errors import ConfigError, LibraryError  # noqa: E402
from hawx_onnx.models.training.augmentation import augment  # noqa: E402
from hawx_onnx.models.training.export import check_agreement, export  # noqa: E402
from hawx_onnx.models.training.images import ArrayImages  # noqa: E402
from hawx_onnx.models.training.loop import _batches, _rate, fit  # noqa: E402
from hawx_onnx.models.training.run import _device  # noqa: E402
from hawx_onnx.models.training.settings import Settings  # noqa: E402
from hawx_onnx.models.vgg11.recipe import RECIPE  # noqa: E402

PLAIN = Settings(epochs=2, batch=16, learning_rate=0.01, weight_decay=0.0)
IMAGE = (3, 32, 32)


def few_images() -> ArrayImages:
    rng = np.random.default_rng(0)
    return ArrayImages(rng.integers(0, 256, (33, 32, 32, 3), np.uint8), np.arange(33) % 10)


def small_network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 2),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(900, 10),
    )


def test_without_augmentation_a_batch_stays_as_it_is():
    x = torch.rand(3, *IMAGE)
    assert torch.equal(augment(x, torch.zeros(3, 1, 1), PLAIN), x)


def test_a_shift_moves_pixels_and_brings_in_black():
    x = torch.rand(64, *IMAGE) + 1
    black = torch.tensor([-1.0, -2.0, -3.0])[:, None, None]
    moved = augment(x, black, PLAIN.changed({"shift": 2}))
    shifts = set()
    for before, after in zip(x, moved, strict=True):
        found = [
            (down, across)
            for down in range(-2, 3)
            for across in range(-2, 3)
            if torch.allclose(
                after[:, 2 + down : 30 + down, 2 + across : 30 + across], before[:, 2:30, 2:30]
            )
        ]
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) > 10
    outside = moved[moved < 0]
    assert len(outside) > 0
    assert set(outside.unique().round().tolist()) == {-1.0, -2.0, -3.0}


def test_half_the_images_are_mirrored():
    x = torch.rand(200, *IMAGE)
    y = augment(x, torch.zeros(3, 1, 1), PLAIN.changed({"flip": True}))
    mirrored = (y == x.flip(3)).all(dim=(1, 2, 3))
    assert ((y == x).all(dim=(1, 2, 3)) ^ mirrored).all()
    assert 60 < int(mirrored.sum()) < 140


def test_a_crop_shows_a_part_of_the_image():
    # A ramp from left to right keeps its slope's sign and loses some of its range.
    x = torch.linspace(0, 1, 32).expand(64, 3, 32, 32).contiguous()
    y = augment(x, torch.zeros(3, 1, 1), PLAIN.changed({"smallest_crop": 0.25}))
    assert (y.diff(dim=3) >= -1e-6).all()
    ranges = (y.amax(dim=(1, 2, 3)) - y.amin(dim=(1, 2, 3))).tolist()
    assert min(ranges) < 0.7
    assert max(ranges) <= 1.0 + 1e-6
    assert min(ranges) > 0.4


def test_the_rate_warms_up_and_ends_near_zero():
    rates = [_rate(step, 100, 0.1) for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert max(rates) == rates[9] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_a_last_batch_of_one_image_is_left_out():
    assert [len(rows) for rows in _batches(np.arange(33), 16)] == [16, 16]
    assert [len(rows) for rows in _batches(np.arange(34), 16)] == [16, 16, 2]
    assert [len(rows) for rows in _batches(np.arange(1), 16)] == [1]


def test_a_seed_gives_the_same_network_again():
    def trained(seed: int) -> torch.Tensor:
        network = small_network()
        fit(network, few_images(), RECIPE, PLAIN.changed({"seed": seed, "shift": 2}), "cpu")
        return network[3].weight.detach()

    first = trained(1)
    assert torch.equal(first, trained(1))
    assert not torch.equal(first, trained(2))


def test_a_diverging_run_is_stopped():
    with pytest.raises(ConfigError, match="smaller --learning-rate"):
        fit(small_network(), few_images(), RECIPE, PLAIN.changed({"learning_rate": 1e30}), "cpu")


def test_an_unknown_device_is_refused():
    with pytest.raises(ConfigError, match="--device nowhere: torch cannot compute there"):
        _device("nowhere")


def test_a_file_that_differs_from_the_module_is_refused(tmp_path):
    network = small_network().eval()
    path = tmp_path / "small.onnx"
    path.write_bytes(export(network, IMAGE, "small").SerializeToString())
    x = np.random.default_rng(0).standard_normal((2, *IMAGE), np.float32)
    check_agreement(network, path, x)
    with torch.no_grad():
        network[3].bias += 1
    with pytest.raises(LibraryError, match="differ from torch's"):
        check_agreement(network, path, x)
