"""The engine of one layer of a spatial accelerator: its elements, and the memories around them.

An element has SIMD multipliers with a register behind each, an adder tree, an accumulator with its
register, a weight register per lane, and a memory with the weights of its channels, of which it
reads SIMD bytes per cycle; weights that never change in an element (one channel, one cycle) take
none. The elements share the activation registers of the lanes, and a buffer of activations: (kernel
height - 1) rows and a kernel's width of a convolution's input, else one window. In front of it lies
the FIFO of a join of branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hawx_onnx.hardware.element import (
    ACTIVATION_ACTIVITY,
    PRODUCT_BITS,
    WEIGHT_ACTIVITY,
    SparedBits,
    accumulator,
    held_product,
    spared_bits,
)
from hawx_onnx.hardware.folding import Folding
from hawx_onnx.hardware.memory import Process
from hawx_onnx.hardware.streaming import weight_bytes
from hawx_onnx.hardware.technology import (
    OPERAND_BITS,
    ComponentFigures,
    Periphery,
    PeripheryLibrary,
)
from hawx_onnx.hardware.workload import LayerWorkload

SMALLEST_KB = 1 / 16
"""A memory below 64 bytes costs what one of 64 bytes does per access."""


@dataclass(frozen=True)
class Size:
    """An engine with its multipliers."""

    elements: int
    area_um2: float
    leakage_nw: float


@dataclass(frozen=True)
class EngineMemory:
    """The memories of an engine.

    Args:
        weight_bytes: Weights of all elements together.
        buffer_bytes: Activations that the elements share.
        fifo_bytes: Results that wait for another branch.
        area_um2: Area in square micrometres, 0 where memories are not counted, as all below.
        leakage_nw: Static power in nanowatts.
        moved_bytes: Bytes read and written per inference.
        sram_uj: Energy of that in microjoules.
        dram_bytes: Bytes of the network's input or output, if the layer reads or makes them, and
            of weights that are streamed.
        dram_uj: Energy of that in microjoules.
    """

    weight_bytes: int
    buffer_bytes: int
    fifo_bytes: int
    area_um2: float = 0.0
    leakage_nw: float = 0.0
    moved_bytes: int = 0
    sram_uj: float = 0.0
    dram_bytes: int = 0
    dram_uj: float = 0.0


@dataclass(frozen=True)
class Engine:
    """An engine without its multipliers, and what it switches beside them per inference.

    Args:
        folding: Elements, lanes and cycles.
        element: What an element has beside its multipliers.
        shared: What the elements share.
        spared: Bits that a lane spares with multipliers that do not use them.
        lane_fj: What a lane switches with a product of typical operands, its clock aside.
        periphery_fj: Energy of adders and registers per inference in femtojoules.
        memory: Its memories.
        stall_cycles: Clock cycles per inference that it waits for DRAM.
    """

    folding: Folding
    element: Periphery
    shared: Periphery
    spared: SparedBits
    lane_fj: float
    periphery_fj: float
    memory: EngineMemory
    stall_cycles: int = 0

    def bare(self, elements: int) -> Periphery:
        """Returns everything but the multipliers, for so many elements."""
        memory = Periphery(self.memory.area_um2, 0.0, self.memory.leakage_nw)
        return self.shared + self.element.times(elements) + memory

    def lane(self, figures: ComponentFigures) -> Periphery:
        """Returns a multiplier less what its lane spares; its energy is that of the clock."""
        own = self.spared.by(figures.bits)
        return Periphery(
            figures.area_um2 - own.area_um2, -own.energy_fj, figures.leakage_nw - own.leakage_nw
        )

    def beyond_fj(self, work: LayerWorkload, name: str, figures: ComponentFigures) -> float:
        """Returns what a lane takes for a product beyond typical operands and all bits.

        Args:
            work: The layer.
            name: The multiplier.
            figures: Its figures.
        """
        return work.around_of(name, self.lane_fj) - self.lane_fj + self.lane(figures).energy_fj

    def size(self, counts: Mapping[str, int], figures: Mapping[str, ComponentFigures]) -> Size:
        """Returns the engine with the channels of each type grouped on elements."""
        elements, area, leakage = 0, 0.0, 0.0
        for name, channels in counts.items():
            of_type = -(-channels // self.folding.neuron_fold)
            elements += of_type
            lane = self.lane(figures[name])
            area += of_type * self.folding.simd * lane.area_um2
            leakage += of_type * self.folding.simd * lane.leakage_nw
        bare = self.bare(elements)
        return Size(elements, area + bare.area_um2, leakage + bare.leakage_nw)


def make_engine(
    library: PeripheryLibrary,
    accumulator_bits: int,
    work: LayerWorkload,
    folding: Folding,
    memory: EngineMemory,
) -> Engine:
    """Returns the engine of a layer without its multipliers."""
    lanes = folding.simd
    element = (
        library.register(lanes * OPERAND_BITS, WEIGHT_ACTIVITY)
        + held_product(library).times(lanes)
        + library.adder_tree(lanes, PRODUCT_BITS)
        + accumulator(library, accumulator_bits)
        # Holds the accumulator at 0 for the first products of an output.
        + library.gate(accumulator_bits)
    )
    register_bits = lanes * (OPERAND_BITS + PRODUCT_BITS) + accumulator_bits
    clock_fj = library.register(register_bits, 0.0).energy_fj
    shared = library.register(lanes * OPERAND_BITS, ACTIVATION_ACTIVITY)
    # Every channel takes synapse_fold steps per position on its element; the shared registers
    # load once for all elements.
    element_steps = work.output_positions * work.filters * folding.synapse_fold
    return Engine(
        folding=folding,
        element=element,
        shared=shared,
        spared=spared_bits(library, accumulator_bits, loaded=False),
        lane_fj=(element.energy_fj - clock_fj) / lanes,
        periphery_fj=element_steps * element.energy_fj + folding.cycles * shared.energy_fj,
        memory=memory,
    )


def engine_memory(
    work: LayerWorkload,
    folding: Folding,
    fifo_bytes: int,
    dram_bytes: int,
    dram_pj_per_byte: float,
    process: Process | None,
    streamed: bool = False,
) -> EngineMemory:
    """Returns the memories of an engine.

    Args:
        work: The layer.
        folding: Its elements and lanes.
        fifo_bytes: Results that wait for another branch.
        dram_bytes: Bytes that it reads from DRAM or writes there.
        dram_pj_per_byte: Energy of one of them.
        process: What memories are scaled by; None leaves out all but their sizes.
        streamed: Whether its weights come from DRAM; then it keeps those of two cycles.
    """
    of_element = weight_bytes(folding) // folding.pe
    if streamed:
        of_element = 2 * folding.simd
    buffer = _buffer_bytes(work)
    if process is None:
        return EngineMemory(of_element * folding.pe, buffer, fifo_bytes)
    # Elements that work on channels of different groups read different activations.
    streams = max(1, folding.pe * work.groups // work.filters)
    pieces = (
        (of_element, folding.pe, (2 if streamed else 1) * work.macs if of_element else 0),
        (buffer, 1, folding.cycles * folding.simd * streams + work.input_values),
        (fifo_bytes, 1, 2 * work.input_values if fifo_bytes else 0),
    )
    area = leakage = energy_pj = 0.0
    for size, copies, moved in pieces:
        kilobytes = size / 1024
        area += copies * process.sram_um2(kilobytes)
        leakage += copies * process.sram_leakage_nw(kilobytes)
        energy_pj += moved * process.sram_pj_per_byte(max(kilobytes, SMALLEST_KB))
    return EngineMemory(
        weight_bytes=of_element * folding.pe,
        buffer_bytes=buffer,
        fifo_bytes=fifo_bytes,
        area_um2=area,
        leakage_nw=leakage,
        moved_bytes=sum(moved for _, _, moved in pieces),
        sram_uj=energy_pj * 1e-6,
        dram_bytes=dram_bytes,
        dram_uj=dram_bytes * dram_pj_per_byte * 1e-6,
    )


def _buffer_bytes(work: LayerWorkload) -> int:
    """Returns the activations that an engine keeps for its windows."""
    images = work.geometry
    if images is None:
        return work.window * work.groups
    return images.channels * ((images.kernel_height - 1) * images.width + images.kernel_width)
