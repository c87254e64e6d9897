"""Take what compensation made of a model as data, and make the same of the model again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.compensation import Compensation, LayerCompensation
from hawx_onnx.errors import ConfigError
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.layer_constants import (
    BIAS,
    WEIGHTS,
    LayerConstants,
    layer_constants,
    with_constants,
)

_REMOVE = "or remove `compensation` from the assignment, which leaves the layers as quantised"


def compensation_of(
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    candidates: Sequence[Candidate],
    passes: Sequence[str],
) -> Compensation | None:
    """What compensation changed.

    Args:
        before: Int8 model as quantised.
        after: The same, compensated.
        candidates: Its candidates.
        passes: The passes that ran.

    Returns:
        None where nothing differs.
    """
    channels = {c.name: c.channels for c in candidates}
    new = layer_constants(after, channels)
    layers = []
    for name, old in layer_constants(before, channels).items():
        changed = _difference(old, new[name])
        if changed is not None:
            layers.append((name, changed))
    return Compensation(tuple(passes), tuple(layers)) if layers else None


def _difference(old: LayerConstants, new: LayerConstants) -> LayerCompensation | None:
    bias = scales = weights = None
    if not np.array_equal(old.bias, new.bias):
        bias = tuple(int(value) for value in new.bias)
    before, after = old.channel_scales, new.channel_scales
    if before is not None and after is not None and not np.array_equal(before, after):
        scales = tuple(float(value) for value in after)
    if WEIGHTS in old.values and not np.array_equal(old.values[WEIGHTS], new.values[WEIGHTS]):
        packed = zlib.compress(new.values[WEIGHTS].tobytes(), 9)
        weights = base64.b64encode(packed).decode("ascii")
    if bias is None and scales is None and weights is None:
        return None
    return LayerCompensation(digest(old), bias, scales, weights)


def digest(known: LayerConstants) -> str:
    """Sixteen hex digits that tell a layer by all its constants."""
    text = hashlib.sha256(known.kind.encode())
    for place, values in sorted(known.values.items()):
        text.update(f"{place} {values.dtype.str} {values.shape}".encode())
        text.update(np.ascontiguousarray(values).tobytes())
    return text.hexdigest()[:16]


def with_compensation(
    model: onnx.ModelProto, candidates: Sequence[Candidate], given: Compensation
) -> onnx.ModelProto:
    """A copy of an int8 model, compensated.

    Args:
        model: Int8 model as quantised.
        candidates: Its candidates.
        given: What ``compensation_of`` gave for the same model.

    Raises:
        ConfigError: A layer is not known, has other constants than the one that the compensation
            was made for, or does not take what it is given.
    """
    given.check([c.name for c in candidates])
    constants = layer_constants(model, {c.name: c.channels for c in candidates})
    for name, layer in given.layers:
        _check_digest(constants[name], layer, name)
    changes = {name: _changes(constants[name], layer, name) for name, layer in given.layers}
    return with_constants(model, changes)


def undo_compensation(
    model: onnx.ModelProto, channels: Mapping[str, int], given: Compensation
) -> onnx.ModelProto:
    """A copy of an int8 model with the constants that it had before it was compensated.

    Args:
        model: Int8 model, compensated.
        channels: Name of a QLinearConv or QLinearMatMul -> its output channels.
        given: What ``compensation_of`` gave from the compensated model to the one before.

    Raises:
        ConfigError: A layer is not known, or does not take what it is given.
    """
    given.check(list(channels))
    constants = layer_constants(model, channels)
    changes = {name: _changes(constants[name], layer, name) for name, layer in given.layers}
    return with_constants(model, changes)


def _check_digest(known: LayerConstants, given: LayerCompensation, name: str) -> None:
    """Raises ConfigError where a layer is not the one that it was compensated as."""
    if digest(known) != given.int8:
        raise ConfigError(
            "the layer's weights, scales or bias are not those that it was made for",
            where=f"compensation of {name}",
            mend=f"give the model, --data, --preprocess and --seed of the run, {_REMOVE}",
        )


def _changes(known: LayerConstants, given: LayerCompensation, name: str) -> dict[int, np.ndarray]:
    where = f"compensation of {name}"
    changes: dict[int, np.ndarray] = {}
    for what, values in (("bias", given.bias), ("weight_scales", given.weight_scales)):
        if values is not None and len(values) != known.channels:
            raise ConfigError(
                f"`{what}` has {len(values)} values, the layer {known.channels} output channels",
                where=where,
                mend=f"give one for each output channel, {_REMOVE}",
            )
    if given.bias is not None:
        if not known.takes_bias:
            raise ConfigError("the operator has no bias", where=where, mend=f"drop it, {_REMOVE}")
        changes[BIAS] = np.array(given.bias, np.int32)
    if given.weight_scales is not None:
        changes.update(known.per_channel_scales(np.array(given.weight_scales, np.float32)))
    if given.weights is not None:
        changes[WEIGHTS] = _codes(given.weights, known.weights, where)
    return changes


def _codes(text: str, like: np.ndarray | None, where: str) -> np.ndarray:
    """Unpacks weight codes, never more than the layer has."""
    size = 0 if like is None else like.nbytes
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ConfigError(
            f"`weights` cannot be unpacked: {error}", where=where, mend=f"mend it, {_REMOVE}"
        ) from error
    if like is None or len(unpacked) != size:
        raise ConfigError(
            f"`weights` does not hold {size} codes", where=where, mend=f"mend it, {_REMOVE}"
        )
    return np.frombuffer(unpacked, like.dtype).reshape(like.shape)
