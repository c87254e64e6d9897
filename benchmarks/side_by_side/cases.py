"""Multipliers that kernels are measured with, from one product for each to no structure at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hawx_onnx import components

# Products that each takes, and one that takes them: of the table or of its errors, as plans do.
LOW_RANK = {
    1: "mul8s_trunc2",
    2: "mul8sm_kulkarni",
    3: "mul8s_ctrunc2",
    4: "mul8s_bam_h1_v4",
    5: "mul8s_bam_h2_v6",
}
NO_FACTORS = np.zeros((0, 514), np.int32)


@dataclass(frozen=True, eq=False)
class Case:
    """A truth table, and the codes of the activations that meet it.

    Attributes:
        name: What it is called in results.
        multiplier: The built-in multiplier, or ``none``.
        table: int32 [256, 256].
        factors: int32 [R, 514], what the operators take as ``factors``.
        rank: Rows of the factors; 0 for a table that is looked up.
        codes: Lowest and highest code of the activations, int8.
    """

    name: str
    multiplier: str
    table: np.ndarray
    factors: np.ndarray
    rank: int = 0
    codes: tuple[int, int] = (-128, 127)


def general_table() -> np.ndarray:
    """A truth table without structure: int32 [256, 256], the exact product and noise, 16 bits."""
    noise = np.random.default_rng(0).integers(-200, 201, (256, 256), np.int32)
    return np.clip(components.exact_table(components.Encoding.SIGNED) + noise, -32768, 32767)


def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of results."""
    cases = []
    for rank, name in LOW_RANK.items():
        multiplier = components.load(name)
        factors = components.stacked_factors([multiplier])
        assert len(factors) == rank, f"{name} takes {len(factors)} products, not {rank}"
        cases.append(Case(f"rank {rank}", name, multiplier.table, factors, rank))
    table = general_table()
    cases.append(Case("general", "none", table, NO_FACTORS))
    cases.append(Case("general, codes < 128", "none", table, NO_FACTORS, codes=(0, 127)))
    return tuple(cases)


def named(names: Sequence[str]) -> tuple[Case, ...]:
    """Returns the cases of these names; all if there are none.

    Raises:
        SystemExit: There is no such case; the text lists them.
    """
    cases = {case.name: case for case in all_cases()}
    for name in names:
        if name not in cases:
            raise SystemExit(f"--cases: there is no {name!r}; there are {', '.join(cases)}")
    return tuple(case for case in cases.values() if not names or case.name in names)
