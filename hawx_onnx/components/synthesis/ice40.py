"""Logic cells of a Lattice iCE40, by yosys's own flow for that family (``synth_ice40``).

The flow reads Verilog, not gates: where that tells of additions, their carries go to the family's
carry chains. Counts differ between releases of yosys, by up to a fifth, so that they belong to the
release that they come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hawx_onnx.components.cache import cached, key_of
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.verilog import module_text
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys, run_yosys
from hawx_onnx.components.rtl import rtl
from hawx_onnx.components.stored import StoredMultiplier
from hawx_onnx.errors import LibraryError

_PORTS = 3
_SCRIPT = """read_verilog circuit.v
synth_ice40 -top {top}
tee -q -o lut4.txt select -count t:SB_LUT4
tee -q -o carry.txt select -count t:SB_CARRY
"""


@dataclass(frozen=True)
class Ice40Cells:
    """Cells of an iCE40 that a circuit takes.

    Attributes:
        lut4: Look-up tables of four inputs.
        carry: Cells of the carry chains.
    """

    lut4: int
    carry: int

    def figures(self) -> dict[str, float]:
        """Returns the counts by the names that libraries have for them."""
        return {"ice40_lut4": float(self.lut4), "ice40_carry": float(self.carry)}


def ice40_cells(
    multiplier: Multiplier, network: GateNetwork, yosys: Yosys | None = None
) -> Ice40Cells:
    """Counts the cells that a multiplier takes.

    Runs are kept in the cache by Verilog and yosys.

    Args:
        multiplier: Whose Verilog counts, if it is one of a library with Verilog.
        network: Its circuit, which counts otherwise.
        yosys: The program; by default the one that is found.

    Raises:
        ComponentError: yosys refuses the Verilog.
        LibraryError: There is no yosys.
    """
    yosys = yosys or find_yosys()
    text, top = _design(multiplier, network)
    script = _SCRIPT.format(top=top)

    def run() -> dict[str, int]:
        files = ("lut4.txt", "carry.txt")
        found = run_yosys(
            script, {"circuit.v": text}, files, where=f"{multiplier.name}.v", yosys=yosys
        )
        return {"lut4": _count(found["lut4.txt"]), "carry": _count(found["carry.txt"])}

    counts = cached("ice40", key_of(script, yosys.version, text), run)
    return Ice40Cells(counts["lut4"], counts["carry"])


def _design(multiplier: Multiplier, network: GateNetwork) -> tuple[str, str]:
    """Returns Verilog and its top module."""
    if isinstance(multiplier, StoredMultiplier) and multiplier.verilog is not None:
        about = multiplier.provenance
        if about.top and len(about.ports) == _PORTS:
            design = rtl(multiplier)
            return design.design, design.interface.top
    # Equal circuits have equal texts, whatever they are called.
    return module_text(replace(network, name="circuit")), "circuit"


def _count(text: str) -> int:
    """Reads "12 objects."."""
    found = re.search(r"^(\d+) objects", text, re.MULTILINE)
    if found is None:
        raise LibraryError(f"yosys counts {text!r:.80}", where="synth_ice40", mend="report it")
    return int(found[1])
