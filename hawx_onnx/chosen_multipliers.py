"""The multipliers of a run: what was named, what a library holds, or the default candidates."""

from __future__ import annotations

import logging

from hawx_onnx import components
from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors.hardware_cost import with_predicted_costs
from hawx_onnx.settings import Settings

log = logging.getLogger(__name__)

LIBRARY_LIST = "`hawx-onnx library list` shows all of them"


def choose_multipliers(settings: Settings) -> tuple[Multiplier, ...]:
    """The exact multiplier, then the candidates.

    Raises:
        ConfigError: A name is not known, no name is given, or codes are mixed.
    """
    shelf = ("builtin", *settings.library)
    names = [name.strip() for text in settings.candidates for name in text.split(",")]
    names = [name for name in names if name]
    if settings.candidates and not names:
        raise ConfigError("names no multiplier", where="--candidates", mend=LIBRARY_LIST)
    if names:
        chosen = components.resolve(names, shelf)
    elif settings.library:
        chosen = _whole_library(settings.library)
    else:
        limited = settings.max_area is not None or settings.max_luts is not None
        smallest = limited or settings.objective[0] in ("area", "luts")
        chosen = components.default_candidates(cost="area_um2" if smallest else "energy_fj")
    chosen = tuple(components.with_known_cost(multiplier) for multiplier in chosen)
    if settings.predict_costs:
        chosen = with_predicted_costs(chosen)
    signed = {m.encoding.codes_signed for m in chosen}
    if len(signed) > 1:
        first = next(m.name for m in chosen if m.encoding.codes_signed)
        second = next(m.name for m in chosen if not m.encoding.codes_signed)
        raise ConfigError(
            f"{first} takes int8 codes and {second} takes uint8 codes: one network has one kind",
            where="--candidates",
            mend="choose mul8s_* and mul8sm_*, or mul8u_* alone; `hawx-onnx library import "
            "--sign-logic` makes int8 multipliers of unsigned ones",
        )
    exact = components.exact_for(chosen, settings.library)
    return (exact, *(m for m in chosen if m.name != exact.name))


def _whole_library(paths: tuple[str, ...]) -> tuple[Multiplier, ...]:
    """All multipliers of the libraries; those of int8 codes where there are both kinds."""
    found = [m for path in paths for m in components.load_library(path)]
    signed = [m for m in found if m.encoding.codes_signed]
    left = [m.name for m in found if not m.encoding.codes_signed]
    if signed and left:
        log.warning(
            "left out, they take uint8 codes and others of the library int8: %s; "
            "--candidates chooses, `hawx-onnx library import --sign-logic` makes them take int8",
            ", ".join(left),
        )
    return tuple(signed or found)
