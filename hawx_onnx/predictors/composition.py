"""How responses of single layers make the response of an assignment.

Approximate multipliers shrink what they multiply, truncation above all: a layer that makes all
products a tenth smaller makes the outputs about a tenth smaller. Such factors multiply from layer
to layer, where plain sums of changes would soon turn outputs around. So each layer's outputs are
split: y_l = a_l z + r_l with z the exact outputs and a_l the factor that fits best over all samples
and classes. An assignment gives prod(a_l) (z + sum(r_l / a_l)): a single layer as measured, and
plain sums where nothing shrinks. What is common to all classes of a sample adds up as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.sensitivity import Sensitivity

Floats = npt.NDArray[np.float64]

LEAST_FACTOR = 0.05
"""Outputs that turn around, or all but vanish, are no smaller copy of the exact ones."""


def factors_of(sensitivity: Sensitivity) -> Floats:
    """The factor of each layer under each multiplier: float64 [L, T], 1 for the exact one.

    All are 1 where the output is no vector of class scores.
    """
    shape = sensitivity.responses.shape[:2]
    if sensitivity.labels is None:
        return np.ones(shape)
    exact = centred(sensitivity.baseline.astype(np.float32))
    # The part that is common to all classes is orthogonal to a centred vector.
    along = np.einsum("ltsc,sc->lt", sensitivity.responses, exact, dtype=np.float64)
    power = float(np.einsum("sc,sc->", exact, exact, dtype=np.float64))
    return np.asarray(np.maximum(1 + along / (power or 1.0), LEAST_FACTOR))


def composed(
    sensitivity: Sensitivity, picks: Sequence[tuple[int, int]], factors: Floats
) -> npt.NDArray[np.float32]:
    """Outputs with some layers approximated: float32 [S, C].

    Args:
        sensitivity: Baseline and responses.
        picks: Layer and multiplier of each approximated layer, indices; each layer once.
        factors: Of :func:`factors_of`.
    """
    baseline = sensitivity.baseline.astype(np.float32)
    responses = sensitivity.responses
    if sensitivity.labels is None:
        return np.asarray(baseline + sum(responses[pick] for pick in picks), np.float32)
    exact, total = centred(baseline), np.zeros_like(baseline)
    common = np.zeros((len(baseline), 1), np.float32)
    product, weight = 1.0, 0.0
    for layer, multiplier in picks:
        response, factor = responses[layer, multiplier], float(factors[layer, multiplier])
        mean = response.mean(axis=1, keepdims=True)
        total += (response - mean) / factor
        common += mean
        product, weight = product * factor, weight + 1 / factor - 1
    change = product * (total + np.float32(weight) * exact) + np.float32(product - 1) * exact
    return np.asarray(baseline + common + change, np.float32)


def adding(sensitivity: Sensitivity, samples: int) -> npt.NDArray[np.float32]:
    """Responses whose plain sums give an assignment's outputs, up to a factor of the assignment.

    Args:
        sensitivity: Baseline, responses, and labels.
        samples: How many of the first samples.

    Returns:
        float32 [L, T, samples, C]: z + their sum has the margins of the assignment's outputs, which
        are so much larger than they should be as the factors of its layers are smaller than 1.
    """
    factors = factors_of(sensitivity).astype(np.float32)[:, :, None, None]
    exact = centred(sensitivity.baseline[:samples].astype(np.float32))
    responses = sensitivity.responses[:, :, :samples].astype(np.float32)
    return np.asarray(responses / factors + (1 / factors - 1) * exact)


def centred(outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Outputs [..., C] less their mean over classes."""
    return np.asarray(outputs - outputs.mean(axis=-1, keepdims=True))
