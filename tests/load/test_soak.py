"""Sessions made and let go of leave nothing behind: short forms of `make soak`."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path

SCRIPT = Path(__file__).with_name("soak.py")
MIB = 2**20


def test_a_few_rounds_do_not_grow() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("resident memory is read from /proc")
    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    # A round makes some thirty sessions, of 0.3 MiB and more each: one that stayed of each round
    # would be 3 MiB of heap behind 10 rounds. The heap swings by half of one, resident memory,
    # which is given back in pages, by some.
    command = [sys.executable, SCRIPT, "--rounds", "20", "--in-use", "2", "--resident", "12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("20 rounds")


@pytest.fixture(scope="module")
def soak() -> dict:
    return runpy.run_path(str(SCRIPT))


def samples(soak: dict, leak: int, files: int = 0) -> list:
    """An hour whose memory fills in the first half, swings by 4 MiB, and leaks."""
    return [
        soak["Sample"](
            rounds=10 * i,
            seconds=9.0 * i,
            resident=100 * MIB + min(i, 50) * MIB + (i * 7 % 9 - 4) * MIB // 2 + 10 * i * leak,
            in_use=50 * MIB + (i * 7 % 9) * 2**16 + 10 * i * leak,
            descriptors=10 + files * i,
            threads=2,
        )
        for i in range(1, 401)
    ]


def test_what_swings_is_no_growth(soak: dict) -> None:
    assert soak["judge"](samples(soak, 0), {"resident": MIB, "in_use": MIB / 10}) == []


def test_a_hundred_bytes_a_round_are(soak: dict) -> None:
    (wrong,) = soak["judge"](samples(soak, 100), {"resident": MIB, "in_use": MIB / 10})
    assert wrong.startswith("in_use grows by 0.1")
    first, second = soak["judge"](samples(soak, 1000), {"resident": MIB, "in_use": MIB / 10})
    assert first.startswith("resident grows") and second.startswith("in_use grows")


def test_open_files_are(soak: dict) -> None:
    assert soak["judge"](samples(soak, 0, files=1), {}) == ["there are more descriptors"]
