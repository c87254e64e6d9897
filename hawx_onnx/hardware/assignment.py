"""Which multiplier serves how many channels of which layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.hardware.technology import (
    ComponentFigures,
    CostedMultiplier,
    PeripheryFigures,
    figures_of,
    periphery_of,
)
from hawx_onnx.hardware.units import femto_to_micro
from hawx_onnx.hardware.workload import LayerWorkload
from hawx_onnx.names import close_names

Choice = CostedMultiplier | Sequence[CostedMultiplier]
"""One multiplier for a whole layer, or one for each output channel."""


@dataclass(frozen=True)
class Usage:
    """An assignment, counted.

    Args:
        layers: For each layer, multiplier name -> number of output channels.
        figures: The figures of every multiplier in use, by name.
        technology: The one technology of all of them.
        periphery: Its adders and registers, or None where there are none.
    """

    layers: tuple[dict[str, int], ...]
    figures: dict[str, ComponentFigures]
    technology: str
    periphery: PeripheryFigures | None


def switched_energy_fj(
    work: LayerWorkload, counts: Mapping[str, int], figures: Mapping[str, ComponentFigures]
) -> float:
    """Returns the energy that the multipliers of a layer switch per inference, in femtojoules.

    Args:
        work: The layer.
        counts: Multiplier name -> number of its output channels.
        figures: Multiplier name -> figures.
    """
    per_channel = work.output_positions * work.window
    return per_channel * sum(
        channels * work.energy_of(name, figures[name].energy_fj)
        for name, channels in counts.items()
    )


def energies_uj(
    workloads: Sequence[LayerWorkload], figures: Mapping[str, ComponentFigures]
) -> npt.NDArray[np.float64]:
    """Returns the energy of one multiplication by layer and multiplier: [L, M] in microjoules."""
    return np.array(
        [
            [femto_to_micro(work.energy_of(name, cost.energy_fj)) for name, cost in figures.items()]
            for work in workloads
        ]
    )


def around_uj(
    workloads: Sequence[LayerWorkload], names: Sequence[str], typical_fj: float
) -> npt.NDArray[np.float64]:
    """Returns what else an element switches with a product: [L, M] in microjoules.

    Args:
        workloads: The layers.
        names: The multipliers.
        typical_fj: That under typical operands, where a layer does not know of its own.
    """
    return np.array(
        [[femto_to_micro(w.around_of(name, typical_fj)) for name in names] for w in workloads]
    )


def count_usage(
    workloads: Sequence[LayerWorkload],
    assignment: Mapping[str, Choice],
    exact: CostedMultiplier,
) -> Usage:
    """Counts multipliers per layer; layers that the assignment leaves out are exact.

    Args:
        workloads: The network's layers.
        assignment: Layer name -> multiplier, or one multiplier for each output channel.
        exact: The exact multiplier, of the same technology even where it ends up unused, since
            every saving is told against it.

    Raises:
        ConfigError: If the assignment names an unknown layer, has the wrong number of channels,
            or mixes technologies.
        ModelError: If there is no layer, or two have the same name.
    """
    check_layer_names(workloads, assignment)
    every: dict[int, CostedMultiplier] = {id(exact): exact}
    layers = []
    for work in workloads:
        chosen = assignment.get(work.name, exact)
        if isinstance(chosen, Sequence):
            channels = {id(multiplier): multiplier for multiplier in chosen}
            counts = _count_channels(work, chosen, channels)
            every.update(channels)
        else:
            counts = {chosen.name: work.filters}
            every[id(chosen)] = chosen
        layers.append(counts)
    figures = figures_of(every.values())
    used = {name: figures[name] for counts in layers for name in counts}
    technology = next(iter(figures.values())).technology
    return Usage(tuple(layers), used, technology, periphery_of(figures))


def check_layer_names(workloads: Sequence[LayerWorkload], named: Mapping[str, object]) -> None:
    """Refuses an empty network, layers of one name, and names that no layer has."""
    names = {work.name for work in workloads}
    if not names:
        raise ModelError("the network has no layer to cost", where="hardware cost")
    if len(names) < len(workloads):
        twice = [name for name, n in Counter(work.name for work in workloads).items() if n > 1]
        raise ModelError(f"several layers are named {twice[0]}", where="hardware cost")
    for name in named:
        if name not in names:
            raise ConfigError(
                f"the assignment names layer {name}, which the network does not have",
                where="hardware cost",
                mend=close_names(name, [work.name for work in workloads]),
            )


def _count_channels(
    work: LayerWorkload,
    chosen: Sequence[CostedMultiplier],
    by_id: Mapping[int, CostedMultiplier],
) -> dict[str, int]:
    """Counts the channels of each multiplier of one layer."""
    if len(chosen) != work.filters:
        raise ConfigError(
            f"the assignment has {len(chosen)} channels, the layer has {work.filters}",
            where=f"layer {work.name}",
            mend="give one multiplier for the layer or one for each output channel",
        )
    counts: dict[str, int] = {}
    for key, number in Counter(map(id, chosen)).items():
        name = by_id[key].name
        counts[name] = counts.get(name, 0) + number
    return counts


def checked_figures(
    workloads: Sequence[LayerWorkload], candidates: Sequence[CostedMultiplier]
) -> dict[str, ComponentFigures]:
    """Returns the figures of candidates by name, for layers whose names are checked.

    Args:
        workloads: The network's layers.
        candidates: The multipliers to choose from.

    Raises:
        ConfigError: If there is no candidate, candidates repeat, lack figures or mix technologies.
        ModelError: If there is no layer, or two have the same name.
    """
    check_layer_names(workloads, {})
    figures = figures_of(candidates)
    if len(figures) < len(candidates) or not candidates:
        raise ConfigError(
            "candidates repeat" if candidates else "there is no candidate",
            where="hardware cost",
            mend="name each candidate multiplier once",
        )
    return figures


def checked_channels(
    workloads: Sequence[LayerWorkload], types: int, channels: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Returns counts of channels as an array [assignments, layers, types].

    Args:
        workloads: The network's layers (L).
        types: Number of multipliers (M).
        channels: Counts [A, L, M] of the output channels of each layer that have each multiplier.

    Raises:
        ConfigError: If the shape is another one, or the counts do not add up to the filters.
    """
    counts = np.asarray(channels, dtype=np.int64)
    shape = (len(workloads), types)
    if counts.ndim != 3 or counts.shape[1:] != shape or (counts < 0).any():
        raise ConfigError(
            f"channels are {list(counts.shape)}, need [assignments, {shape[0]}, {shape[1]}] "
            "and nothing negative",
            where="hardware cost",
        )
    filters = np.array([work.filters for work in workloads])
    wrong = np.argwhere(counts.sum(axis=2) != filters)
    if len(wrong):
        row, layer = wrong[0]
        raise ConfigError(
            f"assignment {row} has {counts[row, layer].sum()} channels, the layer has "
            f"{filters[layer]}",
            where=f"layer {workloads[layer].name}",
        )
    return counts
