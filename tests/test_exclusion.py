"""--exclude: names, patterns, lists, and names that no layer has."""

from __future__ import annotations

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.exclusion import excluded

LAYERS = ("conv1", "/layer1/conv1/Conv", "/layer1/conv2/Conv", "fc[0]")


@pytest.mark.parametrize(
    ("texts", "rows"),
    [
        ((), set()),
        (("conv1",), {0}),
        (("/layer1/*",), {1, 2}),
        (("*conv1*, fc[0]",), {0, 1, 3}),
        (("conv1", "*/conv2/Conv"), {0, 2}),
        (("conv1,",), {0}),
    ],
)
def test_names_and_patterns(texts, rows):
    assert excluded(LAYERS, texts) == rows


@pytest.mark.parametrize(
    ("text", "word"), [("conv", "conv1"), ("/layer1/conv3/Conv", "conv"), ("x*", "conv1")]
)
def test_a_name_that_no_layer_has(text, word):
    with pytest.raises(ConfigError, match="there is no layer") as error:
        excluded(LAYERS, (text,))
    assert error.value.where == "--exclude"
    assert word in error.value.mend
