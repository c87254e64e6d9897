"""A generic cell library by the method of logical effort; no foundry's and no vendor's figures.

For computers without a cell library: it ranks circuits and scales within itself. A gate of drive s
that computes with logical effort g and parasitic delay p (I. Sutherland, B. Sproull, D. Harris,
"Logical Effort", 1999) has

* input capacitance g s C, delay tau (p + load / (s C)) + 0.1 x the input's transition,
  transition tau (1 + 2 load / (s C)),
* internal energy of one change p s C V^2 / 2, its parasitic capacitance,
* area and leakage by transistors, a gate of drive s counted s times.

with tau = 4 ps, C = 1 fF, V = 1 V, 0.25 um2 and 2 nW for each transistor: round figures of the
order of a 45 nm process (a fan-out-of-4 inverter takes 20 ps, a NAND2 1 um2).
"""

from __future__ import annotations

from dataclasses import dataclass

TAU_NS, CAPACITANCE_FF, VOLTAGE = 0.004, 1.0, 1.0
AREA_UM2, LEAKAGE_NW = 0.25, 2.0
_LOADS, _SLEWS = (0.5, 8.0, 64.0), (0.005, 0.05, 0.25)


@dataclass(frozen=True)
class _Gate:
    """Name, function, transistors, parasitic delay, effort of each input, drive, sense."""

    name: str
    function: str
    transistors: int
    parasitic: float
    efforts: dict[str, float]
    drive: int = 1
    sense: str = "negative_unate"


def _inputs(names: str, *efforts: float) -> dict[str, float]:
    return dict(zip(names, efforts * len(names) if len(efforts) == 1 else efforts, strict=True))


# Parasitics of two stages are those of the first, the load that the second puts on it, and the
# second's. An exclusive or holds its inverters; its efforts are those of both rails together.
_GATES = (
    *(_Gate(f"INVX{s}", "!A", 2, 1, _inputs("A", 1), s) for s in (1, 2, 4, 8)),
    *(_Gate(f"BUFX{s}", "A", 4, 4, _inputs("A", 0.5), s, "positive_unate") for s in (2, 4)),
    _Gate("NAND2", "!(A&B)", 4, 2, _inputs("AB", 4 / 3)),
    _Gate("NAND3", "!(A&B&C)", 6, 3, _inputs("ABC", 5 / 3)),
    _Gate("NOR2", "!(A|B)", 4, 2, _inputs("AB", 5 / 3)),
    _Gate("NOR3", "!(A|B|C)", 6, 3, _inputs("ABC", 7 / 3)),
    _Gate("AND2", "A&B", 6, 4, _inputs("AB", 4 / 3), 1, "positive_unate"),
    _Gate("OR2", "A|B", 6, 4, _inputs("AB", 5 / 3), 1, "positive_unate"),
    _Gate("AOI21", "!((A&B)|C)", 6, 7 / 3, _inputs("ABC", 2, 2, 5 / 3)),
    _Gate("OAI21", "!((A|B)&C)", 6, 7 / 3, _inputs("ABC", 2, 2, 4 / 3)),
    _Gate("AOI22", "!((A&B)|(C&D))", 8, 4, _inputs("ABCD", 2)),
    _Gate("OAI22", "!((A|B)&(C|D))", 8, 4, _inputs("ABCD", 2)),
    _Gate("XOR2", "A^B", 10, 4, _inputs("AB", 3), 1, "non_unate"),
    _Gate("XNOR2", "!(A^B)", 10, 4, _inputs("AB", 3), 1, "non_unate"),
    _Gate("MUX2", "(A&!S)|(B&S)", 12, 5, _inputs("ABS", 2, 2, 3), 1, "non_unate"),
)


def generic_liberty() -> str:
    """Returns the library as a Liberty file."""
    comment = "\n".join(f" * {line}".rstrip() for line in str(__doc__).strip().splitlines())
    cells = "".join(map(_cell, _GATES))
    return f"/*\n{comment}\n */\n{_HEAD}{cells}{_FLIP_FLOP}}}\n"


_HEAD = f"""library (generic) {{
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  current_unit : "1mA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, ff);
  nom_process : 1;
  nom_voltage : {VOLTAGE:g};
  nom_temperature : 25;
  lu_table_template (delay) {{
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("{", ".join(map(str, _SLEWS))}");
    index_2 ("{", ".join(map(str, _LOADS))}");
  }}
"""


def _cell(gate: _Gate) -> str:
    size, drive = gate.transistors * gate.drive, gate.drive * CAPACITANCE_FF
    pins = "".join(
        f"    pin ({pin}) {{ direction : input; capacitance : {effort * drive:.4f}; }}\n"
        for pin, effort in gate.efforts.items()
    )
    timings = "".join(_timing(pin, gate, drive) for pin in gate.efforts)
    energy = gate.parasitic * drive * VOLTAGE**2 / 2
    return f"""  cell ({gate.name}) {{
    area : {AREA_UM2 * size:g};
    cell_leakage_power : {LEAKAGE_NW * size:g};
{pins}    pin (Y) {{
      direction : output;
      max_capacitance : {32 * drive:g};
      function : "{gate.function}";
{timings}      internal_power () {{
        related_pin : "{" ".join(gate.efforts)}";
        power (scalar) {{ values ("{energy:.4f}"); }}
      }}
    }}
  }}
"""


def _timing(pin: str, gate: _Gate, drive: float) -> str:
    delays = [
        [TAU_NS * (gate.parasitic + load / drive) + 0.1 * slew for load in _LOADS]
        for slew in _SLEWS
    ]
    change = [TAU_NS * (1 + 2 * load / drive) for load in _LOADS]
    head = f'        related_pin : "{pin}";\n        timing_sense : {gate.sense};\n'
    lines = ["      timing () {\n", head]
    for edge in ("rise", "fall"):
        lines.append(f"        cell_{edge} (delay) {{ values ({_rows(delays)}); }}\n")
        lines.append(f"        {edge}_transition (delay) {{ values ({_rows([change] * 3)}); }}\n")
    return "".join([*lines, "      }\n"])


def _rows(table: list[list[float]]) -> str:
    return ", ".join('"' + ", ".join(f"{value:.6f}" for value in row) + '"' for row in table)


# 24 transistors; the clock drives four inverters' worth, the output is one inverter's.
_FLIP_FLOP = f"""  cell (DFF) {{
    area : {AREA_UM2 * 24:g};
    cell_leakage_power : {LEAKAGE_NW * 24:g};
    ff (IQ, IQN) {{ next_state : "D"; clocked_on : "CK"; }}
    pin (D) {{
      direction : input; capacitance : {2 * CAPACITANCE_FF:g};
      internal_power () {{ power (scalar) {{ values ("{2 * VOLTAGE**2:.4f}"); }} }}
    }}
    pin (CK) {{
      direction : input; capacitance : {2 * CAPACITANCE_FF:g}; clock : true;
      internal_power () {{ power (scalar) {{ values ("{2 * VOLTAGE**2:.4f}"); }} }}
    }}
    pin (Q) {{
      direction : output; function : "IQ";
      internal_power () {{
        related_pin : "CK";
        power (scalar) {{ values ("{2 * VOLTAGE**2:.4f}"); }}
      }}
    }}
  }}
"""
