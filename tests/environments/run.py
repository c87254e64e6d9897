"""Runs tests with the oldest and with the newest dependencies that pyproject.toml allows.

    python tests/environments/run.py [FOLDER [NAME [TEST...]]]

`oldest` has the lower bounds of all dependencies, and of the extras that are imported beside them,
on the oldest Python that is there; `newest` what pip takes today on the newest. Both lie in FOLDER
(build/environments), run this checkout with the library of the environment that runs this script,
and stay until the bounds change. One that cannot be made is skipped with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from hawx_onnx.runtime.library import get_library_path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("images", "dask", "synth", "circuits", "nsga2")
TOOLS = ("pytest", "hypothesis", "jsonschema")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# A few of every part that leans on a dependency: onnx, graph surgery, onnxruntime and its
# quantisation, numpy files, scipy solvers, networkx, catboost, rich, yaml.
SHORT = (
    "tests/passes/test_canonicalize.py",
    "tests/passes/test_quantize.py",
    "tests/passes/test_lower_qdq.py",
    "tests/passes/test_rewrite.py",
    "tests/frontend/test_data.py",
    "tests/frontend/test_model_checks.py",
    "tests/hardware/test_pipeline.py",
    "tests/search/test_milp.py",
    "tests/search/test_knapsack.py",
    "tests/predictors/test_hardware_cost.py",
    "tests/predictors/test_residuals.py",
    "tests/test_yaml_files.py",
    "tests/cli/test_console.py",
    "tests/test_api.py",
)


def requirements() -> list[Requirement]:
    """The dependencies, those of the extras, and what runs the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for name in EXTRAS for text in extras[name])]
    found = {one.name.lower(): one for one in map(Requirement, texts)}
    for one in map(Requirement, extras["dev"]):
        if one.name in TOOLS:
            found[one.name] = one
    return [one for one in found.values() if one.marker is None or one.marker.evaluate()]


def oldest(one: Requirement) -> str:
    """The lower bound of a requirement alone."""
    (bound,) = (clause.version for clause in one.specifier if clause.operator == ">=")
    return f"{one.name}=={bound}"


def interpreter(names: tuple[str, ...]) -> str:
    """The first Python of these versions that runs; this one if none does."""
    for name in names:
        path = shutil.which(f"python{name}")
        if (
            path
            and not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode
        ):
            return path
    return sys.executable


def environment(folder: Path, python: str, wanted: list[str]) -> str:
    """Makes an environment unless it is there; returns why it cannot be made, or nothing."""
    ready = folder / "ready"
    stamp = "\n".join([python, *wanted])
    if ready.exists() and ready.read_text() == stamp:
        return ""
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    make = [python, "-m", "venv", "--clear", str(folder)]
    for command in (make, [*pip, "--only-binary=:all:", *wanted]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return (lines or done.stderr.splitlines() or ["it failed"])[0]
    # Seen by every process of the environment, also by workers that are started without variables.
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "checkout.pth").write_text(f"{ROOT}\n")
    ready.write_text(stamp)
    return ""


def main() -> int:
    sys.stdout.reconfigure(line_buffering=True)  # the tests write to the same place
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/environments").resolve()
    names = sys.argv[2:3] or ["oldest", "newest"]
    tests = sys.argv[3:] or ["tests/passes", "tests/search", *SHORT]
    tests = list(SHORT) if tests == ["short"] else tests
    needed = requirements()
    kinds = {
        "oldest": (interpreter(PYTHONS), [oldest(one) for one in needed]),
        "newest": (interpreter(PYTHONS[::-1]), [f"{o.name}{o.specifier}" for o in needed]),
    }
    given = {"HAWX_ONNX_LIBRARY": str(get_library_path())}
    failed = 0
    for name in names:
        if name not in kinds:
            sys.exit(f"there is no environment {name}: {', '.join(kinds)}")
        python, wanted = kinds[name]
        missing = environment(folder / name, python, wanted)
        if missing:
            print(f"skipped the {name} environment: {missing}")
            continue
        own = str(folder / name / "bin" / "python")
        print(f"{name}: {python}, {', '.join(wanted)}")
        command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, check=False)
        print(f"{name}: exit code {done.returncode}")
        failed |= done.returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
