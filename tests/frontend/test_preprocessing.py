from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.frontend import preprocessing_resize
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.frontend.preprocessing_resize import bilinear_matrix, resize_bilinear


def spec(*shape, dtype=np.float32):
    return InputSpec("x", np.dtype(dtype), (None, *shape))


def test_grey_images_gain_a_channel_axis_and_are_normalised():
    x = np.full((2, 3, 4), 51, np.uint8)
    out = Preprocessing(scale=255, mean=(0.1,), std=(0.5,)).apply(x, spec(1, 3, 4))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, np.full((2, 1, 3, 4), 0.2), rtol=1e-6)


def test_channels_are_normalised_one_by_one_and_ordered():
    x = np.zeros((2, 3, 4, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    nchw = Preprocessing(mean=(1, 2, 3)).apply(x, spec(3, 3, 4))
    np.testing.assert_array_equal(nchw[0, :, 0, 0], [9, 18, 27])
    bgr = Preprocessing(mean=(1, 2, 3), channels="reverse").apply(x, spec(3, 3, 4))
    np.testing.assert_array_equal(bgr[0, :, 0, 0], [29, 18, 7])
    nhwc = Preprocessing(layout="nhwc").apply(x, spec(3, 4, 3))
    np.testing.assert_array_equal(nhwc, x)
    stored = Preprocessing(data_layout="nchw").apply(np.moveaxis(x, 3, 1), spec(3, 3, 4))
    np.testing.assert_array_equal(stored[0, :, 0, 0], [10, 20, 30])


def test_integer_inputs_are_rounded_and_saturated():
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    out = Preprocessing(layout="nhwc", mean=(128,)).apply(x, spec(16, 16, 1, dtype=np.int8))
    np.testing.assert_array_equal(out.ravel(), np.arange(-128, 128))
    assert out.dtype == np.int8
    high = Preprocessing(layout="nhwc", scale=0.5).apply(x, spec(16, 16, 1, dtype=np.int8))
    assert high.max() == 127


def test_padding_is_zero_before_normalisation():
    x = np.ones((1, 2, 2), np.uint8)
    out = Preprocessing(pad=(1, 0, 0, 2), mean=(1,)).apply(x, spec(1, 3, 4))
    np.testing.assert_array_equal(out[0, 0], [[-1, -1, -1, -1], [0, 0, -1, -1], [0, 0, -1, -1]])


def test_resizing_equals_interpolation_with_half_pixel_centres():
    from scipy import ndimage

    x = np.random.default_rng(0).random((3, 8, 8))
    expected = ndimage.zoom(x, (1, 4, 4), order=1, grid_mode=True, mode="nearest")
    out = resize_bilinear(x[..., None], (32, 32))[..., 0]
    np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize(("source", "target"), [(28, 32), (32, 28), (7, 7), (100, 3), (1, 5)])
def test_resizing_keeps_constant_images(source, target):
    weights = bilinear_matrix(source, target)
    assert weights.shape == (target, source)
    np.testing.assert_allclose(weights.sum(axis=1), 1)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_bands_of_a_large_image_give_the_whole(monkeypatch: pytest.MonkeyPatch, kind: type):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (2, 90, 70, 3)).astype(kind)
    whole = resize_bilinear(x, (12, 9))
    monkeypatch.setattr(preprocessing_resize, "_BAND", 500)
    np.testing.assert_allclose(resize_bilinear(x, (12, 9)), whole, rtol=1e-6)


def test_resizing_8_bit_images_rounds_each_axis():
    x = np.array([[[0, 1], [2, 3]]], np.uint8)
    out = resize_bilinear(x[..., None], (4, 4))[0, ..., 0]
    # Columns 0, 0.25, 0.75, 1 round to 0, 0, 1, 1 before the rows are mixed.
    np.testing.assert_array_equal(out, [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3], [2, 2, 3, 3]])


def test_yaml_settings_and_cards(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("scale: 255\nmean: [0.1, 0.2, 0.3]\nstd: 0.5\nresize: 32\nlayout: NHWC\n")
    settings = Preprocessing.from_yaml(path)
    assert settings.mean == (0.1, 0.2, 0.3)
    assert settings.resize == (32, 32)
    assert settings.layout == "nhwc"
    assert Preprocessing.from_dict(settings.to_dict()) == settings
    path.write_text("name: net\npreprocessing: {scale: 16}\n")
    assert Preprocessing.from_yaml(path) == Preprocessing(scale=16.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("scal: 255", "unknown preprocessing setting 'scal'\n  did you mean scale"),
        ("scale: 0", "must not be 0"),
        ("std: [1, 0, 1]", "must not be 0"),
        ("scale: big", "'scale' must be a number, not 'big'"),
        ("mean: .nan", "must be a number"),
        ("resize: [32]", "has 1 values, not 2"),
        ("resize: [32, 2.5]", "whole number"),
        ("resize: [32, 0]", "must be positive"),
        ("pad: -1", "must not be negative"),
        ("pad: 16385", "at most 16,384"),
        ("resize: [2147483647, 32]", "at most 16,384"),
        ("resize: 16384", "more than 67,108,864 pixels"),
        ("pad: null", "whole number"),
        ("layout: chwn", "'layout' is 'chwn'\n  take one of: nchw, nhwc"),
        ("layout: 3", "must be one of"),
        ("value_range: [5, 1]", "lowest, highest"),
        ("label_offset: true", "whole number"),
        ("[1, 2]", "not a mapping"),
        ("", "not a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_wrong_settings(tmp_path, text, reason):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason.replace("[", r"\[")) as caught:
        Preprocessing.from_yaml(path)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)


def test_the_constructor_takes_plain_numbers_too():
    assert Preprocessing(mean=1, std=2, pad=1, resize=[4, 5]) == Preprocessing(
        mean=(1.0,), std=(2.0,), pad=(1, 1, 1, 1), resize=(4, 5)
    )
    with pytest.raises(ConfigError, match="must be a number"):
        Preprocessing(mean="a")


def test_a_missing_settings_file(tmp_path):
    with pytest.raises(ConfigError, match="none.yaml: cannot be read: No such.*\n.*keys: layout"):
        Preprocessing.from_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("settings", "x", "reason"),
    [
        ({}, np.zeros((2, 5), np.uint8), r"rank 4, not uint8 \[2, 5\]"),
        ({}, np.zeros((2, 5, 5), "U1"), "needs numeric images"),
        ({}, np.zeros((2, 5, 5), np.uint8), r"gives \[N, 1, 5, 5\].*float32 \[N, 1, 6, 6\]"),
        ({"mean": (0, 0, 0)}, np.zeros((2, 6, 6), np.uint8), "3 values, the images have 1"),
        ({"value_range": (0, 16)}, np.full((2, 6, 6), 17, np.uint8), "made for 0 to 16"),
    ],
)
def test_images_that_do_not_fit(settings, x, reason):
    with pytest.raises(DataError, match=reason) as caught:
        Preprocessing(**settings).apply(x, spec(1, 6, 6), where="file.npz, array 'x'")
    assert "file.npz" in str(caught.value)


def test_proportions_that_would_make_a_huge_image():
    spec = InputSpec("x", np.dtype(np.float32), (None, 1, 8, 8))
    images = np.zeros((1, 1, 5000, 1), np.uint8)
    with pytest.raises(DataError, match="would get"):
        Preprocessing(shorter_side=1000, crop=(8, 8)).apply(images, spec, where="images")
