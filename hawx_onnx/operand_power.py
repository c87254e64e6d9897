"""Each layer's multiplications costed under the operands that the layer really sees."""

from __future__ import annotations

from dataclasses import replace

from hawx_onnx.assignment import Assignment
from hawx_onnx.components.element_power import element_energies
from hawx_onnx.hardware import Target
from hawx_onnx.operand_energies import OperandEnergies
from hawx_onnx.passes import PassState
from hawx_onnx.sensitivity import MultiplicationEnergies


def with_operand_energies(state: PassState, target: Target) -> tuple[PassState, tuple[str, ...]]:
    """Returns a scored state with each multiplier's energy under each layer's operands.

    These are the windows and filters that ``Calibrate`` kept, in the order in which the target's
    elements take them. The sensitivity tells all energies that can be had. The workloads hold them
    where all can: energies under uniform and under real operands do not compare, so that otherwise
    all stay with their figures.

    Args:
        state: The state.
        target: What elements keep, and the width of their sums, is read.

    Returns:
        The state, and a note where the workloads stay as they were.
    """
    found_all = element_energies(
        state.multipliers,
        [state.traces[candidate.name] for candidate in state.candidates],
        target.stays,
        target.accumulator_bits,
        target.lanes(tuple(candidate.workload for candidate in state.candidates)),
    )
    energies = [
        [None if one is None else one.multiplication_fj for one in row] for row in found_all
    ]
    assert state.sensitivity is not None
    found = MultiplicationEnergies(
        technology=tuple(m.cost.technology if m.cost else None for m in state.multipliers),
        uniform_fj=tuple(m.cost.energy_fj if m.cost else None for m in state.multipliers),
        own_fj=tuple(tuple(row) for row in energies),
    )
    state = state.replace(sensitivity=replace(state.sensitivity, energies=found))
    candidates, missing = [], set()
    names = [multiplier.name for multiplier in state.multipliers]
    for candidate, row in zip(state.candidates, found_all, strict=True):
        pairs = [(name, one) for name, one in zip(names, row, strict=True) if one is not None]
        missing |= set(names) - {name for name, _ in pairs}
        workload = replace(
            candidate.workload,
            energies_fj=tuple((name, one.multiplication_fj) for name, one in pairs),
            around_fj=tuple(
                (name, one.around_fj) for name, one in pairs if one.around_fj is not None
            ),
        )
        candidates.append(replace(candidate, workload=workload))
    if missing:
        return state, (_note([name for name in names if name in missing]),)
    return state.replace(candidates=tuple(candidates)), ()


def with_energies(assignment: Assignment, state: PassState, target: Target) -> Assignment:
    """Returns an assignment that carries the energies by which its cost was found, if any."""
    cost = state.multipliers[0].cost
    if cost is None:
        return assignment
    workloads = [candidate.workload for candidate in state.candidates]
    energies = OperandEnergies.of_workloads(cost.technology, workloads, target.stays)
    return replace(assignment, energies=energies)


def _note(missing: list[str]) -> str:
    names = ", ".join(missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return (
        f"power is that of uniform operands: there is no netlist at hand of {names}{more} "
        "(see docs/characterization.md)"
    )
