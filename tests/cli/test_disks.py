"""Disks that are full or cannot be written, as real file systems say it."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

QUICK = ("--candidates", "mul8s_trunc3", "--max-evaluations", "2", "--score-samples", "16")
QUICK = (*QUICK, "--confidence", "0.5", "--jobs", "1")


def mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    if sys.platform != "linux":
        pytest.skip("file systems in memory are Linux's")
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=512k", "tmpfs", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one error of a command that could not write."""
    assert done.returncode == 2, done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


def run(*words: object, **variables: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hawx_onnx", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **variables,
    )


def test_an_output_that_fills_up(disk: Path, root: Path) -> None:
    lenet = root / "models" / "lenet5" / "lenet5.onnx"
    told = refusal(run("optimize", lenet, "-o", disk / "out", *QUICK))
    assert str(disk) in told
    assert "free some space" in told
    there = {path.name for path in (disk / "out").iterdir()}
    assert "journal.sqlite" in there
    assert "model.onnx" not in there
    assert not any(name.startswith(".") for name in there)
    for name in fnmatch.filter(there, "*.json"):
        json.loads((disk / "out" / name).read_text(encoding="utf-8"))


def test_an_output_that_cannot_be_written(disk: Path, root: Path) -> None:
    lenet = root / "models" / "lenet5" / "lenet5.onnx"
    mount("-o", "remount,ro", disk)
    told = refusal(run("analyze", lenet, "-o", disk / "out", *QUICK[:2]))
    assert "read-only file system" in told
    assert "choose a folder on a disk that can be written" in told


def test_a_temporary_folder_that_is_full(
    disk: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable
) -> None:
    """Whoever writes there, onnxruntime here, does not get the blame."""
    lenet = root / "models" / "lenet5" / "lenet5.onnx"
    (disk / "else").write_bytes(bytes(400_000))
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    done = cli("optimize", lenet, "-o", tmp_path / "out", *QUICK)
    done.refused(2, str(disk), "no space left on device", "TMPDIR")
    assert [path.name for path in disk.iterdir()] == ["else"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_that_is_full(root: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hawx_onnx", "library", "show", "mul8s_trunc2"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "standard output: cannot be written: no space left" in refusal(done)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
def test_a_limit_on_the_size_of_files(root: Path, tmp_path: Path) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    model = root / "models" / "lenet5" / "lenet5.onnx"
    assignment = tmp_path / "assignment.json"
    assignment.write_text('{"assignment": {"conv1": "mul8s_trunc2"}}')
    out = tmp_path / "out" / "model.onnx"
    words = ("apply", model, "--assignment", assignment, "-o", out)
    told = refusal(run(*words, preexec_fn=limit))
    assert "file too large" in told
    assert not out.exists()
    assert not list(out.parent.glob(".*"))
