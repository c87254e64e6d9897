"""Numbers and names as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

NONE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_PLAIN = str.maketrans(
    {
        **{raised: str(digit) for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{"⁻": "-", "−": "-", "–": "-", "µ": "u", "×": "x", "→": "->", "…": "...", _NBSP: " "},
    }
)

# Units of each cost, the largest first, with the size of one in the unit of the report.
UNITS: dict[str, tuple[tuple[str, float], ...]] = {
    "power_mw": (("W", 1e3), ("mW", 1.0), ("µW", 1e-3), ("nW", 1e-6)),
    "area_um2": (("mm²", 1e6), ("µm²", 1.0)),
    "energy_uj": (("mJ", 1e3), ("µJ", 1.0), ("nJ", 1e-3), ("pJ", 1e-6)),
    "latency_cycles": (("cycles", 1.0),),
    "area_lut6": (("LUT6", 1.0),),
}

# The costs in the order in which they are shown: name of the saving, key, label.
COSTS = (
    ("power", "power_mw", "Power"),
    ("area", "area_um2", "Area"),
    ("energy", "energy_uj", "Energy per inference"),
    ("latency", "latency_cycles", "Latency"),
    ("luts", "area_lut6", "Look-up tables"),
)

_DURATIONS = (
    (365.25 * 86400, "years"),
    (86400.0, "days"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
)


def clean(name: str) -> str:
    """Returns text without control characters and lone surrogates, which would break documents."""
    if name.isprintable():
        return name
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if (ord(c) < 32 and c not in "\t\n")
        or 0x7F <= ord(c) < 0xA0
        or 0xD800 <= ord(c) < 0xE000
        # Direction overrides would show a name in another order than it has; U+FFFE is not XML.
        or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff"
        else c
        for c in name
    )


def shorten(name: str, limit: int) -> str:
    """Returns a name of at most ``limit`` characters, its middle replaced by an ellipsis."""
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}…{name[-tail:] if tail else ''}"


def plain_ascii(shown: str) -> str:
    """Returns a formatted text in ASCII, for terminals and logs that know nothing else."""
    latin = shown.replace("×10", "e") if "×10" in shown else shown
    return latin.translate(_PLAIN).replace("²", "2").encode("ascii", "replace").decode()


def finite(value: object) -> float | None:
    """Returns a number as a float, or ``None`` where there is none or it is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _scientific(value: int | float, digits: int) -> str:
    mantissa, _, exponent = f"{Decimal(value):.{digits - 1}e}".partition("e")
    return f"{mantissa.replace('-', _MINUS)}×10{str(int(exponent)).translate(_RAISED)}"


def number(value: object, digits: int = 3) -> str:
    """Returns a number with that many significant digits; large and small ones as powers of ten.

    Args:
        value: The number; integers of any size are taken; anything else gives a dash.
        digits: Significant digits. Integers below ten million are shown in full.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        shown = f"{value:,}" if abs(value) < 10**7 else _scientific(value, digits)
        return shown.replace("-", _MINUS)
    real = finite(value)
    if real is None:
        return NONE
    if real == 0:
        return "0"
    size = math.floor(math.log10(abs(real)))
    if size >= 7 or size < -3:
        return _scientific(real, digits)
    return f"{real:,.{max(0, digits - 1 - size)}f}".replace("-", _MINUS)


def percent(value: object, decimals: int = 2, *, signed: bool = False) -> str:
    """Returns a fraction as a percentage, with its sign where asked for."""
    real = finite(value)
    if real is None:
        return NONE
    shown = f"{100 * real:{'+' if signed else ''},.{decimals}f}"
    # A value that rounds to nothing has no sign.
    if not shown.strip("+-0."):
        shown = shown.lstrip("+-")
    return shown.replace("-", _MINUS) + _NBSP + "%"


def share(value: object, digits: int = 3) -> str:
    """Returns a fraction as a percentage with that many significant digits."""
    real = finite(value)
    return NONE if real is None else number(100 * real, digits) + _NBSP + "%"


def points(value: object, decimals: int = 2, *, signed: bool = False) -> str:
    """Returns a difference of two fractions in percentage points, without the unit."""
    return percent(value, decimals, signed=signed).removesuffix(_NBSP + "%")


def interval(bounds: object, decimals: int = 2) -> str:
    """Returns an interval of fractions as ``"98.10 to 99.20"``, in percent without the unit."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2 or None in map(finite, bounds):
        return NONE
    return f"{points(bounds[0], decimals)} to {points(bounds[1], decimals)}"


def unit_of(key: str, *values: object) -> tuple[str, float]:
    """Returns the unit in which costs read best: its name, and its size in the report's unit.

    Args:
        key: The cost, as in the report (``"power_mw"``).
        *values: The costs to be shown together; the largest decides.
    """
    sizes = [abs(real) for value in values if (real := finite(value)) is not None]
    largest = max(sizes, default=0.0)
    for name, size in UNITS[key]:
        if largest >= size:
            return name, size
    return UNITS[key][-1] if largest else next(u for u in UNITS[key] if u[1] == 1.0)


def quantity(key: str, value: object, unit: tuple[str, float] | None = None) -> str:
    """Returns a cost with its unit, for instance ``"4.21 mW"``.

    Args:
        key: The cost, as in the report (``"power_mw"``).
        value: The cost in the report's unit.
        unit: The unit to show it in; by default the one in which it reads best.
    """
    real = finite(value)
    if real is None:
        return NONE
    name, size = unit or unit_of(key, real)
    whole = name == "cycles" and real == int(real)
    return number(int(real) if whole else real / size) + _NBSP + name


def duration(value: object) -> str:
    """Returns a time in seconds in the unit in which it reads best, up to years."""
    real = finite(value)
    if real is None:
        return NONE
    if real == 0:
        return f"0{_NBSP}s"
    size, name = next((d for d in _DURATIONS if abs(real) >= d[0]), _DURATIONS[-1])
    return number(real / size) + _NBSP + name


def section(report: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Returns a part of the report, empty where it is missing or null."""
    part = report.get(key)
    return part if isinstance(part, Mapping) else {}


def objective(report: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns the cost that the search lowered: name of the saving, key, label."""
    return next((cost for cost in COSTS if cost[0] == report.get("objective")), COSTS[0])


def shown_costs(*totals: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the costs to show: look-up tables only where one of the totals has them."""
    tabled = any(finite(total.get("area_lut6")) is not None for total in totals)
    return [cost for cost in COSTS if tabled or cost[0] != "luts"]


def is_exact(name: str, report: Mapping[str, Any]) -> bool:
    """Whether a multiplier is exact: no error among the candidates, or exact by its name."""
    for candidate in report.get("candidates") or ():
        if candidate.get("name") == name:
            return bool(candidate.get("wce") == 0)
    return name.startswith("exact")


def channel_counts(chosen: str | Iterable[str]) -> dict[str, int]:
    """Returns how many channels each multiplier of a layer's assignment has.

    Args:
        chosen: One name for the whole layer (counted as one), or a list with one per channel.
    """
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    counts: dict[str, int] = {}
    for name in names:
        counts[str(name)] = counts.get(str(name), 0) + 1
    return counts
