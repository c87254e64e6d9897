"""Everything that a path holds, file by file, in parallel; a bad file stops none of the others."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from hawx_onnx.components.importers import evoapprox
from hawx_onnx.components.importers.functions import import_function
from hawx_onnx.components.importers.options import Failure, Imported, ImportOptions, Task
from hawx_onnx.components.importers.tables import TABLES, import_tables
from hawx_onnx.components.importers.verilog import VERILOG, import_verilog
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.components.sign_logic import with_sign_logic
from hawx_onnx.components.stored import StoredMultiplier
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError, HawxError, LibraryError
from hawx_onnx.named_function import names_function

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how many files are done, and how many there are."""

_KINDS = "Verilog (.v, .sv), tables (.npy, .npz, .csv, .bin)"


def import_path(
    path: str | Path,
    options: ImportOptions | None = None,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Imported:
    """Imports what a path holds.

    Args:
        path: A checkout of EvoApproxLib (with ``meta.json``), a folder of Verilog and tables, one
            such file, or ``package.module:function``.
        options: Top module, ports and encoding, where they shall not be guessed.
        jobs: Processes; 0 takes all cores.
        progress: Called before the first file and after each.

    Returns:
        The multipliers by name, and every file that failed with the reason. Several files with
        the same table under one name count once; with other tables the later ones fail.

    Raises:
        ConfigError: There is no such path, or it holds nothing that can be imported.
        LibraryError: There is no yosys although there is Verilog.
    """
    options = options or ImportOptions()
    if not Path(path).exists() and names_function(str(path)):
        try:
            found = [import_function(str(path), options)]
            return Imported(tuple(_with_sign_logic(found, options)))
        except HawxError as error:
            return Imported((), (_failure(str(path), error),))
    tasks, failures = _tasks(Path(path))
    if any(Path(task.path).suffix in VERILOG for task in tasks):
        find_yosys()
    done = list(_run(tasks, options, jobs, progress))
    kept: dict[str, StoredMultiplier] = {}
    for result in done:
        if isinstance(result, Failure):
            failures.append(result)
            continue
        for multiplier in result:
            failure = _clash(kept, multiplier)
            if failure is not None:
                failures.append(failure)
            else:
                kept.setdefault(multiplier.name, multiplier)
    return Imported(tuple(kept[name] for name in sorted(kept)), tuple(failures))


def _clash(kept: dict[str, StoredMultiplier], multiplier: StoredMultiplier) -> Failure | None:
    """A failure where a name is taken by another table."""
    other = kept.get(multiplier.name)
    if other is None:
        return None
    if (other.content_hash, other.encoding) == (multiplier.content_hash, multiplier.encoding):
        return None
    origin = multiplier.provenance.origin
    return Failure(
        origin,
        origin,
        f"the name {multiplier.name} is taken by another table, that of {other.provenance.origin}",
        "rename the file, or import it into another library",
    )


def _tasks(path: Path) -> tuple[list[Task], list[Failure]]:
    """Returns what to import, and what can be seen to fail."""
    if path.is_file():
        if path.suffix not in (*VERILOG, *TABLES):
            raise ConfigError(
                f"{path.suffix or path.name} is not taken", where=str(path), mend=_KINDS
            )
        return [Task(str(path), path.name)], []
    if not path.is_dir():
        raise ConfigError("there is no such file or folder", where=str(path), mend=_KINDS)
    if (path / evoapprox.INDEX).is_file():
        circuits, left = evoapprox.read_index(path)
        tasks, failures = _inside(path, circuits)
        failures += [Failure(name, name, reason, "import it by itself") for name, reason in left]
    else:
        tasks, failures = (
            [Task(str(file), file.relative_to(path).as_posix()) for file in _files(path)],
            [],
        )
    if not tasks and not failures:
        raise ConfigError("the folder holds nothing to import", where=str(path), mend=_KINDS)
    return tasks, failures


def _inside(
    folder: Path, circuits: Iterable[evoapprox.Circuit]
) -> tuple[list[Task], list[Failure]]:
    """Returns the files of an index; those outside of the checkout or missing are failures."""
    tasks, failures, root = [], [], folder.resolve()
    for circuit in circuits:
        file = folder / circuit.path
        # Unlike that of pathlib, isfile takes names that no file can have.
        if not os.path.isfile(file):  # noqa: PTH113
            what, mend = "there is no such file", "check out the library anew"
        elif not file.resolve().is_relative_to(root):
            what, mend = "the index leads out of the checkout", "mend its meta.json"
        else:
            tasks.append(
                Task(str(file), circuit.path, circuit.encoding, circuit.licence, circuit.published)
            )
            continue
        failures.append(Failure(circuit.path, circuit.path, what, mend))
    return tasks, failures


def _files(folder: Path) -> Iterator[Path]:
    """Yields files to import below a folder, in order; links out of it and hidden ones are left."""
    root = folder.resolve()
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or file.suffix not in (*VERILOG, *TABLES) or not file.is_file():
            continue
        if not file.resolve().is_relative_to(root):
            logger.warning("%s: left out, it links out of the folder", file)
        elif evoapprox.MAPPED in file.stem:
            logger.info("%s: left out, it is mapped to cells that it does not define", file)
        else:
            yield file


def _run(
    tasks: Sequence[Task], options: ImportOptions, jobs: int, progress: Progress | None
) -> Iterator[list[StoredMultiplier] | Failure]:
    """Imports files, in processes where there are several; yields results in the tasks' order."""
    jobs = min(jobs or _cores(), len(tasks))
    tell = progress or (lambda done, total: None)
    tell(0, len(tasks))
    if jobs <= 1:
        for number, task in enumerate(tasks, 1):
            yield _import(task, options)
            tell(number, len(tasks))
        return
    # Fresh processes: the threads of a progress display or of BLAS do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        futures = [pool.submit(_import, task, options) for task in tasks]
        for number, _ in enumerate(as_completed(futures), 1):
            tell(number, len(tasks))
        try:
            yield from [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise LibraryError(
                "a process of the import was killed, for want of memory perhaps",
                mend="take fewer at once: --jobs 1",
            ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _import(task: Task, options: ImportOptions) -> list[StoredMultiplier] | Failure:
    """Imports one file; runs in a process of the pool."""
    try:
        if Path(task.path).suffix in VERILOG:
            return _with_sign_logic([import_verilog(task, options)], options)
        return _with_sign_logic(import_tables(task, options), options)
    except HawxError as error:
        return _failure(task.origin, error)
    except Exception as error:
        logger.debug("%s", task.path, exc_info=error)
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Failure(task.origin, task.path, f"unexpected {text}", "a defect of hawx-onnx")


def _with_sign_logic(
    found: Iterable[StoredMultiplier], options: ImportOptions
) -> list[StoredMultiplier]:
    """Puts sign logic around the unsigned ones, where that is asked for."""
    return [
        with_sign_logic(one) if options.sign_logic and one.encoding is Encoding.UNSIGNED else one
        for one in found
    ]


def _failure(origin: str, error: HawxError) -> Failure:
    return Failure(origin, error.where or origin, error.what, error.mend)
