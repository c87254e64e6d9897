"""Amounts of memory, as users write them and as the system tells them."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.memory import describe_bytes, parse_bytes, peak_bytes, resident_bytes
from hawx_onnx.settings import Settings


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512M", 512 * 2**20),
        ("2G", 2**31),
        ("1.5g", 3 * 2**29),
        ("2GiB", 2**31),
        (" 300 kb ", 300 * 1024),
        ("4096", 4096),
    ],
)
def test_amounts(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "much", "-1G", "0M", "2P", "1e9", "G"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ConfigError, match="no amount of memory"):
        Settings(memory_limit=text)


def test_the_default_is_two_gibibytes() -> None:
    assert Settings().memory_bytes == 2**31


def test_descriptions_can_be_given_back() -> None:
    assert describe_bytes(2**20 + 1) == "2M"
    assert parse_bytes(describe_bytes(2**31)) == 2**31


def test_memory_that_is_held_shows() -> None:
    before = resident_bytes()
    block = np.ones(2**25)  # 256 MiB
    assert resident_bytes() > before + 2**27
    assert peak_bytes() >= block.nbytes
