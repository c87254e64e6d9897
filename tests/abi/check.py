"""Runs in an environment of one onnxruntime: bytes of library and portable bodies, as expected?

    python check.py LIBRARY CASES.npz

Needs onnxruntime and numpy alone.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import onnxruntime


def output_of(library, isa, model, feeds):
    """The output of a model; without an instruction set by its portable body."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    os.environ.pop("HAWX_ISA", None)
    if isa is not None:
        if isa:
            os.environ["HAWX_ISA"] = isa
        options.register_custom_ops_library(library)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def main():
    library, path = sys.argv[1:]
    wrong, runs = [], 0
    with np.load(path) as cases:
        names = sorted({key.rpartition(".")[0] for key in cases})
        for name in names:
            model, x, wanted = (cases[f"{name}.{part}"] for part in ("model", "x", "y"))
            for way, isa in (("library", ""), ("scalar", "scalar"), ("portable", None)):
                found = output_of(library, isa, model.tobytes(), {"x": x})
                runs += 1
                if found.dtype != wanted.dtype or not np.array_equal(found, wanted):
                    wrong.append(f"{name} ({way})")
    version = onnxruntime.__version__
    if wrong:
        sys.exit(f"onnxruntime {version}: other bytes than the reference's: {', '.join(wrong)}")
    print(f"onnxruntime {version}: {runs} runs of {len(names)} models equal the reference")


if __name__ == "__main__":
    main()
