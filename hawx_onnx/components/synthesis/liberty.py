"""Cell libraries: what synthesis and power analysis read of a Liberty file."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from hawx_onnx.components.netlist.network import Function
from hawx_onnx.components.synthesis.cell_functions import compile_function
from hawx_onnx.components.synthesis.liberty_syntax import Group, read_groups
from hawx_onnx.components.synthesis.lookup import Lookup, read_lookup
from hawx_onnx.errors import LibraryError

_TIME_NS = {"ps": 1e-3, "ns": 1.0}
_CAPACITANCE_FF = {"ff": 1.0, "pf": 1e3}
_LEAKAGE_NW = {"pw": 1e-3, "nw": 1.0, "uw": 1e3, "mw": 1e6}

_STATE = {"ff", "latch", "ff_bank", "latch_bank", "statetable"}


@dataclass(frozen=True)
class Arc:
    """A path through a cell, from one input to its output.

    Attributes:
        pin: The input.
        sense: ``positive_unate``, ``negative_unate`` or ``non_unate``.
        delay: For a rising and a falling output, ns.
        transition: Of the rising and the falling output, ns.
    """

    pin: str
    sense: str
    delay: tuple[Lookup, Lookup]
    transition: tuple[Lookup, Lookup]


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        name: Its name.
        area_um2: Area in um2.
        leakage_nw: Static power in nW.
        inputs: Input pins in the order of the file, with their capacitance in fF.
        outputs: Output pins with the text of their functions.
        arcs: Paths to the (first) output.
        output_energy: Energy that one change of the output costs inside the cell, in fJ: tables
            for rising and falling outputs and for each input that may cause it.
        input_energy: The same for changes of an input, whatever the output does, by pin.
        sequential: Whether it holds state: a latch or a flip-flop.
        clock: The clock pin of a flip-flop.
    """

    name: str
    area_um2: float
    leakage_nw: float
    inputs: dict[str, float]
    outputs: dict[str, str]
    arcs: tuple[Arc, ...]
    output_energy: tuple[Lookup, ...]
    input_energy: dict[str, tuple[Lookup, ...]]
    sequential: bool
    clock: str

    def energy_of_change(self, slew_ns: float, load_ff: float) -> float:
        """Returns the internal energy of one change of the output in fJ, all causes averaged."""
        tables = self.output_energy
        return sum(table(slew_ns, load_ff) for table in tables) / max(len(tables), 1)


@dataclass(frozen=True, eq=False)
class CellLibrary:
    """A cell library.

    Attributes:
        name: The library's own name.
        path: The Liberty file.
        digest: SHA-256 of the file.
        voltage: Supply in V.
        cells: By name.
    """

    name: str
    path: Path
    digest: str
    voltage: float
    cells: dict[str, Cell]

    @functools.cached_property
    def functions(self) -> dict[str, Function]:
        """What each combinational cell of one output computes of its input pins in order."""
        return {
            cell.name: compile_function(function, tuple(cell.inputs), cell.name)
            for cell in self.cells.values()
            if not cell.sequential and len(cell.outputs) == 1 and cell.inputs
            for function in cell.outputs.values()
            if function
        }

    @functools.cached_property
    def flip_flop(self) -> Cell | None:
        """The smallest flip-flop with a clock and one data input, or None."""
        fitting = [c for c in self.cells.values() if c.clock and len(c.inputs) == 2]
        return min(fitting, key=lambda cell: (cell.area_um2, cell.name), default=None)

    @functools.cached_property
    def output_load_ff(self) -> float:
        """What a circuit's outputs drive: the data input of a register, else a mean input."""
        register = self.flip_flop
        if register is not None:
            return next(c for pin, c in register.inputs.items() if pin != register.clock)
        loads = [c for cell in self.cells.values() for c in cell.inputs.values()]
        return sum(loads) / max(len(loads), 1)

    @functools.cached_property
    def input_slew_ns(self) -> float:
        """The transition of a circuit's inputs: the fastest one that the delay tables know."""
        slews = [a.delay[0].slews[0] for cell in self.cells.values() for a in cell.arcs]
        return min(slews, default=0.0)


def read_liberty(path: Path) -> CellLibrary:
    """Returns the cells of a Liberty file (table look-up models, ``.lib``).

    Raises:
        LibraryError: The file cannot be read, is no Liberty file, or uses units or tables that are
            not understood; the message names the line or the cell.
    """
    try:
        return _Reader(path).library()
    except RecursionError:
        raise LibraryError("is nested too deeply", where=str(path)) from None


class _Reader:
    """Units and templates of one file, and the cells read with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        root = self._root = read_groups(path)
        if root.kind != "library" or not root.names:
            raise self._error("the outermost group is no library (NAME)")
        try:
            self._slew_ns = _unit(root.text("time_unit", "1ns"), _TIME_NS)
            self._leakage_nw = _unit(root.text("leakage_power_unit", "1nW"), _LEAKAGE_NW)
            self._load_ff = _unit(
                "".join(root.attributes.get("capacitive_load_unit", ["1", "pf"])), _CAPACITANCE_FF
            )
            volts = _unit(root.text("voltage_unit", "1V"), {"v": 1.0, "mv": 1e-3})
            self._voltage = root.number("nom_voltage") * volts
        except ValueError as error:
            raise self._error(str(error)) from None
        if self._voltage <= 0:
            raise self._error("has no nom_voltage")
        # Internal energy has no unit of its own: it is in units of C V^2.
        self._energy_fj = self._load_ff * volts**2
        self._templates = {
            group.names[0]: group
            for kind in ("lu_table_template", "power_lut_template")
            for group in root.all(kind)
            if group.names
        }

    def _error(self, what: str, cell: str = "") -> LibraryError:
        where = f"{self._path}: cell {cell}" if cell else str(self._path)
        return LibraryError(what, where=where, mend="give a Liberty file with table look-up models")

    def library(self) -> CellLibrary:
        """Reads all cells."""
        cells = {}
        for group in self._root.all("cell"):
            name = group.names[0] if group.names else ""
            try:
                cells[name] = self._cell(name, group)
            except ValueError as error:
                raise self._error(str(error), name) from None
        if not cells:
            raise self._error("holds no cell")
        digest = hashlib.sha256(self._path.read_bytes()).hexdigest()
        return CellLibrary(self._root.names[0], self._path, digest, self._voltage, cells)

    def _cell(self, name: str, group: Group) -> Cell:
        pins = {pin: inner for inner in group.all("pin") for pin in inner.names}
        inputs = {p: g for p, g in pins.items() if g.text("direction") == "input"}
        outputs = {p: g for p, g in pins.items() if g.text("direction") == "output"}
        first = next(iter(outputs.values()), Group("pin", ()))
        kinds = {inner.kind for inner in group.groups}
        three_state = any("three_state" in g.attributes for g in outputs.values())
        clocks = [p for p, g in inputs.items() if g.text("clock") == "true"]
        sequential = three_state or bool(kinds & _STATE)
        return Cell(
            name=name,
            area_um2=group.number("area"),
            leakage_nw=self._leakage(group) * self._leakage_nw,
            inputs={p: g.number("capacitance") * self._load_ff for p, g in inputs.items()},
            outputs={p: g.text("function") for p, g in outputs.items()},
            arcs=tuple(self._arcs(first)) if not sequential else (),
            output_energy=self._energies(first),
            input_energy={p: e for p, g in inputs.items() if (e := self._energies(g))},
            sequential=sequential,
            clock=clocks[0] if "ff" in kinds and clocks else "",
        )

    def _leakage(self, group: Group) -> float:
        """The cell's leakage, or the mean over its states where only those are given."""
        if "cell_leakage_power" in group.attributes:
            return group.number("cell_leakage_power")
        states = [inner.number("value") for inner in group.all("leakage_power")]
        return sum(states) / max(len(states), 1)

    def _table(self, group: Group, kind: str, unit: float) -> Lookup | None:
        for inner in group.all(kind):
            return read_lookup(inner, self._templates, self._load_ff, self._slew_ns, unit)
        return None

    def _arcs(self, pin: Group) -> list[Arc]:
        arcs: list[Arc] = []
        for timing in pin.all("timing"):
            tables = [
                self._table(timing, kind, self._slew_ns)
                for kind in ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
            ]
            rise, fall, rising, falling = tables
            if rise is None or fall is None or rising is None or falling is None:
                continue
            sense = timing.text("timing_sense", "non_unate")
            arcs.extend(
                Arc(pin, sense, (rise, fall), (rising, falling))
                for pin in timing.text("related_pin").split()
            )
        return arcs

    def _energies(self, pin: Group) -> tuple[Lookup, ...]:
        found = []
        for power in pin.all("internal_power"):
            for kind in ("rise_power", "fall_power", "power"):
                table = self._table(power, kind, self._energy_fj)
                if table is not None:
                    found.append(table)
        return tuple(found)


def _unit(text: str, units: dict[str, float]) -> float:
    """Returns ``1pf`` or ``1.0 ps`` as a factor."""
    compact = text.replace(" ", "").lower()
    for suffix, factor in units.items():
        if compact.endswith(suffix):
            return float(compact[: -len(suffix)] or 1) * factor
    raise ValueError(f"the unit {text!r} is not understood")
