"""The table of energies: what one multiplication costs under each layer's own operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import NONE, finite, number, percent, shorten
from hawx_onnx.report.layer_table import layer_head
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.tables import table

_MOST_ROWS, _MOST_COLUMNS = 40, 16

_NOTE = (
    "From toggles counted in the multipliers' netlists; the rows of the layers tell it as a share "
    "of that under uniform operands too. Activations are drawn as calibration counts them, weights "
    "as the model holds them."
)


def energy_section(sensitivity: Mapping[str, Any]) -> Markup | None:
    """Returns the energies of multiplications as a table, layers down, multipliers across.

    Args:
        sensitivity: The content of ``sensitivity.json``: names of layers and multipliers, and
            under ``multiplication_energy`` ``uniform_fj`` [M] and ``own_fj`` [L][M].

    Returns:
        The table; None where the document holds no energies, or of other shapes.
    """
    layers = [str(name) for name in sensitivity.get("layers") or ()]
    multipliers = [str(name) for name in sensitivity.get("multipliers") or ()]
    energies = sensitivity.get("multiplication_energy") or {}
    uniform, own = energies.get("uniform_fj") or (), energies.get("own_fj") or ()
    if not (_fits(uniform, len(multipliers)) and _fits(own, len(layers))):
        return None
    if not all(_fits(row, len(multipliers)) for row in own):
        return None
    heads = [("Layer", "first"), *((shorten(m, 24), "num") for m in multipliers[:_MOST_COLUMNS])]
    rows = [_row("Uniform operands", uniform, None)]
    rows += [_row(name, row, uniform) for name, row in zip(layers, own, strict=True)][:_MOST_ROWS]
    parts = [table("Energy of one multiplication, in fJ", heads, rows, sortable=True, figures=True)]
    parts.append(element("p", _NOTE, class_="quiet"))
    if len(layers) > _MOST_ROWS or len(multipliers) > _MOST_COLUMNS:
        told = (
            f"Shown: the first {min(len(layers), _MOST_ROWS)} of {len(layers)} layers and the "
            f"first {min(len(multipliers), _MOST_COLUMNS)} of {len(multipliers)} multipliers; all "
            "are in sensitivity.json."
        )
        parts.append(element("p", told, class_="quiet"))
    return join(parts)


def _fits(values: object, length: int) -> bool:
    return isinstance(values, Sequence) and len(values) == length > 0


def _row(name: str, energies: Sequence[object], uniform: Sequence[object] | None) -> Markup:
    """Returns a row; beside the energies of a layer stands their share of the uniform ones."""
    cells = []
    for index, value in enumerate(energies[:_MOST_COLUMNS]):
        shown: list[object] = [number(value)]
        if uniform is not None:
            real, whole = finite(value), finite(uniform[index])
            part = NONE if real is None or not whole else percent(real / whole, 0)
            shown.append(element("span", part, class_="under"))
        cells.append(element("td", *shown))
    return element("tr", layer_head(name), *cells)
