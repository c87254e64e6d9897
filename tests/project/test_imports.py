"""Start-up stays light: heavy packages are imported by the functions that use them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = frozenset(
    {
        "catboost",
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
        "torch",
    }
)


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after some code."""
    tail = (
        "\nimport json, sys"
        "\nprint('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
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
