"""The same model, data, seed and version give the same bytes, times apart, however they are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_files import TIMES, content, document, timeless

from hawx_onnx.runtime.library import describe_kernels

FLAGS = ("--candidates", "mul8s_trunc3,mul8s_bam_h2_v6", "--score-samples", "32")
SEARCH = (*FLAGS, "--max-accuracy-drop", "0.1", "--confidence", "0.5", "--max-evaluations", "8")
# What tells how a run was made and not what came of it.
THREADS = TIMES | {"command", "threads"}
KERNELS = TIMES | {"isa", "kernel", "kernels"}
# Whatever a process has from outside; cores as a machine of one has them.
ELSEWHERE = {
    "PYTHONHASHSEED": "77",
    "LC_ALL": "C",
    "LANG": "C",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii",
    "TZ": "Pacific/Auckland",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


@pytest.fixture(scope="module")
def words(models: dict[str, Path], small_data: Path) -> list[Any]:
    return [models["open batch"], "--data", small_data]


@pytest.fixture(scope="module")
def whole(
    cli: Callable,
    words: list[Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Any], Path]:
    """A command, and the folder that it wrote; layers are searched before channels."""
    command = ["optimize", *words, *SEARCH, "--granularity", "filter"]
    folder = tmp_path_factory.mktemp("whole")
    cli(*command, "--jobs", "1", "-o", folder).check()
    return command, folder


def test_threads(cli: Callable, whole: tuple[list[Any], Path], tmp_path: Path) -> None:
    command, folder = whole
    cli(*command, "--jobs", "2", "-o", tmp_path).check()
    assert content(tmp_path, THREADS) == content(folder, THREADS)


@pytest.mark.parametrize("isa", ["scalar", "avx2", "avx512"])
def test_instruction_sets(
    cli: Callable,
    whole: tuple[list[Any], Path],
    isa: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command, folder = whole
    here = describe_kernels(np.zeros((256, 256), np.int32))
    if isa not in {kernel["isa"][:6] for kernel in here["kernels"] if kernel["supported"]}:
        pytest.skip(f"this processor has no {isa}")
    monkeypatch.setenv("HAWX_ISA", isa)
    cli(*command, "--jobs", "1", "-o", tmp_path).check()
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))["environment"]["isa"]
    assert told.startswith(isa)
    assert content(tmp_path, KERNELS) == content(folder, KERNELS)


def test_another_process_elsewhere(whole: tuple[list[Any], Path], tmp_path: Path) -> None:
    """Other hash seed, locale, time zone, cores of linear algebra, umask and working directory."""
    command, folder = whole
    words = [str(word) for word in (*command, "--jobs", "1", "-o", tmp_path / "out")]
    subprocess.run(
        [sys.executable, "-m", "hawx_onnx", *words],
        env={**os.environ, **ELSEWHERE},
        cwd="/",
        umask=0o077,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    assert content(tmp_path / "out") == content(folder)


@pytest.mark.parametrize("verb", ["explore", "analyze", "cost"])
def test_other_commands(cli: Callable, words: list[Any], verb: str, tmp_path: Path) -> None:
    """Another process, threads and instruction set at once."""
    flags = {
        "explore": (*words, *SEARCH, "--method", "hawx", "--method", "random"),
        "analyze": (*words, *FLAGS),
        "cost": words[:1],
    }[verb]
    jobs = () if verb == "cost" else ("--jobs",)
    out = {name: tmp_path / name for name in ("here", "there")}
    folder = verb == "analyze"
    given = {name: (*flags, *jobs, *("1",) * len(jobs)) for name in out}
    given["there"] = (*flags, *jobs, *("2",) * len(jobs))
    if folder:
        given = {name: (*given[name], "-o", path) for name, path in out.items()}
    here = cli(verb, *given["here"], "--json").check()
    there = subprocess.run(
        [sys.executable, "-m", "hawx_onnx", verb, *map(str, given["there"]), "--json"],
        env={**os.environ, **ELSEWHERE, "HAWX_ISA": "scalar"},
        cwd="/",
        capture_output=True,
        encoding="utf-8",
        errors="strict",
        check=True,
    )
    assert timeless(json.loads(there.stdout)) == timeless(here.json)
    if folder:
        texts = [document(path / "sensitivity.json") for path in out.values()]
        assert texts[0] == texts[1]


def test_order_of_files(cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems list folders in orders of their own."""
    image = pytest.importorskip("PIL.Image", reason="the extra `images` is not installed")
    from hawx_onnx.frontend.sources.images import load

    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(3):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    before = load(tmp_path).parts["all"]
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: sorted(real(self), reverse=True))
    after = load(tmp_path).parts["all"]
    assert after.x.files == before.x.files
    np.testing.assert_array_equal(after.y, before.y)
