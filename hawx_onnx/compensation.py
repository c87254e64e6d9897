"""What compensation put in place of layers' constants, as ``assignment.json`` has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

_FORM = 'expected {"compensation": {"passes": [name], "layers": {layer: {"int8": digest, ...}}}}'
_REMOVE = "or remove `compensation`, which leaves the layers as quantised"


@dataclass(frozen=True)
class LayerCompensation:
    """What stands in place of a layer's own constants; None leaves the own ones.

    Attributes:
        int8: Digest of the constants that were there, which tells the layer that it was made for.
        bias: In units of the accumulator, int32, one for each output channel.
        weight_scales: One for each output channel; exact as float32.
        weights: Weight codes in C order, zlib-packed, as base64 text.
    """

    int8: str
    bias: tuple[int, ...] | None = None
    weight_scales: tuple[float, ...] | None = None
    weights: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, without those that are None."""
        lists = {"bias": self.bias, "weight_scales": self.weight_scales}
        return {
            "int8": self.int8,
            **{key: list(values) for key, values in lists.items() if values is not None},
            **({} if self.weights is None else {"weights": self.weights}),
        }


@dataclass(frozen=True)
class Compensation:
    """What compensation made of a network.

    Attributes:
        passes: The passes that it is the work of, in the order in which they ran.
        layers: Layers that differ, in the order of the graph.
    """

    passes: tuple[str, ...]
    layers: tuple[tuple[str, LayerCompensation], ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the value of ``compensation`` in an ``assignment.json``."""
        return {
            "passes": list(self.passes),
            "layers": {name: layer.to_dict() for name, layer in self.layers},
        }

    def check(self, layers: Iterable[str]) -> None:
        """Raises ConfigError where a layer is not known."""
        known = list(layers)
        for name, _ in self.layers:
            if name not in known:
                raise ConfigError(
                    f"no candidate layer is named {name!r}",
                    where="compensation of the assignment",
                    mend=f"{close_names(name, known)}, {_REMOVE}",
                )

    @classmethod
    def read(cls, document: Mapping[str, Any], where: str) -> Compensation | None:
        """Reads the key ``compensation`` of an ``assignment.json``.

        Args:
            document: An object of JSON; other keys do not matter.
            where: The file, for messages.

        Returns:
            None where the document holds none.

        Raises:
            ConfigError: It is of another form, or a value is out of range.
        """
        given = document.get("compensation")
        if given is None:
            return None
        passes = given.get("passes", []) if isinstance(given, Mapping) else None
        layers = given.get("layers") if isinstance(given, Mapping) else None
        named = isinstance(passes, list) and all(isinstance(name, str) for name in passes)
        if not named or not isinstance(layers, Mapping):
            raise ConfigError("`compensation` has another form", where=where, mend=_FORM)
        return cls(
            tuple(map(str, passes or ())),
            tuple((str(name), _layer(row, f"{where}: {name}")) for name, row in layers.items()),
        )


def _layer(row: object, where: str) -> LayerCompensation:
    """Returns the compensation of one layer, checked as far as that goes without the layer."""
    if not isinstance(row, Mapping) or not isinstance(row.get("int8"), str):
        raise ConfigError("its compensation names no `int8` digest", where=where, mend=_FORM)
    unknown = sorted(set(row) - {"int8", "bias", "weight_scales", "weights"})
    if unknown:
        raise ConfigError(
            f"its compensation holds {unknown[0]!r:.40}, which is not known",
            where=where,
            mend=f"use the version of hawx-onnx that wrote the file, {_REMOVE}",
        )
    bias, scales, weights = (row.get(key) for key in ("bias", "weight_scales", "weights"))
    if not (bias is None or _all(bias, _is_int32)):
        raise _wrong("bias", "whole numbers within int32", where)
    if not (scales is None or _all(scales, _is_scale)):
        raise _wrong("weight_scales", "positive float32 numbers", where)
    if not (weights is None or isinstance(weights, str)):
        raise _wrong("weights", "a base64 text", where)
    return LayerCompensation(
        row["int8"],
        None if bias is None else tuple(bias),
        None if scales is None else tuple(float(scale) for scale in scales),
        weights,
    )


def _wrong(key: str, wanted: str, where: str) -> ConfigError:
    return ConfigError(f"`{key}` must hold {wanted}", where=where, mend=f"mend it, {_REMOVE}")


def _all(values: object, fits: Any) -> bool:  # noqa: ANN401 - a test of one value
    return isinstance(values, list) and all(map(fits, values))


def _is_int32(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def _is_scale(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # The range of normal float32 numbers.
    return number and 2.0**-126 <= value < math.ldexp(1, 128)  # type: ignore[operator]
