"""Each layer's multiplications costed under the operands that the layer really sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components.operand_power import component_energies
from hawx_onnx.operand_energies import OperandEnergies
from hawx_onnx.passes import PassState
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.code_counts import histogram
from hawx_onnx.sensitivity import MultiplicationEnergies


def with_operand_energies(state: PassState) -> tuple[PassState, tuple[str, ...]]:
    """Returns a scored state with each multiplier's energy under each layer's operands.

    Activations come from the histograms of ``Calibrate``, weights from the model. The sensitivity
    tells all energies that can be had. The workloads hold them where all can: energies under
    uniform and under real operands do not compare, so that otherwise all stay with their figures.

    Returns:
        The state, and a note where the workloads stay as they were.
    """
    constants = {tensor.name: tensor for tensor in state.model.graph.initializer}
    operands = [_operands(state, candidate, constants) for candidate in state.candidates]
    energies = component_energies(state.multipliers, operands)
    assert state.sensitivity is not None
    found = MultiplicationEnergies(
        technology=tuple(m.cost.technology if m.cost else None for m in state.multipliers),
        uniform_fj=tuple(m.cost.energy_fj if m.cost else None for m in state.multipliers),
        own_fj=tuple(tuple(row) for row in energies),
    )
    state = state.replace(sensitivity=replace(state.sensitivity, energies=found))
    candidates, missing = [], set()
    for candidate, row in zip(state.candidates, energies, strict=True):
        pairs = [(m.name, energy) for m, energy in zip(state.multipliers, row, strict=True)]
        known = tuple((name, energy) for name, energy in pairs if energy is not None)
        missing |= {name for name, energy in pairs if energy is None}
        workload = replace(candidate.workload, energies_fj=known)
        candidates.append(replace(candidate, workload=workload))
    if missing:
        return state, (_note([m.name for m in state.multipliers if m.name in missing]),)
    return state.replace(candidates=tuple(candidates)), ()


def with_energies(assignment: Assignment, state: PassState) -> Assignment:
    """Returns an assignment that carries the energies by which its cost was found, if any."""
    cost = state.multipliers[0].cost
    if cost is None:
        return assignment
    workloads = [candidate.workload for candidate in state.candidates]
    energies = OperandEnergies.of_workloads(cost.technology, workloads)
    return replace(assignment, energies=energies)


def _operands(
    state: PassState, candidate: Candidate, constants: dict[str, onnx.TensorProto]
) -> tuple[np.ndarray, np.ndarray]:
    """Counts [256] of a layer's activation and weight codes, by bit pattern."""
    activation = state.histograms[candidate.name].sum(axis=0)
    tensor = constants.get(operand_tensors(state.model, candidate)[1])
    if tensor is None:
        return activation, state.histograms[second_operand(candidate.name)].sum(axis=0)
    codes = np.asarray(onnx.numpy_helper.to_array(tensor)).reshape(1, -1)
    return activation, histogram(codes, 0)[0]


def _note(missing: list[str]) -> str:
    names = ", ".join(missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return (
        f"power is that of uniform operands: there is no netlist at hand of {names}{more} "
        "(see docs/characterization.md)"
    )
