"""Check that the rewritten graph computes what it should."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import stacked_factors
from hawx_onnx.errors import LibraryError
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.passes.approximate import TABLES, index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate, Pass, PassResult, PassState, release_large
from hawx_onnx.passes.graph import HAWX_DOMAIN, table_index_of
from hawx_onnx.passes.portable import make_runnable
from hawx_onnx.passes.probe import AssignmentProbe, stacked_tables
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.library import library_installed
from hawx_onnx.runtime.runner import Runner

SAMPLES = 8
PORTABLE_SAMPLES = 2
# Larger than any product of two 8-bit codes can make up for: the accumulators saturate.
POISON = 2**14


class Verify(Pass):
    """Three checks, each on calibration samples, each an error that names the node.

    1. With exact multipliers in every candidate, the graph equals the int8 graph bit for bit.
    2. The truth table of every node is in use: with another table the node's codes change.
    3. The portable bodies give the same bytes as the library.
    """

    name = "verify"

    def __init__(self, int8: onnx.ModelProto, threads: int = 0) -> None:
        self.int8 = int8
        self.threads = threads

    def call(self, state: PassState) -> PassResult:
        """Runs the checks; the state stays as it is."""
        assert state.dataset is not None
        x = state.dataset.calibration.x
        check_exact(self.int8, state, x[:SAMPLES], self.threads)
        release_large(state.model)
        check_tables(state.model, x[:SAMPLES], self.threads)
        release_large(state.model)
        check_portable(state.model, x[:PORTABLE_SAMPLES], self.threads)
        return PassResult(state, False)


def _failed(what: str, where: str) -> LibraryError:
    return LibraryError(
        what,
        where=where,
        mend="library and package may differ in version: reinstall, see `hawx-onnx doctor`",
    )


def check_exact(int8: onnx.ModelProto, state: PassState, x: np.ndarray, threads: int) -> None:
    """With exact multipliers everywhere the outputs equal those of the int8 model.

    Raises:
        LibraryError: They differ.
    """
    # Sessions of a large model are not held beside each other.
    approximate = AssignmentProbe(int8, state.candidates, state.multipliers[:1], threads).outputs(
        Assignment(()), x
    )
    reference = flat_outputs(Runner(int8, threads=threads).run(x))
    if approximate.tobytes() != reference.tobytes():
        raise _failed(
            "with exact multipliers the rewritten graph differs from the int8 graph",
            _first_difference(int8, state, x, threads),
        )


def _first_difference(int8: onnx.ModelProto, state: PassState, x: np.ndarray, threads: int) -> str:
    """Name of the first candidate whose codes differ."""
    for candidate in state.candidates:
        output = _output_of(int8, candidate)
        exact = state.multipliers[:1]
        probe = with_index_inputs(
            int8,
            stacked_tables(exact),
            {candidate.name: candidate.channels},
            factors=stacked_factors(exact),
            signed=exact[0].encoding.codes_signed,
        )
        feeds = {index_input(candidate.name): np.zeros(candidate.channels, np.int32)}
        runner = Runner(exposed(probe, [output]), threads=threads)
        plain = Runner(exposed(int8, [output]), threads=threads)
        pairs = zip(runner.stream(x, [output], feeds), plain.stream(x, [output]), strict=True)
        if any(a[0].tobytes() != b[0].tobytes() for a, b in pairs):
            return f"node {candidate.name}"
    return "model"


def check_tables(model: onnx.ModelProto, x: np.ndarray, threads: int) -> None:
    """Another table changes the codes that a rewritten node writes, for every one of them.

    The tables of the rewritten model are joined by one that holds ``POISON`` everywhere, and
    one node after the other is pointed to it: its accumulators saturate. No factors describe it.

    Raises:
        LibraryError: A node does not notice.
    """
    nodes = [node for node in model.graph.node if node.domain == HAWX_DOMAIN]
    if not nodes:
        return
    probe, indices, poison = _with_poison(model, nodes)
    runner = Runner(make_runnable(probe), threads=threads)
    names = [node.output[0] for node in nodes]
    before = next(iter(runner.stream(x, names, indices)))
    for node, codes in zip(nodes, before, strict=True):
        key = table_index_of(node)
        feeds = {**indices, key: np.full_like(indices[key], poison)}
        (after,) = next(iter(runner.stream(x, [node.output[0]], feeds)))
        if np.array_equal(after, codes):
            raise _failed("its truth table is not in use", f"node {node.name}")


def _with_poison(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto]
) -> tuple[onnx.ModelProto, dict[str, np.ndarray], int]:
    """The model with table indices as graph inputs and a poisoned table behind its tables."""
    probe = exposed(model, [node.output[0] for node in nodes])
    users = [function for function in probe.functions if function.domain != HAWX_DOMAIN]
    del probe.functions[:]
    probe.functions.extend(users)
    constants = {tensor.name: tensor for tensor in probe.graph.initializer}
    tables = onnx.numpy_helper.to_array(constants[TABLES])
    poisoned = np.concatenate([tables, np.full((1, 256, 256), POISON, np.int32)])
    constants[TABLES].CopyFrom(onnx.numpy_helper.from_array(poisoned, TABLES))
    indices = {}
    for name in dict.fromkeys(table_index_of(node) for node in nodes):
        indices[name] = onnx.numpy_helper.to_array(constants[name])
        probe.graph.initializer.remove(constants[name])
        probe.graph.input.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT32, [None])
        )
    return probe, indices, len(tables)


def check_portable(model: onnx.ModelProto, x: np.ndarray, threads: int) -> None:
    """The model gives the same bytes with the library, if there is one, and its portable bodies.

    Raises:
        LibraryError: It does not.
    """
    rewritten = any(node.domain == HAWX_DOMAIN for node in model.graph.node)
    if not rewritten or not library_installed():
        return
    library = Runner(model, threads=threads).run(x)
    portable = Runner(model, threads=threads, use_library=False).run(x)
    if library.tobytes() != portable.tobytes():
        raise _failed(
            "the portable bodies differ from the library", f"output {model_output(model)}"
        )


def _output_of(model: onnx.ModelProto, candidate: Candidate) -> str:
    return str(next(n.output[0] for n in model.graph.node if n.name == candidate.name))
