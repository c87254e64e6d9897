"""What approximated layers and channels do to the outputs of one batch of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ChannelChanges:
    """What single output channels of a layer do to a batch of samples (S).

    Attributes:
        squares: Sums of squared changes of the outputs, float64 [T, channels].
        margins: Changes of the margin of the true class over the best other one, float32
            [T, channels, S]; None where outputs are no class scores.
    """

    squares: np.ndarray
    margins: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Changes:
    """What some layers (L) do to the outputs of a batch of samples (S).

    Attributes:
        exact: Exact outputs, [S, C].
        responses: Changes of these with one layer approximated, float32 [L, T, S, C].
        squares: Sums of squared changes of all output values, float64 [L, T].
        values: Output values that these sum over.
        channels: Layer -> changes by its channels, where these were run.
        runs: Partial runs that it took.
    """

    exact: np.ndarray
    responses: np.ndarray
    squares: np.ndarray
    values: int
    channels: Mapping[str, ChannelChanges]
    runs: int = 0
