"""Accelerators of LeNet-5 in Verilog, and what the cost models say of the very same ones."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components.operand_power import component_energies
from hawx_onnx.costing import cost_model
from hawx_onnx.frontend.model import load_model
from hawx_onnx.operand_energies import OperandEnergies
from hawx_onnx.operand_power import _operands
from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.preparation import choose_multipliers, load_data, quantized_state
from hawx_onnx.rtl_emission import RtlRequest
from hawx_onnx.settings import Settings

MODEL = Path(__file__).resolve().parents[2] / "models" / "lenet5" / "lenet5.onnx"
MHZ = 100
BENCH = ("hawx_tile.v", "hawx_bench_", "hawx_accelerator_tb.v")


@dataclass(frozen=True)
class Kind:
    """A form of accelerator, as keys of a target.

    Attributes:
        name: What tables call it.
        keys: Keys of its YAML besides sizes.
    """

    name: str
    keys: dict[str, object]


OUTPUT = Kind("output-stationary, by column", {"kind": "temporal", "heterogeneity": "partitioned"})
MODES = Kind("output-stationary, multi-mode", {"kind": "temporal"})
WEIGHT = Kind(
    "weight-stationary, by column",
    {"kind": "temporal", "dataflow": "weight-stationary", "heterogeneity": "partitioned"},
)
ENGINE = Kind("dataflow engine", {"kind": "spatial", "when_unmet": "relax"})
KINDS = (OUTPUT, MODES, WEIGHT, ENGINE)


@dataclass(frozen=True)
class Design:
    """An accelerator and its modelled figures.

    Attributes:
        files: Verilog and operands by name.
        area_um2: Modelled area.
        energy_fj: Modelled energy of a multiply-accumulate of the layer under its own operands.
        uniform_fj: The same under uniform operands.
    """

    files: dict[str, str]
    area_um2: float
    energy_fj: float
    uniform_fj: float

    @property
    def sources(self) -> dict[str, str]:
        """The synthesizable files."""
        return {n: t for n, t in self.files.items() if n.endswith(".v") and n not in self.bench}

    @property
    def bench(self) -> dict[str, str]:
        """The testbench and what it reads."""
        return {
            name: text
            for name, text in self.files.items()
            if name.endswith(".hex") or name.startswith(BENCH)
        }


def array(kind: Kind, mixture: Sequence[str], layer: str, rows: int, columns: int) -> Design:
    """Writes an array.

    Args:
        kind: Its form.
        mixture: Multipliers that the channels of every layer take in turn.
        layer: The layer that it is fed with.
        rows: Its rows.
        columns: Its columns.
    """
    keys = {**kind.keys, "rows": rows, "cols": columns}
    return _design(keys, mixture, RtlRequest("", layer, rows=rows, columns=columns))


def engine(mixture: Sequence[str], layer: str, cycles: int, pe: int, simd: int) -> Design:
    """Writes the engine of a layer.

    Args:
        mixture: Multipliers that the channels of every layer take in turn.
        layer: The layer.
        cycles: Clock cycles per inference that it is folded for.
        pe: The elements that this gives, where all channels use one type.
        simd: The lanes.
    """
    keys = {**ENGINE.keys, "target_cycles": cycles}
    return _design(keys, mixture, RtlRequest("", layer, pe=pe, simd=simd))


def _design(keys: dict[str, object], mixture: Sequence[str], request: RtlRequest) -> Design:
    """Writes a design and costs the target that it is of."""
    keys = {**keys, "frequency_mhz": MHZ, "periphery": "required", "memories": "none"}
    with tempfile.TemporaryDirectory() as name:
        target, folder = Path(name) / "target.yaml", Path(name) / "rtl"
        target.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
        settings, chosen = Settings(target=str(target)), _assignment(tuple(mixture))
        document = cost_model(MODEL, settings, chosen, rtl=replace(request, folder=str(folder)))
        plain = cost_model(MODEL, settings, Assignment.of(dict(chosen.items())))
        files = {path.name: path.read_text() for path in folder.iterdir()}
    (row,) = (row for row in document["layers"] if row["name"] == request.layer)
    # An engine is of one layer, an array of all.
    whole = row if keys["kind"] == "spatial" else document["total"]
    uniform = _per_mac(plain, str(request.layer))
    return Design(files, whole["area_um2"], _per_mac(document, str(request.layer)), uniform)


def _per_mac(document: dict, layer: str) -> float:
    """Energy of a multiply-accumulate, leakage aside, in fJ."""
    (row,) = (row for row in document["layers"] if row["name"] == layer)
    parts = row["energy_parts"]
    return 1e9 * (parts["multiplication_uj"] + parts["periphery_uj"]) / row["macs"]


@cache
def _calibrated() -> PassState:
    """LeNet-5 as int8 graph with the histograms of its operands."""
    settings, model = Settings(), load_model(MODEL)
    state = quantized_state(
        model, load_data(model, settings), choose_multipliers(settings), lambda text: None
    )
    return Calibrate()(state)


def _assignment(mixture: tuple[str, ...]) -> Assignment:
    """Multipliers taken in turn, with their energies under each layer's operands."""
    state = _calibrated()
    multipliers = [components.load(name) for name in dict.fromkeys((*mixture, "mul8s_exact"))]
    constants = {tensor.name: tensor for tensor in state.model.graph.initializer}
    operands = [_operands(state, candidate, constants) for candidate in state.candidates]
    found = component_energies(multipliers, operands)
    energies = OperandEnergies(
        multipliers[0].cost.technology,
        tuple(
            (candidate.name, tuple((m.name, fj) for m, fj in zip(multipliers, row, strict=True)))
            for candidate, row in zip(state.candidates, found, strict=True)
        ),
    )
    choices = {
        c.name: list(itertools.islice(itertools.cycle(mixture), c.channels))
        for c in state.candidates
    }
    return Assignment(Assignment.of(choices).items_, energies)
