"""Sessions that cannot be made and runs that fail in the middle: told, kept, gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
from run_files import content

from hawx_onnx.runtime.library import LIBRARY_VARIABLE

QUICK = ("--candidates", "mul8s_trunc3", "--max-evaluations", "2", "--score-samples", "16")
QUICK = (*QUICK, "--confidence", "0.5", "--jobs", "1", "--no-map-weights", "--no-rescale")


class Failing:
    """Fails a call of one number; counts them all."""

    def __init__(self) -> None:
        self.count, self.at = 0, 0

    def wrap(self, real: Callable) -> Callable:
        def call(*args: object, **named: object) -> object:
            self.count += 1
            if self.count == self.at:
                raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : out of luck")
            return real(*args, **named)

        return call


@pytest.mark.parametrize("name", ["__init__", "run"], ids=["sessions", "runs"])
def test_onnxruntime_fails_in_the_middle(
    cli: Callable,
    lenet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    failing = Failing()
    real = getattr(onnxruntime.InferenceSession, name)
    monkeypatch.setattr(onnxruntime.InferenceSession, name, failing.wrap(real))
    cli("optimize", lenet, "-o", tmp_path / "whole", *QUICK).check()
    command, every = ["optimize", lenet, "-o", tmp_path / "out", *QUICK], failing.count
    for at in (1, every // 3, 2 * every // 3, every):
        failing.count, failing.at = 0, at
        done = cli(*command)
        assert done.code in (3, 4), done.err
        done.refused(done.code, "out of luck")
        assert "defect" not in done.err
        assert not (tmp_path / "out" / "model.onnx").exists()
    failing.at = 0
    cli(*command, "--resume").check()
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_damaged_library_is_told(
    cli: Callable, lenet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "libhawx_onnx_ops.so"
    broken.write_bytes(b"\x7fELF" + bytes(500))
    monkeypatch.setenv(LIBRARY_VARIABLE, str(broken))
    done = cli("optimize", lenet, "-o", tmp_path / "out", *QUICK)
    first, mend = done.check(4).err.splitlines()
    assert first.startswith(f"error: {broken}: onnxruntime could not load the library")
    assert mend.startswith("  reinstall hawx-onnx")
    assert not (tmp_path / "out" / "model.onnx").exists()
