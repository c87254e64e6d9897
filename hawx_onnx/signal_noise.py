"""Signal to noise of outputs that differ a little from what they should be."""

from __future__ import annotations

import numpy as np


def snr_db(exact: np.ndarray, given: np.ndarray) -> float:
    """Signal to noise in dB; at most 200, where there is no noise."""
    signal = np.square(exact, dtype=np.float64).sum()
    noise = np.square(given.astype(np.float64) - exact).sum()
    return float(10 * np.log10(max(signal, 1e-300) / max(noise, 1e-20 * signal, 1e-300)))
