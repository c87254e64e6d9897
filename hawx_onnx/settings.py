"""All options of the commands, in one table: flags, configuration file and API read it."""

from __future__ import annotations

import dataclasses
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hawx_onnx.cluster_address import check_address
from hawx_onnx.errors import ConfigError
from hawx_onnx.memory import DEFAULT_LIMIT, parse_bytes
from hawx_onnx.metric_names import check_name, is_function
from hawx_onnx.names import close_names
from hawx_onnx.setting_checks import check_option, flag_name

OBJECTIVES = ("power", "area", "energy", "latency", "luts")
GRANULARITIES = ("layer", "filter")
# Where a run is made: its result, and how to repeat it, do not depend on it.
PLACE = ("cluster", "workers")
QUANTIZATIONS = ("static", "dynamic")
CALIBRATIONS = ("minmax", "percentile", "entropy")
FUNCTIONS = ("inline", "keep")
ACTIVATIONS = ("symmetric", "asymmetric")


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
    metric: str | None = option(
        None,
        "accuracy (top-1), top-5, agreement, mse, perplexity, or package.module:function",
        parse=check_name,
    )
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
        0.01, "largest drop of accuracy, or --metric, against exact int8", kind=float, low=0
    )
    confidence: float = option(
        0.95,
        "probability that the true drop is no larger; 0.5 goes by the measured one",
        kind=float,
        low=0.5,
        high=0.9999,
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
    quantization: str = option(
        "static",
        "ranges of activations: of calibration samples, or dynamic, found at run time",
        choices=QUANTIZATIONS,
    )
    calibration: str = option(
        "minmax", "how ranges of activations follow from samples", choices=CALIBRATIONS
    )
    activations: str = option(
        "symmetric",
        "codes of activations of two's complement multipliers: zero point 0, or one that uses all",
        choices=ACTIVATIONS,
    )
    bias_correction: bool = option(
        True,
        "give int8 layers the float network's mean outputs by their biases, if that gains",
        kind=bool,
    )
    keep_float: tuple[str, ...] = option(
        (), "layers that stay in floating point, names or patterns, separated by commas"
    )
    functions: str = option(
        "inline",
        "model-local functions: inline their nodes, or keep calls of them, exact and in float",
        choices=FUNCTIONS,
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
    cluster: str | None = option(
        None, "Dask scheduler whose workers run samples, tcp://HOST:PORT", parse=check_address
    )
    workers: int = option(
        0, "processes of this machine that run samples; 0 runs them in one", kind=int, low=0
    )
    seed: int = option(0, "seed of splits, synthetic data and random search", kind=int, low=0)

    def __post_init__(self) -> None:
        if self.cluster is not None and self.workers:
            raise ConfigError(
                "a cluster has workers of its own",
                where="--workers",
                mend="leave one of --workers and --cluster out",
            )
        for item in dataclasses.fields(self):
            check_option(item, getattr(self, item.name))
        # What a user's function counts in may be anything.
        if self.max_accuracy_drop > 1 and not (self.metric and is_function(self.metric)):
            raise ConfigError(
                f"{self.max_accuracy_drop} is out of range",
                where="--max-accuracy-drop",
                mend="it is between 0 and 1",
            )

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
        """Plain values for YAML, with the names of the flags; nothing of where it is run."""
        return {
            flag_name(item.name): _plain(getattr(self, item.name))
            for item in dataclasses.fields(self)
            if item.name not in PLACE
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
        return cls(**{name: native(value) for name, value in values.items()})


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def native(value: Any) -> Any:  # noqa: ANN401 - the options have different types
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
