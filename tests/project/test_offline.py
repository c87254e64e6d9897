"""No command turns to the network, and all work without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.cli.main import VERBS
from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime.library import get_library_path

SCRIPT = Path(__file__).with_name("offline.py")
ALONE = ["unshare", "--user", "--map-root-user", "--net"]


def namespace() -> list[str]:
    """The start of a command that has no network; nothing where there are no namespaces."""
    if shutil.which(ALONE[0]) is None:
        return []
    return (
        []
        if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode
        else ALONE
    )


def test_no_command_uses_the_network(tmp_path: Path) -> None:
    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    np.savez(tmp_path / "made.npz", made=components.load("mul8s_trunc2").table)
    (tmp_path / "base.json").write_text('{"passes": {"Other": {"module_path": "a.b"}}}')
    home = tmp_path / "home"
    home.mkdir()
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    # Where they are set, onnxruntime sends nothing anyway.
    quiet = ("ORT_DISABLE_TELEMETRY", "CI", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS")
    environment = {k: v for k, v in os.environ.items() if k not in quiet} | own
    command = [*namespace(), sys.executable, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # onnxruntime's telemetry begins with an identifier of the device in the user's folders.
    assert {path.parts[len(home.parts) + 1] for path in home.glob("*/*")} <= {"hawx-onnx"}
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(VERBS)


def test_the_guard_notices() -> None:
    program = (
        "import runpy, socket, sys\n"
        f"guard = runpy.run_path({str(SCRIPT)!r}, run_name='offline')\n"
        "sys.addaudithook(guard['refuse'])\n"
        "socket.create_connection(('localhost', 9))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 99
    assert "the network is used: socket.getaddrinfo" in done.stderr
