"""EvoApproxLib: which files of a checkout are 8-bit multipliers, and what their headers publish.

``meta.json`` lists data sets with their folders, and for each circuit its files and figures. One
circuit is in several data sets, and one name stood for different circuits in different releases:
only tables tell them apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ComponentError

INDEX = "meta.json"
MAPPED = "_pdk45"
"""Ends the names of netlists mapped to a cell library, which do not define their cells."""

_FOLDER = re.compile(r"(?:^|/)8x8_(?P<kind>signed|unsigned)(?:/|$)")
_NAME = re.compile(r"mul8(?P<kind>[su])_")
_NUMBER = r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_LINE = re.compile(rf"^\s*(?P<key>[A-Z0-9_]+%?)\s*=\s*{_NUMBER}\s*(?P<unit>%|mW|um2|ns)?\s*$", re.M)
_CITE = re.compile(r"cite the following article\(s\):\s*(?P<text>[^\n]*\S)")
_C_HEAD = re.compile(r"^\w[\w\s*]*?\(\s*(?:const\s+)?\w+\s+(?P<one>\w+)\s*,", re.MULTILINE)

# Keys of headers, and of the parameters in meta.json.
_FIGURES = {
    "MAE": "mae",
    "MAE%": "mae_percent",
    "WCE": "wce",
    "WCE%": "wce_percent",
    "WCRE%": "wcre_percent",
    "EP%": "ep_percent",
    "MRE%": "mre_percent",
    "MSE": "mse",
    "PDK45_PWR": "pdk45_power_mw",
    "PDK45_AREA": "pdk45_area_um2",
    "PDK45_DELAY": "pdk45_delay_ns",
    "PWR": "pdk45_power_mw",
    "AREA": "pdk45_area_um2",
    "DELAY": "pdk45_delay_ns",
}


@dataclass(frozen=True)
class Circuit:
    """One circuit of a checkout.

    Attributes:
        path: Its netlist, relative to the checkout.
        encoding: From the name of its folder.
        licence: From the index; empty where it has none.
        published: Figures of the index.
    """

    path: str
    encoding: Encoding
    licence: str = ""
    published: Mapping[str, float] = field(default_factory=dict)


def header_figures(comments: str) -> dict[str, float]:
    """Returns what the header publishes, by name with unit; ``72829.102e2`` is a number too."""
    found = ((match["key"], float(match["value"])) for match in _LINE.finditer(comments))
    return {_FIGURES[key]: value for key, value in found if key in _FIGURES and isfinite(value)}


def citation(comments: str) -> str:
    """Returns the articles that the header wants cited; empty where it has none."""
    found = _CITE.search(comments)
    return " ".join(found["text"].split()) if found else ""


def encoding_of_name(name: str) -> Encoding | None:
    """Returns what a name in the library's style says: ``mul8s_*`` is signed."""
    found = _NAME.match(name)
    if found is None:
        return None
    return Encoding.SIGNED if found["kind"] == "s" else Encoding.UNSIGNED


def order_note(c_text: str) -> str:
    """Returns a note where the C function of a circuit takes B before A; else an empty text.

    Ports of the Verilog are taken by name, A as the activation. Whoever made tables with the C
    function's first argument as the activation has this one transposed.
    """
    found = _C_HEAD.search(c_text)
    if found is None or found["one"].lower() != "b":
        return ""
    return "the C file takes B first: A is the activation here, swap them with --ports B,A,O"


def read_index(folder: Path) -> tuple[list[Circuit], list[tuple[str, str]]]:
    """Returns the 8-bit multipliers that ``meta.json`` lists.

    Returns:
        The circuits; and the names of those without a netlist that can be read, with the reason.

    Raises:
        ComponentError: The index is no JSON.
    """
    path = folder / INDEX
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ComponentError(
            f"cannot be read: {error}", where=str(path), mend="check out the library anew"
        ) from error
    found: dict[str, Circuit] = {}
    left: list[tuple[str, str]] = []
    for group in _groups(document):
        place = _FOLDER.search(str(group["folder"]))
        if place is None:
            continue
        encoding = Encoding(place["kind"])
        for instance in _mappings(group["instances"]):
            circuit = _circuit(group, instance, encoding)
            if isinstance(circuit, Circuit):
                found.setdefault(circuit.path, circuit)
            else:
                left.append((circuit, "there is no netlist of gates, only one of PDK45 cells or C"))
    return list(found.values()), left


def _groups(node: object) -> Iterator[Mapping[str, Any]]:
    """Yields the data sets, however deep they are nested."""
    if isinstance(node, dict):
        if isinstance(node.get("folder"), str) and isinstance(node.get("instances"), list):
            yield node
        for value in node.values():
            yield from _groups(value)
    elif isinstance(node, list):
        for value in node:
            yield from _groups(value)


def _circuit(
    group: Mapping[str, Any], instance: Mapping[str, Any], encoding: Encoding
) -> Circuit | str:
    """Returns a circuit, or its name where it has no netlist that defines all its cells."""
    files = [str(file.get("file", "")) for file in _mappings(instance.get("files"))]
    netlists = [f for f in files if f.endswith(".v") and MAPPED not in f]
    if not netlists:
        return f"{group['folder']}/{instance.get('name')}"
    published = {}
    for params in _mappings([instance.get("params")]):
        for key, value in params.items():
            name = _FIGURES.get(str(key).upper())
            if name and re.fullmatch(_NUMBER, str(value)) and isfinite(float(value)):
                published[name] = float(value)
    path = str(PurePosixPath(str(group["folder"])) / netlists[0])
    return Circuit(path, encoding, str(group.get("license", "")), published)


def _mappings(values: object) -> list[Mapping[str, Any]]:
    """The mappings of a list; whatever else the index holds in their place tells nothing."""
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
