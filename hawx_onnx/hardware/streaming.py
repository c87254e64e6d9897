"""Which engines of a spatial accelerator keep their weights on the chip, and which stream them.

An engine that streams reads from DRAM what its multipliers take: each weight anew for each output
position, MACs bytes per inference, through a buffer of two cycles' weights. So those go first that
use a weight for the fewest positions, which of fully connected layers is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from hawx_onnx.hardware.folding import Folding
from hawx_onnx.hardware.workload import LayerWorkload


def weight_bytes(folding: Folding) -> int:
    """Returns the bytes of weights that an engine keeps; none where they never change."""
    depth = folding.neuron_fold * folding.synapse_fold
    return folding.pe * depth * folding.simd if depth > 1 else 0


def streamed_layers(
    workloads: Sequence[LayerWorkload], foldings: Sequence[Folding], limit_kb: int
) -> frozenset[int]:
    """Returns the layers whose weights come from DRAM in every inference.

    Args:
        workloads: The layers.
        foldings: Their engines.
        limit_kb: kB of 1,024 bytes for the weights of all engines together; 0 sets no limit.
    """
    sizes = [weight_bytes(folding) for folding in foldings]
    excess = sum(sizes) - 1024 * limit_kb
    if not limit_kb or excess <= 0:
        return frozenset()
    order = sorted(
        (index for index, size in enumerate(sizes) if size),
        key=lambda index: (workloads[index].output_positions, -sizes[index]),
    )
    streamed = set()
    for index in order:
        if excess <= 0:
            break
        streamed.add(index)
        excess -= sizes[index]
    return frozenset(streamed)
