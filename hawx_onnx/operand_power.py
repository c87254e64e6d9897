"""Each layer's multiplications costed under the operands that the layer really sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.components.operand_power import component_energy
from hawx_onnx.passes import PassState
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.code_counts import histogram


def with_operand_energies(state: PassState) -> tuple[PassState, tuple[str, ...]]:
    """Returns a state whose workloads hold each multiplier's energy under the layer's operands.

    Activations come from the histograms of ``Calibrate``, weights from the model. Where the
    energy of one multiplier cannot be had, all stay with their figures: energies under uniform
    and under real operands do not compare.

    Returns:
        The state, and a note where it stays as it was.
    """
    constants = {tensor.name: tensor for tensor in state.model.graph.initializer}
    candidates = []
    for candidate in state.candidates:
        operands = _operands(state, candidate, constants)
        energies = {m.name: component_energy(m, *operands) for m in state.multipliers}
        known = tuple((name, energy) for name, energy in energies.items() if energy is not None)
        if len(known) < len(energies):
            missing = [m for m in state.multipliers if energies[m.name] is None]
            return state, (_note(missing),)
        workload = replace(candidate.workload, energies_fj=known)
        candidates.append(replace(candidate, workload=workload))
    return state.replace(candidates=tuple(candidates)), ()


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


def _note(missing: list[Multiplier]) -> str:
    names = ", ".join(multiplier.name for multiplier in missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return (
        f"power is that of uniform operands: there is no netlist at hand of {names}{more} "
        "(see docs/characterization.md)"
    )
