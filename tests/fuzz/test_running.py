"""The fuzzer notices what it is there for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from fuzzing import running
from fuzzing.running import Tally, Target, run_many, run_one
from hypothesis import strategies as st

from hawx_onnx.errors import DataError

FILES = st.binary(min_size=1, max_size=4).map(lambda data: {"a/b.bin": data})


def reader(folder: Path) -> None:
    data = (folder / "a/b.bin").read_bytes()
    if data[0] > 200:
        raise ValueError("a defect")
    if data[0] > 100:
        raise DataError("refused")


def test_what_is_no_error_of_ours_is_a_failure(tmp_path: Path) -> None:
    tally = run_many(Target("mine", FILES, reader), 300, 0, tmp_path)
    assert len(tally.failures) == 1
    assert "a defect" in tally.failures[0] and str(tmp_path) in tally.failures[0]
    (kept,) = (tmp_path / "mine").glob("*/a/b.bin")
    # The failing input was made small: the least first byte that fails, and no more bytes.
    assert kept.read_bytes() == bytes([201])


def test_what_is_taken_and_refused_is_counted() -> None:
    def mild(folder: Path) -> None:
        if (folder / "a/b.bin").read_bytes()[0] > 100:
            raise DataError("refused")

    tally = run_many(Target("mine", FILES, mild), 200, 0)
    assert not tally.failures
    assert tally.taken and tally.refused and tally.taken + tally.refused == tally.run


def test_the_same_seed_gives_the_same_inputs() -> None:
    def collect(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        target = Target("mine", FILES, lambda at: seen.append((at / "a/b.bin").read_bytes()))
        run_many(target, 50, seed)
        return seen

    assert collect(3) == collect(3) != collect(4)


def test_an_input_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.05)

    def spin(folder: Path) -> None:
        while True:
            pass

    def wait(folder: Path) -> None:
        time.sleep(30)

    for read in (spin, wait):
        with pytest.raises(running.Hang):
            run_one(Target("mine", FILES, read), {"x": b""}, Tally(), tmp_path / "input")


def test_the_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fuzzing", "data", "--inputs", "40", "--keep", str(tmp_path)]
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [*words, "--jobs", "1"], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": folder, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("data: 40 inputs, ")
    unknown = subprocess.run(
        [*words[:3], "datta"], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": folder, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert unknown.returncode == 2 and "no target datta" in unknown.stderr
