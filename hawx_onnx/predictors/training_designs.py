"""Circuits that the cost predictor learns from: every family, swept, and exact ones pruned.

Designs come in groups that are left out together when the predictor is tested, so that no relative
of a test circuit is learnt from: column truncation is a broken array without a horizontal cut, for
instance, and ArithsGen's circuits go to the groups that compute the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.builtin import builtin, builtin_names, builtin_network
from hawx_onnx.components.generation import Design, find_sweep, generate, sweep_names
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import ONE, ZERO, GateNetwork
from hawx_onnx.components.netlist.simulation import (
    all_signals,
    multiplication_table,
    operand_words,
)
from hawx_onnx.components.netlist.wrapping import sign_magnitude_network
from hawx_onnx.components.realization import PREFIX
from hawx_onnx.components.tables import CODES, Encoding

PRUNING = "gate pruning"
PRUNING_SOURCE = (
    "J. Schlachter, V. Camus, K. V. Palem, C. Enz, Design and Applications of Approximate Circuits "
    "by Gate-Level Pruning, IEEE TVLSI 2017"
)
PRUNED_PER_CIRCUIT = 32
"""Pruned circuits made of each exact one."""

_PAIRS = CODES * CODES

# Sweep -> group; a sweep that is not here is a group of its own.
_GROUPS = {
    "truncation": "broken array",
    "broken-array": "broken array",
    "ariths-gen:broken-array": "broken array",
    "ariths-gen:broken-carry-save": "broken array",
    "operand-truncation": "operand truncation",
    "ariths-gen:truncated-array": "operand truncation",
    "ariths-gen:truncated-carry-save": "operand truncation",
    "ariths-gen:array": "exact",
    "ariths-gen:carry-save": "exact",
    "ariths-gen:dadda": "exact",
    "ariths-gen:wallace": "exact",
    "ariths-gen:recursive": "recursive",
    "column-or": "lower or",
    "pair-or": "lower or",
    "logarithm": "logarithm",
    "set-one-logarithm": "logarithm",
}
# Beginnings of the names of built-in multipliers, without their encoding.
_BUILTIN_GROUPS = {
    "exact": "exact",
    "trunc": "operand truncation",
    "kulkarni": "recursive",
    "etm": "etm",
    "roba": "logarithm",
}


@dataclass(frozen=True, eq=False)
class TrainingDesign:
    """A circuit to learn from.

    Attributes:
        group: What it is left out with.
        design: The multiplier and its circuit.
    """

    group: str
    design: Design


def swept_designs(names: Iterable[str] | None = None) -> Iterator[TrainingDesign]:
    """Yields the designs of families.

    Args:
        names: As in ``library generate``; by default all, ArithsGen's too.

    Raises:
        ConfigError: ArithsGen is not installed.
    """
    for name in sweep_names() if names is None else names:
        group = _GROUPS.get(name, name.replace("-", " "))
        for design in generate(find_sweep(name), {}):
            yield TrainingDesign(group, design)


def builtin_designs() -> Iterator[TrainingDesign]:
    """Yields the built-in multipliers whose families are not swept."""
    for name in builtin_names():
        stem = name.split("_", 1)[1]
        for start, group in _BUILTIN_GROUPS.items():
            if stem.startswith(start):
                yield TrainingDesign(group, Design(builtin(name), builtin_network(name)))


def pruned_designs(seed: int = 0, count: int = PRUNED_PER_CIRCUIT) -> Iterator[TrainingDesign]:
    """Yields exact multipliers with some gates replaced by constants, under every encoding.

    They stand for circuits that an evolutionary search finds, which belong to no family.

    Args:
        seed: Of the choice of gates.
        count: How many of each exact circuit.
    """
    rng = np.random.default_rng(seed)
    for signed in (False, True):
        names = [PREFIX[Encoding.SIGNED if signed else Encoding.UNSIGNED] + "exact"]
        cores = [builtin_network(name) for name in names]
        cores += [_arithsgen_core(kind, signed) for kind in ("dadda", "wallace")]
        for number, core in enumerate(cores):
            for index in range(count):
                pruned = prune(core, 10 ** rng.uniform(-2.3, -0.5), rng.uniform(0.5, 2.0), rng)
                for design in _under_encodings(pruned, f"pruned{number}_{index}", signed):
                    yield TrainingDesign(PRUNING, design)


def _arithsgen_core(kind: str, signed: bool) -> GateNetwork:
    encoding = Encoding.SIGNED if signed else Encoding.UNSIGNED
    (design,) = generate(find_sweep(f"ariths-gen:{kind}"), {}, (encoding,))
    return design.network


def prune(core: GateNetwork, share: float, bias: float, rng: np.random.Generator) -> GateNetwork:
    """Returns a circuit with some gates replaced by the constant that they mostly are.

    A gate's chance rises as the highest product bit that it reaches falls and as its signal gets
    more constant, the significance-activity product of the citation with a random part.

    Args:
        core: A multiplier of 8 bits.
        share: Of the gates that are replaced.
        bias: How much a product bit's significance counts: 0 for not at all.
        rng: Draws the gates.
    """
    names = [port.name for port in core.inputs]
    words = all_signals(core, dict(zip(names, operand_words(), strict=True)))
    ones = np.array([np.unpackbits(word.view(np.uint8)).sum() for word in words]) / _PAIRS
    significance = _highest_bit(core)
    gates = np.arange(core.first_gate, core.first_gate + len(core.gates))
    activity = np.minimum(ones, 1 - ones)[gates] + 1e-3
    score = np.log(activity) + bias * significance[gates] + rng.gumbel(size=len(gates))
    chosen = set(gates[np.argsort(score)[: max(1, round(share * len(gates)))]].tolist())
    build = Builder(core.inputs)
    signals = [ZERO, ONE, *(bit for name in names for bit in build.input(name))]
    for number, gate in zip(gates.tolist(), core.gates, strict=True):
        if number in chosen:
            signals.append(ONE if ones[number] > 0.5 else ZERO)
        else:
            signals.append(build.place(gate.kind, [signals[s] for s in gate.inputs], core.name))
    output = core.outputs[0]
    return build.network(core.name, {output.name: [signals[s] for s in output.signals]})


def _highest_bit(network: GateNetwork) -> npt.NDArray[np.float64]:
    """The number of the highest product bit that each signal reaches, -1 for none."""
    highest = np.full(network.first_gate + len(network.gates), -1.0)
    for bit, signal in enumerate(network.outputs[0].signals):
        highest[signal] = max(highest[signal], bit)
    for index in reversed(range(len(network.gates))):
        for signal in network.gates[index].inputs:
            highest[signal] = max(highest[signal], highest[network.first_gate + index])
    return highest


def _under_encodings(core: GateNetwork, stem: str, signed: bool) -> Iterator[Design]:
    table = multiplication_table(core, signed=signed)
    if signed:
        yield _design(core, stem, Encoding.SIGNED)
        return
    yield _design(core, stem, Encoding.UNSIGNED)
    spoilt = bool(table[0].any() or table[:, 0].any())
    wrapped = sign_magnitude_network(core, stem, gate_zero=spoilt)
    yield _design(wrapped, stem, Encoding.SIGN_MAGNITUDE)


def _design(network: GateNetwork, stem: str, encoding: Encoding) -> Design:
    table = multiplication_table(network, signed=encoding.codes_signed)
    name = PREFIX[encoding] + stem
    multiplier = Multiplier(name, encoding, table, None, PRUNING_SOURCE, "gates pruned")
    return Design(multiplier, network)
