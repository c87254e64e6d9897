"""Units: what gets one multiplier, a layer or a group of its output channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware import CostTerms

Entry = int | tuple[int, ...]
Choice = tuple[Entry, ...]
"""For each layer the index of its multiplier, or one for each output channel."""


@dataclass(frozen=True)
class Unit:
    """A layer, or some of its channels.

    Attributes:
        layer: Index of the layer.
        channels: Output channels of it; all if None.
    """

    layer: int
    channels: tuple[int, ...] | None = None


def layer_units(layers: int) -> tuple[Unit, ...]:
    """One unit for each layer."""
    return tuple(Unit(layer) for layer in range(layers))


def channel_units(
    orders: Sequence[Sequence[int]], sizes: Sequence[int], whole: Iterable[int] = ()
) -> tuple[Unit, ...]:
    """Units of channels that are neighbours in an order.

    Args:
        orders: For each layer its channels, those that suffer alike next to each other.
        sizes: For each layer how many channels the hardware wants to have one multiplier; the
            last unit of a layer takes the rest.
        whole: Layers that stay whole.
    """
    units: list[Unit] = []
    together = set(whole)
    for layer, (order, size) in enumerate(zip(orders, sizes, strict=True)):
        if layer in together:
            units.append(Unit(layer))
            continue
        groups = (order[start : start + size] for start in range(0, len(order), size))
        units += [Unit(layer, tuple(int(channel) for channel in group)) for group in groups]
    return tuple(units)


def unit_terms(terms: CostTerms, units: Sequence[Unit], filters: Sequence[int]) -> CostTerms:
    """Cost terms with a row for each unit: its share of the layer's, by channels.

    Exact where the layers' are and the cost of a channel does not depend on its layer's others: on
    shared arrays, and on engines whose elements serve the channels of one unit each.
    """
    if all(unit.channels is None for unit in units):
        return terms
    rows = [
        terms.per_layer[unit.layer]
        * (1.0 if unit.channels is None else len(unit.channels) / filters[unit.layer])
        for unit in units
    ]
    return CostTerms(terms.objective, terms.constant, np.array(rows), terms.per_type)


def decode(picks: Sequence[int], units: Sequence[Unit], filters: Sequence[int]) -> Choice:
    """The choice that one multiplier for each unit makes; a layer of one kind gets one number."""
    if len(units) == len(filters):  # one for each layer
        return tuple(int(pick) for pick in picks)
    entries: list[int | list[int]] = [0] * len(filters)
    for pick, unit in zip(picks, units, strict=True):
        if unit.channels is None:
            entries[unit.layer] = int(pick)
            continue
        entry = entries[unit.layer]
        if isinstance(entry, int):
            entry = entries[unit.layer] = [0] * filters[unit.layer]
        for channel in unit.channels:
            entry[channel] = int(pick)
    return tuple(
        entry if isinstance(entry, int) else entry[0] if len(set(entry)) == 1 else tuple(entry)
        for entry in entries
    )


def channel_counts(
    picks: npt.NDArray[np.intp], units: Sequence[Unit], filters: Sequence[int], multipliers: int
) -> npt.NDArray[np.int64]:
    """How many channels of each layer have each multiplier: [choices, layers, multipliers].

    Args:
        picks: The multiplier of each unit, [choices, units].
        units: The units.
        filters: Output channels of each layer.
        multipliers: How many multipliers there are.
    """
    layers = np.array([unit.layer for unit in units])
    sizes = [filters[u.layer] if u.channels is None else len(u.channels) for u in units]
    shape = (len(picks), len(filters), multipliers)
    flat = (np.arange(len(picks))[:, None] * len(filters) + layers) * multipliers + picks
    weights = np.broadcast_to(np.array(sizes), picks.shape)
    counts = np.bincount(flat.ravel(), weights.ravel(), minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.int64)


def encode(choices: Sequence[Choice], units: Sequence[Unit]) -> npt.NDArray[np.intp]:
    """The multiplier of each unit: [choices, units]; that of a unit's first channel."""
    whole = all(len(choice) == len(units) for choice in choices)  # a unit for each layer
    if whole and all(isinstance(entry, int) for choice in choices for entry in choice):
        return np.array(choices, np.intp).reshape(len(choices), len(units))
    firsts = [0 if unit.channels is None else unit.channels[0] for unit in units]
    layers = [unit.layer for unit in units]
    rows = [
        [
            entry if isinstance(entry := choice[layer], int) else entry[first]
            for layer, first in zip(layers, firsts, strict=True)
        ]
        for choice in choices
    ]
    return np.array(rows, np.intp).reshape(len(choices), len(units))
