"""What a layer asks of an accelerator: shapes and counts, no tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from numbers import Integral

from hawx_onnx.errors import ModelError


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

    Raises:
        ModelError: If a size is not a positive integer, or the groups do not divide the filters.
    """

    name: str
    op: str
    output_positions: int
    filters: int
    window: int
    groups: int = 1
    energies_fj: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self)[2:-1]:
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
                raise ModelError(
                    f"{item.name} is {value!r}; a layer's sizes are positive integers",
                    where=f"layer {self.name}",
                    mend="give the model static shapes apart from the batch",
                )
            # A numpy integer would neither fit JSON nor grow beyond 64 bits.
            object.__setattr__(self, item.name, int(value))
        if self.filters % self.groups:
            raise ModelError(
                f"{self.groups} groups do not divide {self.filters} filters",
                where=f"layer {self.name}",
            )

    def energy_of(self, name: str, otherwise: float) -> float:
        """Returns the energy of one multiplication here, in femtojoules.

        Args:
            name: The multiplier.
            otherwise: What its figures say.
        """
        return next((energy for known, energy in self.energies_fj if known == name), otherwise)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations per inference: M x N x K."""
        return self.output_positions * self.filters * self.window


def operands_of(workloads: Iterable[LayerWorkload]) -> str:
    """Returns which operands the multiplications of layers are costed under.

    That is ``own`` where all layers hold energies under their own, ``uniform`` where none does,
    else ``mixed``.
    """
    found = {bool(work.energies_fj) for work in workloads}
    return "mixed" if len(found) > 1 else "own" if True in found else "uniform"
