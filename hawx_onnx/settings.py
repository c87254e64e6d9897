"""All options of the commands, in one table: flags, configuration file and API read it."""

from __future__ import annotations

import contextlib
import dataclasses
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.memory import DEFAULT_LIMIT, parse_bytes
from hawx_onnx.names import close_names
from hawx_onnx.yaml_files import read_yaml

OBJECTIVES = ("power", "area", "energy", "latency", "luts")
GRANULARITIES = ("layer", "filter")
CALIBRATIONS = ("minmax", "percentile", "entropy")


def option(
    default: Any,  # noqa: ANN401 - the options have different types
    text: str,
    *,
    kind: type = str,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    parse: Callable[[str, str], object] | None = None,
) -> Any:  # noqa: ANN401
    """Declares an option; ``choices`` are its words, ``low`` and ``high`` its range.

    A tuple as default makes the flag repeatable; ``parse(text, where)`` raises ConfigError.
    """
    about = {"text": text, "kind": kind, "choices": choices, "low": low, "high": high}
    about["parse"] = parse
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Settings:
    """Options of a run; the flag of ``max_accuracy_drop`` is ``--max-accuracy-drop``."""

    data: str | None = option(None, ".npz, folder, package.module:function, or a built-in name")
    preprocess: str | None = option(None, "YAML file with the preprocessing of the data")
    library: tuple[str, ...] = option(
        (), "multipliers besides the built-in ones: library, .npz, Verilog folder (repeatable)"
    )
    candidates: tuple[str, ...] = option(
        (), "multipliers to choose from, names or patterns, separated by commas"
    )
    target: str = option("temporal", "spatial, temporal, another preset, or a YAML file")
    granularity: str = option(
        "layer",
        "what gets one multiplier: a layer, or as few of its output channels as the target allows",
        choices=GRANULARITIES,
    )
    max_accuracy_drop: float = option(
        0.01, "largest drop of accuracy against exact int8, a fraction", kind=float, low=0, high=1
    )
    confidence: float | None = option(
        None, "probability that the true drop is no larger", kind=float, low=0.5, high=0.9999
    )
    objective: tuple[str, ...] = option(
        ("power",),
        "what to minimise; of several, the sum relative to the exact design (repeatable)",
        choices=OBJECTIVES,
    )
    max_power: float | None = option(None, "largest power in mW", kind=float, low=0)
    max_area: float | None = option(None, "largest area in um2", kind=float, low=0)
    max_luts: int | None = option(None, "most LUT6, on an FPGA target", kind=int, low=0)
    max_energy: float | None = option(None, "largest energy per inference, uJ", kind=float, low=0)
    max_latency: float | None = option(None, "most clock cycles of an inference", kind=float, low=0)
    max_multipliers: int | None = option(
        None, "most different multipliers in the accelerator", kind=int, low=1
    )
    exclude: tuple[str, ...] = option(
        (), "layers that stay exact, names or patterns, separated by commas (repeatable)"
    )
    calibration: str = option(
        "minmax", "how ranges of activations follow from samples", choices=CALIBRATIONS
    )
    keep_float: tuple[str, ...] = option(
        (), "layers that stay in floating point, names or patterns, separated by commas"
    )
    passes: tuple[str, ...] = option(
        (), "passes of installed plug-ins to run too, by name (repeatable)"
    )
    max_evaluations: int | None = option(
        None, "most assignments to measure; 40 where a search needs a number", kind=int, low=1
    )
    max_seconds: float | None = option(
        None, "longest time for scoring and search, in seconds", kind=float, low=0
    )
    early_stop: bool = option(
        True, "give assignments up once it is clear that they are of no use", kind=bool
    )
    exact: bool = option(True, "layers may stay exact", kind=bool)
    score_samples: int = option(
        256, "most validation samples that single-layer responses are measured on", kind=int, low=2
    )
    validation_samples: int = option(
        2000, "most validation samples that assignments are measured on", kind=int, low=2
    )
    operand_aware_power: bool = option(
        True, "cost each layer's multiplications under the layer's own operands", kind=bool
    )
    output_name: str | None = option(
        None, "model output that is scored (default: the first float one)"
    )
    memory_limit: str = option(
        DEFAULT_LIMIT, "most memory of the process, 512M or 2G", parse=parse_bytes
    )
    predict_costs: bool = option(
        False, "predict costs of multipliers that have none from their truth tables", kind=bool
    )
    fold_bias: bool = option(
        True, "fold mean errors of output channels into biases, in the search already", kind=bool
    )
    map_weights: bool = option(
        True, "replace weight codes by ones whose products err less, if that gains", kind=bool
    )
    rescale: bool = option(
        True, "rescale output channels against proportional errors, if that gains", kind=bool
    )
    force: bool = option(False, "undo a rewritten model and go on from its assignment", kind=bool)
    jobs: int = option(0, "threads; 0 takes all cores", kind=int, low=0)
    seed: int = option(0, "seed of splits, synthetic data and random search", kind=int, low=0)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))

    @property
    def compensation_passes(self) -> tuple[str, ...]:
        """Names of the compensation passes to try."""
        names = ("fold_bias", "map_weights", "rescale")
        return tuple(flag_name(name) for name in names if getattr(self, name))

    @property
    def memory_bytes(self) -> int:
        """``memory_limit`` in bytes."""
        return parse_bytes(self.memory_limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML, with the names of the flags."""
        return {
            flag_name(item.name): _plain(getattr(self, item.name))
            for item in dataclasses.fields(self)
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Makes settings of values by field name; lists become tuples, paths text.

        Raises:
            ConfigError: A name is not known, or a value is out of range.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(
                    f"there is no option {name!r}",
                    where="configuration",
                    mend=close_names(name, sorted(known)),
                )
        return cls(**{name: _native(value) for name, value in values.items()})


def flag_name(name: str) -> str:
    """``max_power`` -> ``max-power``."""
    return name.replace("_", "-")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _native(value: Any) -> Any:  # noqa: ANN401 - the options have different types
    """A value as Python's own type: no numpy numbers, no paths, no lists."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _repeatable(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING


def _check(item: dataclasses.Field[Any], value: object, where: str = "") -> None:
    """Raises ConfigError where a value has the wrong type, range or word."""
    about, where = item.metadata, where or f"--{flag_name(item.name)}"
    optional = item.default is None
    if value is None and optional:
        return
    if not _repeatable(item):
        _check_one(value, about, where)
    elif isinstance(value, tuple):
        for one in value:
            _check_one(one, about, where)
        if about["choices"] and not value:
            mend = f"choose of {', '.join(about['choices'])}"
            raise ConfigError("names nothing", where=where, mend=mend)
    else:
        raise ConfigError(f"{value!r} is not a list", where=where, mend="write [a, b]")


def _check_one(value: object, about: Mapping[str, Any], where: str) -> None:
    kind = about["kind"]
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (kind is not bool and isinstance(value, bool)):
        shown = list(value) if isinstance(value, tuple) else value
        raise ConfigError(f"{shown!r} is not {_WORDS[kind]}", where=where, mend=about["text"])
    if about["choices"] and value not in about["choices"]:
        raise ConfigError(
            f"{value!r} is not allowed", where=where, mend=close_names(str(value), about["choices"])
        )
    if about["parse"] is not None:
        about["parse"](value, where)
    low, high = about["low"], about["high"]
    if kind in (int, float):
        number = float(value)  # type: ignore[arg-type]
        if not ((low is None or number >= low) and (high is None or number <= high)):
            span = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ConfigError(f"{value} is out of range", where=where, mend=f"it is {span}")


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a YAML configuration file whose keys are the flags' names.

    Of a file with a key ``settings`` (a ``run.yaml``) only the mapping below it counts.

    Returns:
        Values by flag name, unchecked; none for an empty file.

    Raises:
        ConfigError: The file is missing or no YAML mapping.
    """
    where = str(path)
    values, _ = read_yaml(path, _FORM)
    if isinstance(values, dict) and "settings" in values:
        values = values["settings"]
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("is no mapping", where=where, mend=_FORM)
    return {str(key): value for key, value in values.items()}


_FORM = "write lines `flag-name: value`"


def load_config(path: str | Path) -> dict[str, Any]:
    """Reads the settings of a configuration file; other keys are left to the caller.

    A text is taken where a list is expected, as a flag given once, and a text such as ``1e-3``,
    which YAML 1.1 does not call a number, where a number is.

    Returns:
        Values by field name.

    Raises:
        ConfigError: The file is missing or no YAML mapping, or a value does not fit its option.
    """
    values, result = read_config(path), {}
    for item in dataclasses.fields(Settings):
        key = flag_name(item.name)
        if key in values:
            result[item.name] = _from_yaml(item, values[key])
            _check(item, result[item.name], f"{path}, {key}")
    return result


def _from_yaml(item: dataclasses.Field[Any], value: Any) -> Any:  # noqa: ANN401
    if _repeatable(item) and isinstance(value, str):
        return (value,)
    if item.metadata["kind"] is float and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return _native(value)
