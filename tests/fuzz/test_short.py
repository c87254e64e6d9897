"""A few inputs of every kind; `make fuzz-inputs` runs many."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fuzzing.running import run_many
from fuzzing.targets import names, target

INPUTS = {"models": 60, "tables": 80, "verilog": 12, "configuration": 150, "data": 150}


@pytest.mark.parametrize("name", names())
def test_a_few_inputs(name: str, tmp_path: Path) -> None:
    if name == "verilog" and shutil.which("yosys") is None:
        pytest.skip("yosys is not installed")
    tally = run_many(target(name), INPUTS.get(name, 60), 1, tmp_path)
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.run >= 10
    assert tally.taken and tally.refused  # all of one kind would test nothing
