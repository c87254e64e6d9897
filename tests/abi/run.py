"""Checks library and portable bodies with the oldest and the newest onnxruntime.

    python tests/abi/run.py [FOLDER]

Each has an environment of its own. These stay in FOLDER (build/abi) and are used again. One that
cannot be made, for want of a wheel or of a Python that there is one for, is skipped with the
reason.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from onnx import helper, numpy_helper

from hawx_onnx import components
from hawx_onnx.components import stacked_factors
from hawx_onnx.passes.portable import add_portable_bodies
from hawx_onnx.runtime import reference, reference_integer
from hawx_onnx.runtime.library import get_library_path

# Requirements of pip by name. The first onnxruntime that the library supports was built for
# Python 3.8 to 3.11 and numpy 1.
OLDEST, NEWEST = "1.16.3", "newest"
REQUIREMENTS = {OLDEST: [f"onnxruntime=={OLDEST}", "numpy<2"], NEWEST: ["onnxruntime", "numpy"]}
LAST_PYTHON = {OLDEST: (3, 11)}

CONV = {
    "auto_pad": "NOTSET",
    "dilations": [1, 1],
    "group": 2,
    "kernel_shape": [3, 3],
    "pads": [1, 1, 1, 1],
    "strides": [1, 2],
    "skip_padding": 0,
}
QUANTISED = ("x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero")
INTEGER = ("x", "w", "x_zero", "w_zero")
OPERATORS = {
    "ApproxQLinearConv": ((*QUANTISED, "bias"), reference.approx_qlinear_conv, CONV),
    "ApproxQLinearMatMul": (QUANTISED, reference.approx_qlinear_matmul, {}),
    "ApproxConvInteger": (INTEGER, reference_integer.approx_conv_integer, CONV),
    "ApproxMatMulInteger": (INTEGER, reference_integer.approx_matmul_integer, {}),
}


def arrays_of(op, with_factors):
    """Codes with zero points, and two tables; without factors one of them could have none."""
    rng = np.random.default_rng(0)

    def codes(*shape):
        return rng.integers(0, 256, shape).astype(np.uint8)

    other = "mul8u_trunc2" if with_factors else "mul8u_mitchell"
    multipliers = [components.load("mul8u_kulkarni"), components.load(other)]
    conv = "Conv" in op
    return {
        "x": codes(2, 6, 9, 11) if conv else codes(3, 7, 40),
        "x_scale": np.float32(0.02),
        "x_zero": np.uint8(11),
        "w": codes(8, 3, 3, 3) if conv else codes(40, 8),
        "w_scale": rng.uniform(0.01, 0.02, 8).astype(np.float32),
        "w_zero": codes(8),
        "y_scale": np.float32(0.3),
        "y_zero": np.uint8(100),
        "bias": rng.integers(-5000, 5000, 8).astype(np.int32),
        "tables": np.stack([multiplier.table for multiplier in multipliers]),
        "table_index": np.array([0, 0, 1, 0, 1, 1, 0, 0], np.int32),
        "factors": stacked_factors(multipliers),
    }


def case_of(op, with_factors):
    """A model of one node as bytes, its input and the output of the numpy reference."""
    arrays = arrays_of(op, with_factors)
    own, compute, attributes = OPERATORS[op]
    names = [*own, "tables", "table_index", *(["factors"] if with_factors else [])]
    y = compute(*(arrays[name] for name in names), **attributes)
    node = helper.make_node(op, names, ["y"], "node", domain="ai.hawx", **attributes)
    graph = helper.make_graph(
        [node],
        "case",
        [helper.make_tensor_value_info("x", 2, [None] * arrays["x"].ndim)],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(y.dtype), None)],
        [numpy_helper.from_array(np.asarray(arrays[n]), n) for n in names if n != "x"],
    )
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("ai.hawx", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    add_portable_bodies(model, 13)
    return {"model": np.frombuffer(model.SerializeToString(), np.uint8), "x": arrays["x"], "y": y}


def write_cases(path):
    cases = {}
    for op in OPERATORS:
        for with_factors in (False, True):
            name = f"{op}{' with factors' if with_factors else ''}"
            case = case_of(op, with_factors)
            cases.update({f"{name}.{part}": value for part, value in case.items()})
    np.savez(path, **cases)


def check_symbols(library):
    """The library exports its entry point and nothing else."""
    if sys.platform != "linux" or shutil.which("nm") is None:
        print("skipped the exported symbols: reading them needs nm of binutils on Linux")
        return
    command = ["nm", "-D", "--defined-only", str(library)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    symbols = [line.split()[-1] for line in listing.splitlines()]
    if symbols != ["RegisterCustomOps"]:
        sys.exit(f"{library} exports {', '.join(symbols)}, it must be RegisterCustomOps alone")
    print("the only exported symbol is RegisterCustomOps")


def interpreter(last):
    """A Python not newer than `last`: this one, or one that is on the path; None if none is."""
    if last is None or sys.version_info[:2] <= last:
        return sys.executable
    minors = range(last[1], 9, -1)
    found = (shutil.which(f"python{last[0]}.{minor}") for minor in minors)
    return next((path for path in found if path), None)


def environment(folder, name):
    """The Python of an environment with the onnxruntime `name`, and why there is none."""
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python, ""
    base = interpreter(LAST_PYTHON.get(name))
    if base is None:
        return None, f"no Python up to {'.'.join(map(str, LAST_PYTHON[name]))} was found"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    for command in ([base, "-m", "venv", "--clear", str(folder)], [*pip, *REQUIREMENTS[name]]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return None, (lines or done.stderr.splitlines() or ["pip failed"])[-1]
    (folder / "ready").touch()
    return python, ""


def main():
    sys.stdout.reconfigure(line_buffering=True)  # the checks write to the same place
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/abi").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    library = get_library_path()
    check_symbols(library)
    write_cases(folder / "cases.npz")
    for name in REQUIREMENTS:
        python, reason = environment(folder / name, name)
        if python is None:
            print(f"skipped onnxruntime {name}: {reason}")
            continue
        check = Path(__file__).with_name("check.py")
        done = subprocess.run([python, check, library, folder / "cases.npz"], check=False)
        if done.returncode:
            sys.exit(f"the library does not work with onnxruntime {name}")


if __name__ == "__main__":
    main()
