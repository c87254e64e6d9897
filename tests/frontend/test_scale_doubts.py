"""Values that were scaled twice, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.frontend.scale_doubts import scaled_twice, unscaled

SPEC = InputSpec("x", np.dtype(np.float32), (None, 3, 4, 4))
STORED = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 4))
SCALED = (STORED / 255).astype(np.float32)
NORMALISED = ((SCALED - 0.45) / 0.22).astype(np.float32)
CHANGES = Preprocessing(scale=255, mean=(0.45,), std=(0.22,), data_layout="nchw")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (SCALED, "divides them by 255: they look scaled already"),
        (NORMALISED, "they look normalised"),
        (STORED.astype(np.uint8), ""),
        (STORED.astype(np.float32), ""),
    ],
)
def test_preprocessing_given_twice(x: np.ndarray, words: str) -> None:
    told = scaled_twice(x, CHANGES, "d.npz, x")
    assert words in told
    assert bool(told) == bool(words)


def test_preprocessing_that_fits_such_values() -> None:
    assert scaled_twice(SCALED, Preprocessing(mean=(0.45,), std=(0.22,)), "x") == ""
    assert scaled_twice(NORMALISED, Preprocessing(mean=(-0.1,)), "x") == ""


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (STORED.astype(np.float32), True),
        (SCALED, False),
        (NORMALISED, False),
        (STORED.astype(np.float32) + 0.5, False),
        (STORED.astype(np.float32) * 4, False),
        (STORED.astype(np.float32) - 128, False),
        (np.float32(STORED // 3), False),
    ],
)
def test_images_that_were_not_scaled(x: np.ndarray, told: bool) -> None:
    assert bool(unscaled(x, SPEC, "d.npz, x")) == told


def test_networks_that_take_whole_numbers() -> None:
    codes = InputSpec("x", np.dtype(np.uint8), SPEC.shape)
    assert unscaled(STORED.astype(np.uint8), codes, "x") == ""
    tokens = InputSpec("x", np.dtype(np.float32), (None, 9))
    assert unscaled(np.arange(0, 243, 9, np.float32).reshape(3, 9), tokens, "x") == ""
