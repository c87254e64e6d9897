"""Runs the tests of training recipes and examples, which need other frameworks.

    python tests/frameworks/run.py [FOLDER [NAME...]]

Each set of frameworks has an environment in FOLDER (build/frameworks). It lies over the one that
runs this script, which the frameworks so never enter; it stays and is used again. Where it cannot
be made, its tests are skipped with the reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

EXPORTS = "tests/examples/test_exports.py"
SHIPPED = "tests/models/test_reference_models.py"
# What to install, and the tests to run. torch is held at one release: later ones may drop an
# exporter, and the newest bring gigabytes for GPUs.
ENVIRONMENTS = {
    "torch": (
        ["torch==2.13.0", "onnxscript>=0.5", "pillow>=10", "skl2onnx>=1.17"],
        [
            "tests/models/training",
            "tests/models/test_recipes.py",
            f"{SHIPPED}::test_one_epoch_of_training_writes_model_and_card",
            f"{SHIPPED}::test_torch_module_and_exported_graph_agree",
            EXPORTS,
        ],
    ),
    "tensorflow": (
        ["keras>=3.8", "tensorflow-cpu>=2.18", "tf2onnx>=1.16"],
        [EXPORTS, "-k", "keras"],
    ),
    "jax": (
        ["flax>=0.10", "jax2onnx>=0.12", "optax>=0.2"],
        [EXPORTS, "-k", "jax"],
    ),
}


def environment(folder: Path, requirements: list[str]) -> str:
    """Makes an environment unless it is there; returns why it cannot be made, or nothing."""
    ready = folder / "ready"
    wanted = "\n".join([sys.executable, *requirements])
    if ready.exists() and ready.read_text() == wanted:
        return ""
    make = [sys.executable, "-m", "venv", "--clear", str(folder)]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    for command in (make, [*pip, "--only-binary=:all:", *requirements]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return (lines or done.stderr.splitlines() or ["it failed"])[-1]
        if command is make:
            lay_over(folder)
    ready.write_text(wanted)
    return ""


def lay_over(folder: Path) -> None:
    """Lets an environment see the packages of this one, its editable installation too."""
    scheme = {"base": str(folder), "platbase": str(folder)}
    own = Path(sysconfig.get_path("purelib", "venv", scheme))
    below = sysconfig.get_path("purelib")
    (own / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")


def main() -> int:
    sys.stdout.reconfigure(line_buffering=True)  # the tests write to the same place
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/frameworks").resolve()
    # The networks are so small that more threads only wait for each other.
    single = {**os.environ, "OMP_NUM_THREADS": "1"}
    failed = 0
    for name in sys.argv[2:] or ENVIRONMENTS:
        requirements, tests = ENVIRONMENTS[name]
        missing = environment(folder / name, requirements)
        if missing:
            print(f"skipped {name}: {missing}")
            continue
        python = str(folder / name / "bin" / "python")
        done = subprocess.run([python, "-m", "pytest", "-q", *tests], env=single, check=False)
        print(f"{name}: exit code {done.returncode}")
        failed |= done.returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
