"""Writes a file of many truth tables: signed ones that drop bits, round and err.

python tests/load/many_multipliers.py 2000 tables.npz
"""

from __future__ import annotations

import sys

import numpy as np

CODES = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int32)


def table(rng: np.random.Generator) -> np.ndarray:
    """int32 [256, 256], operands cut to some bits, sums rounded, some products off."""
    bits = rng.integers(0, 4, 2)
    a, w = (CODES >> bits[0]) << bits[0], (CODES >> bits[1]) << bits[1]
    product = a[:, None] * w[None, :]
    drop = int(rng.integers(0, 6))
    product = ((product + (1 << drop >> 1)) >> drop) << drop
    off = rng.integers(0, 256, (2, int(rng.integers(0, 64))))
    product[off[0], off[1]] += rng.integers(-256, 257, off.shape[1]).astype(np.int32)
    return product


def main() -> None:
    """Writes the file."""
    count, path = int(sys.argv[1]), sys.argv[2]
    rng = np.random.default_rng(11)
    np.savez(path, **{f"made_{i:04d}": table(rng).astype(np.int16) for i in range(count)})


if __name__ == "__main__":
    main()
