"""Start-up stays light: heavy packages are imported by the functions that use them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# What networks are trained with and exported from; nothing but recipes and examples needs it.
FRAMEWORKS = frozenset(
    {
        "flax",
        "jax",
        "jax2onnx",
        "keras",
        "onnxscript",
        "skl2onnx",
        "tensorflow",
        "tf2onnx",
        "torch",
    }
)
HEAVY = FRAMEWORKS | frozenset(
    {
        "catboost",
        "dask",
        "distributed",
        "matplotlib",
        "networkx",
        "onnx",
        "onnx_graphsurgeon",
        "onnxruntime",
        "olive",
        "pandas",
        "rich",
        "scipy",
        "sklearn",
    }
)
# Put first on the path of finders, it hears of every import, also of packages that are not there.
LISTENER = """
import sys
class Listener:
    asked = set()
    def find_spec(self, name, path=None, target=None):
        self.asked.add(name.partition('.')[0])
sys.meta_path.insert(0, Listener())
"""


# Most modules that a start may load, a third more than it does: beside the list above, what keeps
# start-up within 0.3 s on any machine. `benchmarks/startup.py` takes the time.
MOST_MODULES = {"import hawx_onnx": 60, "--help": 150}


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after some code."""
    return {name.partition(".")[0] for name in modules_loaded_by(code)}


def modules_loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after some code, and not before."""
    code = f"import sys\nbefore = set(sys.modules)\n{code}"
    tail = "\nimport json\nprint('\\n' + json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def run_cli(*words: str) -> str:
    """Code that runs a command and swallows its exit."""
    return (
        "from hawx_onnx.cli.main import main\n"
        "try:\n"
        f"    main({list(words)!r})\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import hawx_onnx") & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["optimize", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert not loaded_by(run_cli(*words)) & HEAVY


def test_no_command_asks_for_a_training_framework(root: Path, tmp_path: Path) -> None:
    model = str(root / "models" / "lenet5" / "lenet5.onnx")
    quick = ["--candidates", "mul8s_trunc1", "--max-evaluations", "2", "-o", str(tmp_path / "o")]
    code = LISTENER + run_cli("optimize", model, *quick, "--quiet") + run_cli("doctor", "--json")
    code += f"print('\\nasked', sorted(Listener.asked & {set(FRAMEWORKS)!r}))"
    code += "\nprint('asked', sorted(Listener.asked & {'onnx', 'onnxruntime'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["asked []", "asked ['onnx', 'onnxruntime']"]


def test_a_start_loads_few_modules() -> None:
    assert len(modules_loaded_by("import hawx_onnx")) <= MOST_MODULES["import hawx_onnx"]
    assert len(modules_loaded_by(run_cli("--help"))) <= MOST_MODULES["--help"]


def test_the_three_source_folders_are_one_package() -> None:
    names = loaded_by("import hawx_onnx.passes.graph, hawx_onnx.models")
    assert "hawx_onnx" in names
    assert not {"passes", "models"} & names


def test_the_installed_command_tells_its_version() -> None:
    from importlib import metadata

    import hawx_onnx

    try:
        version = metadata.version("hawx-onnx")
    except metadata.PackageNotFoundError:
        pytest.skip("the package is not installed, only its sources are on the path")
    assert version == hawx_onnx.__version__
