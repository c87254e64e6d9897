"""Writes what the other examples run: a rewritten model, samples, and what Python says of them.

    python examples/prepare.py MODEL FOLDER

MODEL is a model that hawx-onnx rewrote. FOLDER gets its copy, ``model.onnx``; ``input.f32``,
float32 samples one after the other; and ``expected.txt``, a line for each sample: its class, then
its scores. The path of the custom-op library is printed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

import hawx_onnx

SAMPLES = 8


def prepare(model: Path, folder: Path) -> None:
    """Writes the three files."""
    session = hawx_onnx.create_session(model)
    (spec,) = session.get_inputs()
    batch, *sample = spec.shape
    count = batch if isinstance(batch, int) else SAMPLES
    x = np.random.default_rng(0).standard_normal((count, *sample)).astype(np.float32)
    scores = session.run(None, {spec.name: x})[0].reshape(count, -1)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "model.onnx")
    x.astype("<f4").tofile(folder / "input.f32")
    lines = [" ".join([str(row.argmax()), *(f"{score:.9g}" for score in row)]) for row in scores]
    (folder / "expected.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="write what the other examples run")
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    prepare(args.model, args.folder)
    sys.stdout.write(f"{hawx_onnx.get_library_path()}\n")


if __name__ == "__main__":
    main()
