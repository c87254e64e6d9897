"""What a layer asks of an accelerator: shapes and counts, no tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

from hawx_onnx.errors import ModelError

_SIZES = ("output_positions", "filters", "window", "groups", "batches")


@dataclass(frozen=True)
class Geometry:
    """The images of a convolution.

    Args:
        channels: Input channels over all groups.
        height: Rows of the input, without padding.
        width: Columns of the input, without padding.
        output_height: Rows of the output.
        kernel_height: Rows of the kernel; with a dilation, those that it spans.
        kernel_width: Columns of the kernel, likewise.
    """

    channels: int
    height: int
    width: int
    output_height: int
    kernel_height: int
    kernel_width: int


@dataclass(frozen=True)
class LayerWorkload:
    """The multiplications of one Conv, MatMul or Gemm for one inference (batch 1).

    Args:
        name: The node's name, unique in a network.
        op: The operator type: ``Conv``, ``MatMul`` or ``Gemm``.
        output_positions: M, output pixels of a convolution or rows of a product.
        filters: N, output channels over all groups.
        window: K, products per output (kernel height x kernel width x input channels / groups).
        groups: Groups of a convolution; a depthwise one has as many as it has channels.
        energies_fj: Energy of one multiplication under this layer's own operands, in femtojoules,
            as pairs with the multipliers' names; those that are left out cost what their figures
            say.
        around_fj: The same of what else an element switches with a product, its clock aside.
        batches: Products with operands of their own that the output positions are divided
            into, such as the heads of an attention; 1 where all positions share the weights.
        geometry: The images of a convolution; None where they are not known or there are none.
        sources: Names of the layers whose results this one reads, through whatever lies between;
            empty for a layer that reads the network's input, None where they are not known.

    Raises:
        ModelError: If a size is not a positive integer, or the groups do not divide the filters,
            or the batches not the output positions.
    """

    name: str
    op: str
    output_positions: int
    filters: int
    window: int
    groups: int = 1
    energies_fj: tuple[tuple[str, float], ...] = ()
    around_fj: tuple[tuple[str, float], ...] = ()
    batches: int = 1
    geometry: Geometry | None = None
    sources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in _SIZES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
                raise ModelError(
                    f"{name} is {value!r}; a layer's sizes are positive integers",
                    where=f"layer {self.name}",
                    mend="give the model static shapes apart from the batch",
                )
            # A numpy integer would neither fit JSON nor grow beyond 64 bits.
            object.__setattr__(self, name, int(value))
        if self.filters % self.groups:
            raise ModelError(
                f"{self.groups} groups do not divide {self.filters} filters",
                where=f"layer {self.name}",
            )
        if self.output_positions % self.batches:
            raise ModelError(
                f"{self.batches} batches do not divide {self.output_positions} output positions",
                where=f"layer {self.name}",
            )

    def energy_of(self, name: str, otherwise: float) -> float:
        """Returns the energy of one multiplication here, in femtojoules.

        Args:
            name: The multiplier.
            otherwise: What its figures say.
        """
        return next((energy for known, energy in self.energies_fj if known == name), otherwise)

    def around_of(self, name: str, otherwise: float) -> float:
        """Returns the energy of what else an element switches with a product, in femtojoules.

        Args:
            name: The multiplier.
            otherwise: What elements switch with typical operands.
        """
        return next((energy for known, energy in self.around_fj if known == name), otherwise)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations per inference: M x N x K."""
        return self.output_positions * self.filters * self.window

    @property
    def products(self) -> int:
        """Matrix products with operands of their own: one for each group and batch."""
        return self.groups * self.batches

    @property
    def product_shape(self) -> tuple[int, int, int]:
        """Output positions, filters and window of one of these products."""
        return self.output_positions // self.batches, self.filters // self.groups, self.window

    @property
    def input_values(self) -> int:
        """Distinct activations that the layer reads per inference.

        Of a convolution without its geometry that is M x K x groups, as if no two windows
        overlapped.
        """
        if self.geometry is not None:
            return self.geometry.channels * self.geometry.height * self.geometry.width
        return self.output_positions * self.window * self.groups

    @property
    def weight_values(self) -> int:
        """Distinct weights, or values of the second operand: N x K for each batch."""
        return self.filters * self.window * self.batches

    @property
    def output_values(self) -> int:
        """Results per inference: M x N."""
        return self.output_positions * self.filters


def operands_of(workloads: Iterable[LayerWorkload]) -> str:
    """Returns which operands the multiplications of layers are costed under.

    That is ``own`` where all layers hold energies under their own, ``uniform`` where none does,
    else ``mixed``.
    """
    found = {bool(work.energies_fj) for work in workloads}
    return "mixed" if len(found) > 1 else "own" if True in found else "uniform"
