"""What holds for every file that the project keeps."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"build", "dist", "out", "hawx-out", "wheelhouse", "__pycache__", "catboost_info"}
BINARY = {".onnx", ".npz", ".npy", ".png", ".so", ".gz", ".pb", ".whl", ".cbm"}
# Spelt in parts, so that this file does not hold what it looks for.
PLACES = re.compile("(?<![A-Za-z0-9._$}*-])/" + r"(?:work|home|root|Users|workspace)/\w+")
REGISTRIES = re.compile(
    "|".join(
        rf"\b{name}\.{domain}\b"
        for name, domain in (
            ("py" + "pi", "org"),
            ("python" + "hosted", "org"),
            ("npm" + "js", "org"),
            ("npm" + "js", "com"),
            ("deb." + "debian", "org"),
            ("archive." + "ubuntu", "com"),
        )
    )
)
BARE_IMPORT = re.compile(r"^\s*(?:import|from) +(?:passes|models)\b", re.MULTILINE)
HEADINGS = re.compile(r"^## \[(?P<version>[^\]]+)\](?P<rest>.*)$", re.MULTILINE)


def is_source(path: Path) -> bool:
    """Whether a path is no build output, cache or environment."""
    folders = set(path.parts[:-1])
    hidden = {name for name in folders if name.startswith(".")} - {".ci", ".github"}
    return not hidden and not folders & BUILT


def kept_files() -> list[Path]:
    """The files that git tracks or would track; without git, all that are no build output."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if is_source(path.relative_to(ROOT))]
    return sorted(path for path in paths if path.is_file() and path.suffix not in BINARY)


def texts() -> Iterator[tuple[str, str]]:
    for path in kept_files():
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_no_file_names_a_place_on_one_machine() -> None:
    found = [f"{name}: {match[0]}" for name, text in texts() for match in PLACES.finditer(text)]
    assert not found, found


def test_no_file_names_a_package_registry() -> None:
    found = [f"{name}: {match[0]}" for name, text in texts() for match in REGISTRIES.finditer(text)]
    assert not found, found


def test_no_module_is_imported_under_its_bare_name() -> None:
    found = [name for name, text in texts() if name.endswith(".py") and BARE_IMPORT.search(text)]
    assert not found, f"import hawx_onnx.passes or hawx_onnx.models instead: {found}"


def test_text_files_end_with_one_newline() -> None:
    found = [
        name for name, text in texts() if text and (not text.endswith("\n") or text[-2:] == "\n\n")
    ]
    assert not found, found


def test_the_changelog_starts_with_this_version() -> None:
    import hawx_onnx

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = HEADINGS.search(text)
    assert first is not None
    assert first["version"] == hawx_onnx.__version__


def test_the_licence_is_there_and_declared() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0" in licence
    assert settings()["project"]["license"] == "Apache-2.0"


def test_the_wheel_holds_all_three_source_folders() -> None:
    packages = settings()["tool"]["scikit-build"]["wheel"]["packages"]
    assert packages == {
        "hawx_onnx": "hawx_onnx",
        "hawx_onnx/passes": "passes",
        "hawx_onnx/models": "models",
    }
    for source in packages.values():
        assert (ROOT / source / "__init__.py").is_file()


def test_ruff_refuses_the_bare_names_too() -> None:
    banned = settings()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert {"passes", "models"} <= set(banned)


def settings() -> dict[str, dict]:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_ci_script_can_be_run() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o100
    subprocess.run(["bash", "-n", str(script)], check=True)
