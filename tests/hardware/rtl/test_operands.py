"""Tiles of a layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hawx_onnx.hardware.rtl.operands import (
    NONE,
    Tile,
    blocks,
    filter_slots,
    hex_text,
    middle_and_last,
    streamed,
)


def test_blocks_fill_up_with_nothing() -> None:
    assert blocks(5, 3).tolist() == [[0, 1, 2], [3, 4, NONE]]
    assert blocks(5, 2, (2, 0, 2)).tolist() == [[0, 1], [4, NONE]]
    assert [middle_and_last(count) for count in (1, 2, 7)] == [(0, 0), (0, 1), (3, 6)]


@pytest.mark.parametrize("count", range(1, 40))
def test_streamed_positions_are_distinct_and_reach_the_end(count: int) -> None:
    found = streamed(count, 8)
    assert len(set(found.tolist())) == len(found) == min(count, 8)
    assert found.min() >= 0
    assert found.max() == count - 1


def test_filters_lie_on_columns_of_their_type() -> None:
    types = np.array([0, 1, 1, 0, 1, 1, 1])
    slots = filter_slots(types, [0, 1, 1])
    assert slots.tolist() == [[0, 1, 2], [3, 4, 5], [NONE, 6, NONE]]


def test_types_without_filters_leave_their_columns_empty() -> None:
    assert filter_slots(np.array([1, 1]), [0, 1]).tolist() == [[NONE, 0], [NONE, 1]]


def test_hex_files() -> None:
    assert hex_text(np.array([[1, -1], [255, 16]]), 8) == "01 ff\nff 10\n"
    assert hex_text(np.array([[-2]]), 32) == "fffffffe\n"


def test_a_tile_holds_the_layer_and_zeros(layer: Callable) -> None:
    made = layer(positions=3, filters=2, window=4, activation_zero=1, weight_zero=9).operands(
        "exact"
    )
    tile = Tile(made, np.array([2, NONE]), np.array([NONE, 1]), np.array([0, 1]))
    files = tile.files()
    assert tile.checks == 1
    rows = files["activations.hex"].splitlines()
    assert rows[0].split() == [f"{code:02x}" for code in made.windows(np.array([2]))[0]]
    assert rows[1] == "00 00 00 00"
    assert files["weights.hex"].splitlines()[0] == "00 00 00 00"
    assert files["weight_zeros.hex"].split() == ["00000000", f"{made.weight_zeros[1]:08x}"]
    assert files["positions.hex"].split() == ["00000002", "ffffffff"]
    assert files["filters.hex"].split() == ["ffffffff", "00000001"]
    assert files["modes.hex"].split() == ["1", "2"]
    expected = np.array(
        [[int(word, 16) for word in row.split()] for row in files["expected.hex"].splitlines()]
    )
    assert expected[0, 1] == int(made.accumulators[2, 1]) & 0xFFFFFFFF
    assert expected.sum() == expected[0, 1]
