"""Every rule that a model can be checked against: its stable id, what it takes, what it means.

Ids never change their meaning and are never used twice; a rule that goes takes its id with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """What a rule, or a key of it, takes.

    Attributes:
        kind: ``float``, ``int``, ``bool``, ``str``, or ``tuple`` for a list of texts.
        low: Smallest number allowed.
        high: Largest number allowed.
        above: Whether ``low`` itself is too small.
    """

    kind: type
    low: float | None = None
    high: float | None = None
    above: bool = False


@dataclass(frozen=True)
class RuleKind:
    """One kind of rule.

    Attributes:
        id: Stable identifier, as SARIF and JUnit readers know the rule.
        name: The key in a file of rules.
        about: What holds where the rule holds, in one line.
        mend: What to do where it does not hold.
        key: The key of the mapping form that the plain form stands for.
        value: What the plain form takes.
        options: Further keys of the mapping form.
        unit: Unit of what is measured; empty where nothing is.
    """

    id: str
    name: str
    about: str
    mend: str
    key: str
    value: Field
    options: Mapping[str, Field] = field(default_factory=dict)
    unit: str = ""


_COST = Field(float, low=0)
_TARGET = {"target": Field(str)}
_CHEAPER = "search with a limit on it, or choose another target"
_AGAIN = "rewrite the model with `hawx-onnx optimize` or `apply`"
_ON = Field(bool)

RULES_FILE = RuleKind(
    "HAWX001",
    "rules-file",
    "The rules can be read and can be checked.",
    "mend the file of rules at that line",
    "",
    _ON,
)
INPUTS = RuleKind(
    "HAWX002",
    "inputs",
    "Model, data, baseline and libraries can be read.",
    "mend the file that is named",
    "",
    _ON,
)

_RULES = (
    RuleKind(
        "HAWX101",
        "max-accuracy-drop",
        "Accuracy, or the metric, drops by no more than this against the baseline.",
        "search with a smaller --max-accuracy-drop, or with --confidence",
        "limit",
        Field(float, low=0),
        {"confidence": Field(float, low=0.5, high=0.9999)},
        "fraction",
    ),
    RuleKind(
        "HAWX102",
        "min-accuracy",
        "Accuracy, or the metric, is no worse than this.",
        "search with a smaller --max-accuracy-drop, or train the network further",
        "limit",
        Field(float),
        unit="fraction",
    ),
    RuleKind(
        "HAWX201",
        "max-power",
        "Power is at most this, in mW, on the target.",
        _CHEAPER,
        "limit",
        _COST,
        _TARGET,
        "mW",
    ),
    RuleKind(
        "HAWX202",
        "max-area",
        "Area is at most this, in um2, on the target.",
        _CHEAPER,
        "limit",
        _COST,
        _TARGET,
        "um2",
    ),
    RuleKind(
        "HAWX203",
        "max-energy",
        "Energy of an inference is at most this, in uJ, on the target.",
        _CHEAPER,
        "limit",
        _COST,
        _TARGET,
        "uJ",
    ),
    RuleKind(
        "HAWX204",
        "max-latency",
        "An inference takes at most this many clock cycles on the target.",
        _CHEAPER,
        "limit",
        _COST,
        _TARGET,
        "cycles",
    ),
    RuleKind(
        "HAWX205",
        "max-luts",
        "The accelerator takes at most this many LUT6, on an FPGA target.",
        _CHEAPER,
        "limit",
        _COST,
        _TARGET,
        "LUT6",
    ),
    RuleKind(
        "HAWX301",
        "allowed-multipliers",
        "Every approximate multiplier in the model is one of these names or patterns.",
        "search with these --candidates alone",
        "names",
        Field(tuple),
    ),
    RuleKind(
        "HAWX302",
        "no-exact-fallback",
        "No layer and no channel of one is multiplied exactly.",
        "search with --no-exact, or name the layers under `except`",
        "enabled",
        _ON,
        {"except": Field(tuple)},
    ),
    RuleKind(
        "HAWX303",
        "known-tables",
        "Every truth table in the model is, by its hash, that of a multiplier of a library.",
        "give the library with --library, or rewrite the model",
        "enabled",
        _ON,
    ),
    RuleKind(
        "HAWX401",
        "portable-equals-kernel",
        "The model gives the same bytes with its portable bodies as with the library.",
        _AGAIN,
        "enabled",
        _ON,
        {"samples": Field(int, low=1)},
    ),
    RuleKind(
        "HAWX402",
        "deterministic-bytes",
        "Reading the model and writing it again gives the same bytes.",
        "write the file with `onnx.save`",
        "enabled",
        _ON,
    ),
    RuleKind(
        "HAWX501",
        "min-opset",
        "The version of the default operator set is at least this.",
        "convert or export the model with a newer operator set",
        "limit",
        Field(int, low=1),
    ),
    RuleKind(
        "HAWX502",
        "max-opset",
        "The version of the default operator set is at most this.",
        "export the model with an older operator set",
        "limit",
        Field(int, low=1),
    ),
    RuleKind(
        "HAWX503",
        "max-ir-version",
        "The IR version of the model is at most this.",
        "export the model for an older runtime",
        "limit",
        Field(int, low=1),
    ),
)

RULES: Mapping[str, RuleKind] = {rule.name: rule for rule in _RULES}
ALL_KINDS = (RULES_FILE, INPUTS, *_RULES)
ACCURACY_RULES = frozenset({"max-accuracy-drop", "min-accuracy"})
COST_RULES = frozenset({"max-power", "max-area", "max-energy", "max-latency", "max-luts"})
