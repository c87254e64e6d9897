"""Bytes that a systolic array moves: between array and buffers, and between buffers and DRAM.

Operands and results are bytes, partial sums have the accumulator's width. Each of the three buffers
is filled in one half while the other half is used. What the array reads and writes equals
SCALE-Sim's SRAM access counts: with M positions, N filters, K products, and as many folds over rows
and columns,

- output-stationary: inputs M K column folds, weights K N row folds, results M N
- weight-stationary: inputs M K column folds, weights K N, sums M N written in each row fold
- input-stationary: inputs M K, weights K N column folds, sums M N written in each row fold

Which fold comes after which is free and changes no cycle count: each layer takes the order with the
fewest bytes of DRAM. A result is written to DRAM once, and each layer reads its inputs anew.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.workload import LayerWorkload


@dataclass(frozen=True)
class Buffers:
    """The on-chip buffers, each filled in one half while the other is used.

    Args:
        ifmap_kb: Buffer of activations, in kB of 1,024 bytes.
        filter_kb: Buffer of weights.
        ofmap_kb: Buffer of results and partial sums.
    """

    ifmap_kb: int
    filter_kb: int
    ofmap_kb: int

    def usable(self) -> tuple[int, int, int]:
        """Returns the bytes of a half of each."""
        return self.ifmap_kb * 512, self.filter_kb * 512, self.ofmap_kb * 512


@dataclass(frozen=True)
class Traffic:
    """Bytes of one layer and inference.

    Args:
        ifmap_sram_bytes: Read and written at the buffer of activations.
        filter_sram_bytes: At the buffer of weights.
        ofmap_sram_bytes: At the buffer of results and partial sums.
        ifmap_dram_bytes: Activations read from DRAM.
        filter_dram_bytes: Weights read from DRAM.
        ofmap_dram_bytes: Results written to DRAM, and partial sums written there and read back.
    """

    ifmap_sram_bytes: int
    filter_sram_bytes: int
    ofmap_sram_bytes: int
    ifmap_dram_bytes: int
    filter_dram_bytes: int
    ofmap_dram_bytes: int

    @property
    def sram_bytes(self) -> int:
        """All that is read and written on the chip."""
        return self.ifmap_sram_bytes + self.filter_sram_bytes + self.ofmap_sram_bytes

    @property
    def dram_bytes(self) -> int:
        """All that crosses to the DRAM and back."""
        return self.ifmap_dram_bytes + self.filter_dram_bytes + self.ofmap_dram_bytes


@dataclass(frozen=True)
class _Product:
    """One product on the array: sizes, folds, distinct bytes of its operands, bytes of a sum."""

    m: int
    n: int
    k: int
    row_folds: int
    col_folds: int
    inputs: int
    weights: int
    sum_bytes: int


def layer_traffic(
    work: LayerWorkload,
    dataflow: str,
    array: tuple[int, int],
    folds: tuple[int, int],
    accumulator_bits: int,
    buffers: Buffers,
    target: str,
) -> Traffic:
    """Returns the bytes that a layer moves.

    Args:
        work: The layer.
        dataflow: ``output-stationary``, ``weight-stationary`` or ``input-stationary``.
        array: Rows and columns.
        folds: How often one product wraps around the rows and the columns.
        accumulator_bits: Width of a partial sum.
        buffers: The on-chip buffers.
        target: The target's name, for messages.

    Raises:
        ConfigError: If even one step of the array needs more than a buffer holds; the message
            says which buffer and how many bytes.
    """
    m, n, k = work.product_shape
    product = _Product(
        m,
        n,
        k,
        *folds,
        inputs=-(-work.input_values // work.products),
        weights=work.weight_values // work.products,
        sum_bytes=-(-accumulator_bits // 8),
    )
    _require_step(work.name, dataflow, array, product, buffers, target)
    count = {
        "output-stationary": _output_stationary,
        "weight-stationary": _weight_stationary,
        "input-stationary": _input_stationary,
    }[dataflow]
    one = count(product, array, buffers.usable())
    return Traffic(*(work.products * part for part in astuple(one)))


def _require_step(
    layer: str,
    dataflow: str,
    array: tuple[int, int],
    product: _Product,
    buffers: Buffers,
    target: str,
) -> None:
    """Refuses buffers that cannot hold what the array takes at once."""
    rows, cols = array
    if dataflow == "output-stationary":
        tall, wide = min(rows, product.m), min(cols, product.n)
        needs = (tall, wide, tall * wide)
    else:
        tall = min(rows, product.k)
        weights = dataflow == "weight-stationary"
        wide = min(cols, product.n if weights else product.m)
        held = (tall, tall * wide) if weights else (tall * wide, tall)
        needs = (*held, wide * product.sum_bytes)
    names = ("ifmap_buffer_kb", "filter_buffer_kb", "ofmap_buffer_kb")
    for name, need, usable in zip(names, needs, buffers.usable(), strict=True):
        if need > usable:
            raise ConfigError(
                f"layer {layer} keeps {need} bytes in the {name.split('_')[0]} buffer at once, "
                f"which has {usable} in the half that is used, {need - usable} too few",
                where=f"target {target}: key {name}",
                mend=f"raise {name} to {-(-need // 512)} or more, or make the array smaller",
            )


def _output_stationary(
    product: _Product, array: tuple[int, int], usable: tuple[int, int, int]
) -> Traffic:
    inputs, weights = _resident_or_streamed(product, array, usable)
    results = product.m * product.n
    return Traffic(
        ifmap_sram_bytes=product.m * product.k * product.col_folds + inputs,
        filter_sram_bytes=product.k * product.n * product.row_folds + weights,
        ofmap_sram_bytes=2 * results,
        ifmap_dram_bytes=inputs,
        filter_dram_bytes=weights,
        ofmap_dram_bytes=results,
    )


def _resident_or_streamed(
    product: _Product, array: tuple[int, int], usable: tuple[int, int, int]
) -> tuple[int, int]:
    """Returns how many bytes of inputs and weights an output-stationary array reads from DRAM.

    Either as many columns' weights as fit stay while the inputs pass, or the other way round.
    """
    row_folds, col_folds = product.row_folds, product.col_folds
    input_folds = usable[0] // -(-product.inputs // row_folds)
    weight_folds = usable[1] // (product.k * min(array[1], product.n))
    input_passes = _passes(col_folds, weight_folds, product.inputs <= usable[0])
    weight_passes = _passes(row_folds, input_folds, product.weights <= usable[1])
    weights_stay = (
        product.inputs * input_passes,
        product.weights * (1 if weight_folds else row_folds),
    )
    inputs_stay = (
        product.inputs * (1 if input_folds else col_folds),
        product.weights * weight_passes,
    )
    return min(weights_stay, inputs_stay, key=sum)


def _passes(folds: int, at_once: int, resident: bool) -> int:
    """Returns how often an operand is read while the other one's folds take turns."""
    return 1 if resident else -(-folds // max(at_once, 1))


def _weight_stationary(
    product: _Product, array: tuple[int, int], usable: tuple[int, int, int]
) -> Traffic:
    wide = min(array[1], product.n)
    inputs, spilled = _stream(product, product.inputs, usable[0], product.m * wide, usable[2])
    return _with_sums(
        product,
        inputs=(product.m * product.k * product.col_folds, inputs),
        weights=(product.k * product.n, product.weights),
        spilled=spilled,
    )


def _input_stationary(
    product: _Product, array: tuple[int, int], usable: tuple[int, int, int]
) -> Traffic:
    wide = min(array[1], product.m)
    weights, spilled = _stream(product, product.weights, usable[1], product.n * wide, usable[2])
    return _with_sums(
        product,
        inputs=(product.m * product.k, product.inputs),
        weights=(product.k * product.n * product.col_folds, weights),
        spilled=spilled,
    )


def _stream(
    product: _Product, streamed: int, usable: int, sums: int, usable_sums: int
) -> tuple[int, int]:
    """Returns the bytes read of a streamed operand, and the bytes of sums that go to DRAM and back.

    Args:
        product: The product.
        streamed: Distinct bytes of the operand that does not stay in the array.
        usable: Bytes of its buffer.
        sums: Partial sums that one column fold makes.
        usable_sums: Bytes of the buffer of partial sums.
    """

    def spilled(alive: int) -> int:
        excess = max(0, alive * product.sum_bytes - usable_sums)
        return 2 * excess * (product.row_folds - 1)

    folds = product.col_folds
    # Row folds inside: the sums of one column fold are alive, the operand passes for each of them.
    inside = (streamed * (1 if streamed <= usable else folds), spilled(sums) * folds)
    # Row folds outside: a slice of the operand serves all column folds, all sums are alive.
    slice_stays = -(-streamed // product.row_folds) <= usable
    outside = (streamed * (1 if slice_stays else folds), spilled(product.m * product.n))
    return min(inside, outside, key=sum)


def _with_sums(
    product: _Product, inputs: tuple[int, int], weights: tuple[int, int], spilled: int
) -> Traffic:
    """Adds sums that are written in every row fold; inputs and weights are (array, DRAM) bytes."""
    results = product.m * product.n
    between = 2 * results * (product.row_folds - 1) * product.sum_bytes
    return Traffic(
        ifmap_sram_bytes=sum(inputs),
        filter_sram_bytes=sum(weights),
        ofmap_sram_bytes=2 * results + between + spilled,
        ifmap_dram_bytes=inputs[1],
        filter_dram_bytes=weights[1],
        ofmap_dram_bytes=results + spilled,
    )
