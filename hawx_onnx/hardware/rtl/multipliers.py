"""The multipliers of an accelerator in Verilog: their modules, and the one that elements use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hawx_onnx.errors import ComponentError

LICENCE = "// SPDX-License-Identifier: Apache-2.0"
_OPERANDS = ("activation", "weight")
_MODULE = r"(?m)^[ \t]*(?:macro)?module\s+{name}\b"
_NAMES = re.compile(_MODULE.format(name=r"(?P<name>\w+)"))
_END = re.compile(r"\bendmodule\b[^\n]*\n?")
_OWN = re.compile(r"hawx_")


@dataclass(frozen=True)
class MultiplierModule:
    """A multiplier's Verilog.

    Attributes:
        name: The multiplier's name.
        top: Its module.
        ports: Activation, weight, product.
        width: Bits of the product.
        signed: Whether the product is in two's complement.
        zero: Whether its product of 0 and 0 is 0, so that gated operands are enough.
        text: The module and all that it uses.
    """

    name: str
    top: str
    ports: tuple[str, str, str]
    width: int
    signed: bool
    zero: bool
    text: str


@dataclass(frozen=True)
class MultiplierSet:
    """The types of an accelerator, in the order of their numbers.

    Args:
        modules: One for each type.
        multi_mode: Whether every element holds all types, chosen by ``select``; otherwise the
            parameter ``TYPE`` says which one it holds.
    """

    modules: tuple[MultiplierModule, ...]
    multi_mode: bool

    @property
    def modes(self) -> int:
        """Multipliers of each element."""
        return len(self.modules) if self.multi_mode else 1

    @property
    def signed(self) -> bool:
        """Whether products are extended by their sign."""
        return any(module.signed for module in self.modules)

    @property
    def product_bits(self) -> int:
        """Bits that hold the product of every type."""
        # An unsigned product among signed ones needs a sign of its own.
        return max(m.width + (self.signed and not m.signed) for m in self.modules)

    def designs(self) -> str:
        """Returns the modules of all types; what several bring along is kept once.

        Raises:
            ComponentError: Two multipliers define different modules of one name.
        """
        known: dict[str, tuple[str, str]] = {}
        texts = []
        for module in self.modules:
            text = module.text
            for name, body in _modules(text).items():
                owner, other = known.setdefault(name, (module.name, body))
                if owner == module.name:
                    continue
                if other != body:
                    raise ComponentError(
                        f"its Verilog and that of {owner} define different modules {name}",
                        where=module.name,
                        mend="rename the module in one of the two and import it anew",
                    )
                text = text.replace(body, "")
            texts.append(text.strip())
        if clash := [name for name in known if _OWN.match(name)]:
            raise ComponentError(
                f"its Verilog defines the module {clash[0]}, and hawx_ is taken",
                where=known[clash[0]][0],
                mend="rename the module and import the multiplier anew",
            )
        return "\n\n".join(texts) + "\n"

    def element_text(self) -> str:
        """Returns the module ``hawx_multiplier`` that elements use."""
        bits, last = self.product_bits, self.modes - 1
        body = self._modes() if self.multi_mode and self.modes > 1 else self._types()
        kept = "all types; select names one" if self.modes > 1 else "one type, chosen by TYPE"
        return f"""\
// The multiplier of a processing element: {kept}.
// Idle, its operands are held at 0 and the product is 0, whatever it makes of them.
{LICENCE}
module hawx_multiplier #(
  parameter TYPE = 0
) (
  input [{last}:0] select,
  input enable,
  input [7:0] activation,
  input [7:0] weight,
  output [{bits - 1}:0] product
);
{body}
endmodule
"""

    def _types(self) -> str:
        """One multiplier, of a parametric type."""
        bits = self.product_bits
        lines = [f"  wire [7:0] {name}_in = {name} & {{8{{enable}}}};" for name in _OPERANDS]
        lines += [f"  wire [{bits - 1}:0] whole;", "  generate"]
        for index, module in enumerate(self.modules):
            lines += [
                f"    if (TYPE == {index}) begin : type_{index}",
                f"      wire [{module.width - 1}:0] result;",
                f"      {_instance(module, 'activation_in', 'weight_in', 'result')}",
                f"      assign whole = {_gated(module, 'result', bits, 'enable')};",
                "    end",
            ]
        return "\n".join([*lines, "  endgenerate", "  assign product = whole;"])

    def _modes(self) -> str:
        """All multipliers, gated."""
        bits, lines = self.product_bits, []
        for index, module in enumerate(self.modules):
            gate = f"{{8{{taken_{index}}}}}"
            ports = (f"activation & {gate}", f"weight & {gate}", f"result_{index}")
            lines += [
                f"  // Mode {index}: {module.name}",
                f"  wire [{module.width - 1}:0] result_{index};",
                f"  wire taken_{index} = select[{index}] & enable;",
                f"  {_instance(module, *ports, name=f'mode_{index}')}",
            ]
        terms = (
            _gated(module, f"result_{index}", bits, f"taken_{index}")
            for index, module in enumerate(self.modules)
        )
        return "\n".join([*lines, "  assign product = " + "\n    | ".join(terms) + ";"])


def _instance(
    module: MultiplierModule, activation: str, weight: str, product: str, name: str = "multiplier"
) -> str:
    """An instance of a multiplier, connected by name."""
    wires = zip(module.ports, (activation, weight, product), strict=True)
    return f"{module.top} {name} ({', '.join(f'.{port}({wire})' for port, wire in wires)});"


def _gated(module: MultiplierModule, wire: str, bits: int, enable: str) -> str:
    """A product at the common width, 0 where it is not enabled and so its operands are 0."""
    whole = _extended(module, wire, bits)
    return whole if module.zero else f"({whole} & {{{bits}{{{enable}}}}})"


def _extended(module: MultiplierModule, wire: str, bits: int) -> str:
    """A product at the common width."""
    more = bits - module.width
    if not more:
        return wire
    fill = f"{wire}[{module.width - 1}]" if module.signed else "1'b0"
    return f"{{{{{more}{{{fill}}}}}, {wire}}}"


def _modules(text: str) -> dict[str, str]:
    """Returns the modules of a Verilog text by name, each from its first word to its last."""
    found: dict[str, str] = {}
    for match in _NAMES.finditer(text):
        end = _END.search(text, match.end())
        found[match["name"]] = text[match.start() : end.end() if end else len(text)]
    return found
