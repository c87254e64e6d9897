"""Static timing: the longest path of a mapped netlist over the library's delay tables."""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.synthesis.liberty import Arc, CellLibrary

RISE, FALL = 0, 1
_CAUSES = {
    "positive_unate": ((RISE,), (FALL,)),
    "negative_unate": ((FALL,), (RISE,)),
    "non_unate": ((RISE, FALL), (RISE, FALL)),
}


@dataclass(frozen=True)
class Timing:
    """Loads, arrivals and transitions, by signal.

    Attributes:
        delay_ns: The latest arrival at an output.
        loads_ff: What each signal drives.
        slews_ns: Transition of each signal, the mean of rising and falling.
    """

    delay_ns: float
    loads_ff: list[float]
    slews_ns: list[float]


def loads(network: GateNetwork, library: CellLibrary) -> list[float]:
    """Returns what each signal drives in fF: input pins, and a register at each output bit.

    Wires have no capacitance: nothing is placed.
    """
    found = [0.0] * (network.first_gate + len(network.gates))
    for gate in network.gates:
        for signal, load in zip(gate.inputs, library.cells[gate.kind].inputs.values(), strict=True):
            found[signal] += load
    for output in network.outputs:
        for signal in output.signals:
            found[signal] += library.output_load_ff
    return found


def analyse_timing(network: GateNetwork, library: CellLibrary) -> Timing:
    """Returns the timing of a netlist of cells.

    Inputs arrive at time 0 with the library's fastest transition. Arrivals and transitions are
    propagated for rising and falling edges apart, the worst cause of each.
    """
    driven = loads(network, library)
    start = library.input_slew_ns
    arrival = [(0.0, 0.0)] * network.first_gate
    slew = [(start, start)] * network.first_gate
    for index, gate in enumerate(network.gates, network.first_gate):
        cell = library.cells[gate.kind]
        pins = dict(zip(cell.inputs, gate.inputs, strict=True))
        late, slow = [0.0, 0.0], [0.0, 0.0]
        for arc in cell.arcs:
            if (signal := pins.get(arc.pin)) is not None:
                _propagate(arc, arrival[signal], slew[signal], driven[index], late, slow)
        arrival.append((late[RISE], late[FALL]))
        slew.append((slow[RISE], slow[FALL]))
    ends = [max(arrival[s]) for output in network.outputs for s in output.signals]
    return Timing(max(ends, default=0.0), driven, [sum(pair) / 2 for pair in slew])


def _propagate(
    arc: Arc,
    arrival: tuple[float, float],
    slew: tuple[float, float],
    load: float,
    late: list[float],
    slow: list[float],
) -> None:
    """Takes one path through a cell into account."""
    for edge, causes in enumerate(_CAUSES.get(arc.sense, _CAUSES["non_unate"])):
        for cause in causes:
            late[edge] = max(late[edge], arrival[cause] + arc.delay[edge](slew[cause], load))
            slow[edge] = max(slow[edge], arc.transition[edge](slew[cause], load))
