"""One Verilog file becomes one multiplier."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.components.cache import cached, key_of
from hawx_onnx.components.importers import evoapprox
from hawx_onnx.components.importers.options import ImportOptions, Task
from hawx_onnx.components.library_index import check_name
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.netlist.verilog_source import VerilogSource, scan
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys
from hawx_onnx.components.netlist.yosys_json import FLOW, Elaborated, elaborate
from hawx_onnx.components.statistics import ErrorStatistics
from hawx_onnx.components.stored import Known, Provenance, StoredMultiplier
from hawx_onnx.components.table_files import guess_encoding
from hawx_onnx.components.tables import CODES, Encoding, Table, sign_magnitude
from hawx_onnx.errors import ComponentError
from hawx_onnx.names import close_names

VERILOG = (".v", ".sv")
_LICENCE = re.compile(r"licen[cs]e|SPDX", re.IGNORECASE)
_MEND_PORTS = "name activation, weight and product: --ports A,B,O"


def import_verilog(
    task: Task, options: ImportOptions, yosys: Yosys | None = None
) -> StoredMultiplier:
    """Imports a Verilog file; its result is cached.

    Args:
        task: The file.
        options: Top module, ports and encoding where they shall not be guessed.
        yosys: The program; by default :func:`~hawx_onnx.components.netlist.yosys.find_yosys`.

    Raises:
        ComponentError: The file is no multiplier; file and line or port are named.
        LibraryError: There is no yosys.
    """
    path = Path(task.path)
    data = _read(path)
    text = data.decode("utf-8", "replace")
    source = scan(text, task.path)
    yosys = yosys or find_yosys()
    name = path.stem
    check_name(name, task.path)
    top, notes = _top(source, options.top, name, task.path)
    encoding = options.encoding or task.encoding or evoapprox.encoding_of_name(name)
    wanted = encoding.value if encoding else ""
    key = key_of(FLOW, yosys.version, path.suffix, text, top, wanted, *(options.ports or ()))

    def make() -> dict[str, Any]:
        circuit = elaborate(text, top, where=task.path, yosys=yosys)
        return _characterise(circuit, options.ports, encoding, task.path)

    result = cached("import", key, make)
    companion = path.with_suffix(".c")
    if options.ports is None and companion.is_file():
        # Read as text, for the order of its arguments; C is never compiled or run.
        note = evoapprox.order_note(_read(companion).decode("utf-8", "replace"))
        notes += [note] if note else []
    provenance = Provenance(
        origin=task.origin,
        licence=_licence(source.comments) or task.licence,
        source_sha256=hashlib.sha256(data).hexdigest(),
        flow=f"{yosys.version}, import {FLOW}",
        date=datetime.date.today().isoformat(),
        top=top,
        ports=tuple(result["ports"]),
        core=result["encoding"] == Encoding.SIGN_MAGNITUDE.value,
        notes=(*notes, *result["notes"]),
    )
    return _multiplier(name, text, source, task, provenance, result)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ComponentError(
            f"cannot be read: {error.strerror or error}", where=str(path), mend="check the path"
        ) from error


def _top(source: VerilogSource, chosen: str | None, name: str, where: str) -> tuple[str, list[str]]:
    """Returns the top module, and a note where it is not the one that the file is named after."""
    if chosen is not None:
        if chosen not in source.modules:
            mend = close_names(chosen, source.modules)
            raise ComponentError(f"there is no module {chosen!r}", where=where, mend=mend)
        return chosen, []
    if name in source.modules:
        return name, []
    if len(source.roots) != 1:
        raise ComponentError(
            f"which module is the multiplier: {', '.join(source.roots or source.modules)}?",
            where=where,
            mend="name it with --top",
        )
    return source.roots[0], [f"top module {source.roots[0]} taken"]


def _characterise(
    circuit: Elaborated,
    chosen: tuple[str, str, str] | None,
    encoding: Encoding | None,
    where: str,
) -> dict[str, Any]:
    """Finds ports, encoding, table and figures, as JSON values."""
    ports, notes = _ports(circuit, chosen, where)
    if encoding is None and {*ports[:2]} <= circuit.signed:
        encoding = Encoding.SIGNED
        notes.append("encoding signed taken: both operands are declared signed")
    if encoding is None:
        table = _table(circuit, ports, Encoding.SIGNED, where)
        unsigned = _table(circuit, ports, Encoding.UNSIGNED, where)
        # Bit patterns alike, products read as 16 bits with and without sign.
        encoding, note = guess_encoding(table, unsigned)
        notes.append(note)
    table = _table(circuit, ports, encoding, where)
    known = Known.of(StoredMultiplier("", encoding, table, None, "", ""))
    return {
        "ports": list(ports),
        "encoding": encoding.value,
        "notes": notes,
        "table": base64.b64encode(zlib.compress(table.astype("<i4").tobytes())).decode(),
        "known": asdict(known),
    }


def _ports(
    circuit: Elaborated, chosen: tuple[str, str, str] | None, where: str
) -> tuple[tuple[str, str, str], list[str]]:
    """Returns activation, weight and product, and a note where they were guessed."""
    inputs = {port.name: port.width for port in circuit.network.inputs}
    outputs = {port.name: len(port.signals) for port in circuit.network.outputs}
    if chosen is not None:
        for name, known in zip(chosen, (inputs, inputs, outputs), strict=True):
            if name not in known:
                kind = "input" if known is inputs else "output"
                mend = close_names(name, known)
                raise ComponentError(f"there is no {kind} {name}", where=where, mend=mend)
    if len(inputs) != 2 or len(outputs) != 1:
        shown = ", ".join([*inputs, *outputs])
        raise ComponentError(
            f"the module has {len(inputs)} inputs and {len(outputs)} outputs ({shown})",
            where=where,
            mend="a multiplier has two inputs and one output",
        )
    for name, width in {**inputs, **outputs}.items():
        wanted = 8 if name in inputs else 16
        if width != wanted:
            raise ComponentError(
                f"port {name} has {width} bits, not {wanted}",
                where=where,
                mend="multipliers of 8 by 8 bits with a product of 16 are taken",
            )
    (product,) = outputs
    if chosen is not None:
        return chosen, []
    first, second = inputs
    if {first.lower(), second.lower()} == {"a", "b"}:
        first, second = sorted(inputs, key=str.lower)
        return (first, second, product), []
    note = f"ports {first} (activation), {second} (weight), {product} taken in their order"
    return (first, second, product), [note]


def _table(
    circuit: Elaborated, ports: tuple[str, str, str], encoding: Encoding, where: str
) -> Table:
    """Simulates all pairs of operands."""
    signed = encoding is Encoding.SIGNED
    table = multiplication_table(circuit.network, signed=signed)
    if circuit.undefined is not None:
        other = multiplication_table(circuit.undefined, signed=signed)
        bits = int(np.bitwise_or.reduce((table ^ other) & 0xFFFF, axis=None))
        if bits:
            wrong = (bits & -bits).bit_length() - 1
            raise ComponentError(
                f"output {ports[2]}[{wrong}] depends on an undefined value (x or z)",
                where=where,
                mend="give it 0 or 1 for every input",
            )
    if circuit.network.inputs[0].name != ports[0]:
        table = np.ascontiguousarray(table.T)
    return sign_magnitude(table) if encoding is Encoding.SIGN_MAGNITUDE else table


def _multiplier(
    name: str,
    text: str,
    source: VerilogSource,
    task: Task,
    provenance: Provenance,
    result: Mapping[str, Any],
) -> StoredMultiplier:
    """Puts together what the file says and what its simulation gave."""
    products = zlib.decompress(base64.b64decode(result["table"]))
    table = np.frombuffer(products, "<i4").reshape(CODES, CODES)
    figures = result["known"]
    known = Known(**{**figures, "statistics": ErrorStatistics(**figures["statistics"])})
    return StoredMultiplier(
        name,
        Encoding(result["encoding"]),
        table,
        None,
        evoapprox.citation(source.comments) or f"netlist {task.origin}",
        f"module {provenance.top} of {Path(task.origin).name}, simulated",
        provenance=provenance,
        published={**task.published, **evoapprox.header_figures(source.comments)},
        verilog=text,
        known=known,
    )


def _licence(comments: str) -> str:
    """The first line of the comments that speaks of a licence."""
    for line in comments.splitlines():
        if _LICENCE.search(line):
            return line.strip(" \t*/-#")[:300]
    return ""
