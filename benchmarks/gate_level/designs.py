"""Accelerators of LeNet-5 in Verilog, and what the cost models say of the very same ones."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.chosen_multipliers import choose_multipliers
from hawx_onnx.components import Multiplier
from hawx_onnx.components.element_power import element_energies
from hawx_onnx.components.operand_traces import OperandTrace
from hawx_onnx.costing import cost_model
from hawx_onnx.frontend.model import load_model
from hawx_onnx.hardware import LayerWorkload, Target, load_target
from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.preparation import quantized_state
from hawx_onnx.rtl_emission import RtlRequest
from hawx_onnx.run_data import load_data
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
class Energies:
    """Modelled energies of a multiply-accumulate of a tile, leakage aside, in fJ.

    Attributes:
        tile: Under the operands of the tile.
        layer: Under operands of the layer's calibration samples, as `optimize` has them.
        uniform: Of uniform operands of multipliers, typical ones of all else.
    """

    tile: float
    layer: float
    uniform: float


@dataclass(frozen=True)
class Design:
    """An accelerator and its modelled figures.

    Attributes:
        files: Verilog and operands by name.
        area_um2: Modelled area.
        energies: Modelled energies.
    """

    files: dict[str, str]
    area_um2: float
    energies: Energies

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


@dataclass(frozen=True)
class Codes:
    """What a testbench feeds.

    Attributes:
        activations: uint8 [positions, K].
        weights: uint8 [filters, K].
        filters: Their numbers in the layer.
    """

    activations: np.ndarray
    weights: np.ndarray
    filters: list[int]

    @classmethod
    def read(cls, files: dict[str, str]) -> Codes:
        """Reads them, without the slots that fill up rows and columns of an array."""
        positions, filters = (_numbers(files[f"{n}.hex"])[:, 0] for n in ("positions", "filters"))
        activations, weights = (_numbers(files[f"{n}.hex"]) for n in ("activations", "weights"))
        rows, columns = positions < _NONE, filters < _NONE
        return cls(
            activations[rows].astype(np.uint8),
            weights[columns].astype(np.uint8),
            filters[columns].tolist(),
        )


_NONE = 1 << 31


def _numbers(text: str) -> np.ndarray:
    return np.array([[int(word, 16) for word in line.split()] for line in text.splitlines()])


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
    layer = str(request.layer)
    choices = {
        c.name: list(itertools.islice(itertools.cycle(mixture), c.channels))
        for c in _calibrated().candidates
    }
    with tempfile.TemporaryDirectory() as name:
        path, folder = Path(name) / "target.yaml", Path(name) / "rtl"
        path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
        settings, request = Settings(target=str(path)), replace(request, folder=str(folder))
        document = cost_model(MODEL, settings, Assignment.of(choices), rtl=request)
        target = load_target(str(path))
        files = {file.name: file.read_text() for file in folder.iterdir()}
    (row,) = (row for row in document["layers"] if row["name"] == layer)
    # An engine is of one layer, an array of all.
    whole = row if keys["kind"] == "spatial" else document["total"]
    energies = _energies(target, layer, mixture, Codes.read(files), request.simd or 1)
    return Design(files, whole["area_um2"], energies)


def _energies(
    target: Target, layer: str, mixture: Sequence[str], codes: Codes, simd: int
) -> Energies:
    """Costs a tile as if it were a layer, so that an array idles as it does with the tile.

    An engine is folded for its whole layer, and never idles.
    """
    filters, positions = codes.filters, len(codes.activations)
    if simd > 1:
        (whole,) = (c.workload for c in _calibrated().candidates if c.name == layer)
        filters, positions = list(range(whole.filters)), whole.output_positions
    types = [mixture[number % len(mixture)] for number in filters]
    multipliers = {n: components.load(n) for n in dict.fromkeys((*mixture, "mul8s_exact"))}
    chosen = [multipliers[name] for name in types]
    tile = LayerWorkload(layer, "Conv", positions, len(filters), codes.activations.shape[1])
    own = OperandTrace(codes.activations[None], codes.weights[None])
    works = [
        _under(tile, list(multipliers.values()), trace, target, simd)
        for trace in (own, _calibrated().traces[layer])
    ]
    found = []
    for work in (*works, tile):
        report = target.cost((work,), {layer: chosen}, multipliers["mul8s_exact"])
        parts = report.layers[0].energy_parts
        found.append(1e9 * (parts.multiplication_uj + parts.periphery_uj) / work.macs)
    return Energies(*found)


def _under(
    work: LayerWorkload,
    multipliers: Sequence[Multiplier],
    trace: OperandTrace,
    target: Target,
    simd: int,
) -> LayerWorkload:
    """A layer that knows what its operands cost."""
    (row,) = element_energies(multipliers, [trace], target.stays, lanes=[simd])
    pairs = [(m.name, one) for m, one in zip(multipliers, row, strict=True)]
    return replace(
        work,
        energies_fj=tuple((name, one.multiplication_fj) for name, one in pairs),
        around_fj=tuple((name, one.around_fj) for name, one in pairs),
    )


@cache
def _calibrated() -> PassState:
    """LeNet-5 as int8 graph with what calibration keeps of its operands."""
    settings, model = Settings(), load_model(MODEL)
    state = quantized_state(
        model, load_data(model, settings), choose_multipliers(settings), lambda text: None
    )
    return Calibrate()(state)
