"""Counts of the activation codes that each tap of a convolution reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hawx_onnx.passes.taps import Taps

CODES = 256
MOST_COUNTS = 2**24
"""Counts held for one tensor; beyond, all taps share one histogram (64 MiB of int32)."""


def histogram(codes: np.ndarray, channel_axis: int) -> np.ndarray:
    """Counts of codes per channel.

    Args:
        codes: int8 or uint8, any shape.
        channel_axis: Axis that is kept.

    Returns:
        int64 [channels, 256], indexed by bit pattern.
    """
    rows = np.moveaxis(codes, channel_axis, 0).reshape(1, codes.shape[channel_axis], -1)
    classes = np.zeros(rows.shape[2], np.int64)
    return classed_histogram(rows, classes, 1)[:, 0]


def classed_histogram(codes: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Counts of codes per channel and class of positions.

    Args:
        codes: int8 or uint8 [samples, channels, positions...].
        classes: int64 [positions], flattened: the class of each.
        count: Number of classes.

    Returns:
        int64 [channels, classes, 256], indexed by bit pattern.
    """
    channels = codes.shape[1]
    patterns = np.ascontiguousarray(codes).view(np.uint8).reshape(len(codes), channels, -1)
    bins = (np.arange(channels, dtype=np.int64)[:, None] * count + classes) * CODES
    counts = np.bincount((patterns + bins).ravel(), minlength=channels * count * CODES)
    return counts.reshape(channels, count, CODES)


@dataclass(frozen=True, eq=False)
class TapCounts:
    """What the taps of one convolution read over the calibration samples.

    Attributes:
        counts: Counts of codes, integers [input channels, classes of positions, 256], by bit
            pattern.
        taps: The classes that each tap reads, and how often it reads padding.
        padding: How often each code was what padding is, the activation's zero point: [256].
    """

    counts: np.ndarray
    taps: Taps
    padding: np.ndarray

    def histogram(self) -> np.ndarray:
        """Counts of all positions: int64 [input channels, 256]."""
        return np.asarray(self.counts.sum(axis=1, dtype=np.int64))

    def shares(self) -> np.ndarray:
        """How often each tap reads each code, over all samples and output positions.

        Returns:
            float64 [input channels, taps, 256], sums of 1 over the codes.
        """
        taps = self.taps
        read = np.matmul(taps.reads.astype(np.float64), self.counts)
        totals = read.sum(axis=2, keepdims=True)
        # A tap that reads nothing but padding has no counts.
        shares = np.divide(read, totals, out=np.zeros_like(read), where=totals > 0)
        padded = taps.padded / taps.outputs
        shares *= (1 - padded)[:, None]
        shares += padded[:, None] * (self.padding / self.padding.sum())
        return np.asarray(shares)


class TapCounter:
    """Adds up what the taps of one convolution read, batch by batch.

    Args:
        taps: Its taps.
        channels: Input channels.
        samples: How many samples will come.
        padding: Bit pattern of the activation's zero point, where it is the same for all samples.
    """

    def __init__(self, taps: Taps, channels: int, samples: int, padding: int = 0) -> None:
        fits = channels * taps.class_count * CODES <= MOST_COUNTS
        self._taps = taps if fits else taps.pooled()
        small = samples * len(taps.classes) < np.iinfo(np.int32).max
        shape = (channels, self._taps.class_count, CODES)
        self._counts = np.zeros(shape, np.int32 if small else np.int64)
        self._padding, self._fixed = np.zeros(CODES, np.int64), padding

    def add(self, codes: np.ndarray, zero: np.ndarray | None = None) -> None:
        """Counts a batch.

        Args:
            codes: Codes [samples, channels, positions...].
            zero: Their zero point, one element, where it was found at run time.
        """
        code = self._fixed if zero is None else int(zero.reshape(-1).view(np.uint8)[0])
        self._padding[code] += len(codes)
        self._counts += classed_histogram(codes, self._taps.classes, self._taps.class_count).astype(
            self._counts.dtype
        )

    def result(self) -> TapCounts:
        """All that was counted."""
        return TapCounts(self._counts, self._taps, self._padding)
