"""Makes and runs sessions for long in one process, and tells whether its memory grows.

    python tests/load/soak.py --seconds 7200
    python tests/load/soak.py --rounds 300
    python tests/load/soak.py --rounds 300 --leak 65536    what a leak looks like

A round makes a session of every model, runs it, hands it inputs that it refuses, and lets go of
it: rewritten networks by the library and by portable bodies, the ways to spare memory, each
operator of the library alone, models that no session can be made of, and one session that is kept.
Resident memory, and what of the heap is in use where glibc tells, are read after whole rounds. What
a straight line through their second half rises by is held against limits; the first half is left to
caches, which fill. Resident memory swings by some MiB, as the heap is given back in whole pages.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from rewritten_models import MULTIPLIERS, networks, operators

from hawx_onnx import components
from hawx_onnx.runtime.library import create_session, describe_kernels

MIB = 2**20
# Samples of the second half: enough that single ones do not turn the line.
SAMPLES = 400


class Sample(NamedTuple):
    """What the process holds after so many rounds."""

    rounds: int
    seconds: float
    resident: int
    in_use: int
    descriptors: int
    threads: int


def damaged(model: bytes) -> list[bytes]:
    """The model cut off, and with indices that name no table."""
    proto = onnx.load_from_string(model)
    index = next(c for c in proto.graph.initializer if c.name == "table_index")
    index.CopyFrom(onnx.numpy_helper.from_array(np.full(8, 7, np.int32), "table_index"))
    return [model[: len(model) // 2], proto.SerializeToString()]


def use(model: bytes, x: np.ndarray, **options: object) -> None:
    """Makes a session, runs it twice, and lets it refuse another type and a missing axis."""
    session = create_session(model, threads=1, **options)
    name = session.get_inputs()[0].name
    first, again = (session.run(None, {name: x}) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for wrong in (x.astype(np.float64), x[0]):
        refuse(lambda wrong=wrong: session.run(None, {name: wrong}))


def refuse(run: Callable[[], object]) -> None:
    """Runs what has to raise."""
    try:
        run()
    except Exception:
        return
    raise AssertionError("what has to be refused ran")


def parts() -> Iterator[Callable[[], object]]:
    """The parts of a round."""
    models = networks()
    kept = create_session(models[-1], threads=1)
    (given,) = kept.get_inputs()
    images = np.random.default_rng(0).random((4, *given.shape[1:]), np.float32)
    for model in models:
        yield lambda model=model: use(model, images)
    yield lambda: use(models[0], images, use_library=False)
    yield lambda: use(models[-1], images, use_library=False, arena=False, lean=True)
    yield lambda: use(models[-1], images, arena=False, lean=True)
    yield lambda: kept.run(None, {given.name: images})
    cases = operators()
    for model, x in cases:
        yield lambda model=model, x=x: use(model, x)
    for model, x in cases[:4]:
        yield lambda model=model, x=x: use(model, x, use_library=False)
    model, x = cases[0]
    for bad in damaged(model):
        yield lambda bad=bad: refuse(lambda: create_session(bad, threads=1).run(None, {"x": x}))
    yield lambda: refuse(lambda: create_session("no such model.onnx"))
    tables = np.stack([components.load(name).table for name in MULTIPLIERS])
    yield lambda: describe_kernels(tables)


class HeapState(ctypes.Structure):
    """``struct mallinfo2`` of glibc, bytes."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks")),
        ("keepcost", ctypes.c_size_t),
    ]


def heap_in_use() -> int:
    """Bytes that were taken by malloc and not given back, in all arenas; 0 where none tells."""
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return 0
    tell.restype = HeapState
    state = tell()
    return int(state.uordblks + state.hblkhd)


def sample(rounds: int, begun: float) -> Sample:
    """What the process holds now, from /proc."""
    gc.collect()
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return Sample(
        rounds,
        round(time.monotonic() - begun, 1),
        int(fields["VmRSS"].split()[0]) * 1024,
        heap_in_use(),
        len(list(Path("/proc/self/fd").iterdir())),
        int(fields["Threads"]),
    )


def soak(
    seconds: float, rounds: int, share: float, leak: int, keep: Callable[[Sample], None]
) -> None:
    """Runs rounds until both limits are reached; samples are handed to ``keep``.

    Args:
        seconds: At least so many seconds.
        rounds: At least so many rounds.
        share: Of a core to take; it sleeps in between.
        leak: Bytes to keep of each round.
        keep: Takes the samples.
    """
    work = list(parts())
    leaked = []
    begun = last = time.monotonic()
    apart = seconds / (2 * SAMPLES)
    done = 0
    while done < rounds or time.monotonic() - begun < seconds:
        busy = time.process_time()
        for part in work:
            part()
        leaked.append(b"\1" * leak)
        done += 1
        if time.monotonic() - last >= apart:
            last = time.monotonic()
            keep(sample(done, begun))
        time.sleep((time.process_time() - busy) * (1 / share - 1))


def growth(samples: list[Sample], measure: str) -> float:
    """Bytes that a line through the second half of the samples rises by, least squares."""
    late = samples[len(samples) // 2 :]
    x = np.array([s.rounds for s in late], np.float64)
    slope = np.polyfit(x - x[0], [float(getattr(s, measure)) for s in late], 1)[0]
    return float(slope * (x[-1] - x[0]))


def judge(samples: list[Sample], limits: dict[str, float]) -> list[str]:
    """Prints what was found; gives what is wrong. ``limits`` are bytes of each measure."""
    middle, last = samples[len(samples) // 2], samples[-1]
    print(f"{last.rounds} rounds in {last.seconds:.0f} s, {len(samples)} samples")
    wrong = []
    for measure, limit in limits.items():
        found = [getattr(one, measure) / MIB for one in samples]
        rise = growth(samples, measure)
        print(
            f"{measure}: {found[0]:.1f} MiB at first, {found[len(found) // 2]:.1f} in the middle, "
            f"{found[-1]:.1f} at last, at most {max(found):.1f}; rise in the second half "
            f"{rise / MIB:+.3f} MiB, {rise / (last.rounds - middle.rounds):+.0f} bytes a round"
        )
        if rise > limit:
            wrong.append(
                f"{measure} grows by {rise / MIB:.3f} MiB, {limit / MIB:.3f} count as none"
            )
    for measure in ("descriptors", "threads"):
        before, after = getattr(middle, measure), getattr(last, measure)
        print(f"{measure}: {before} in the middle, {after} at last")
        if after > before:
            wrong.append(f"there are more {measure}")
    return wrong


def main() -> None:
    """Soaks and judges."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0, help="at least so long")
    parser.add_argument("--rounds", type=int, default=20, help="at least so many rounds")
    parser.add_argument("--share", type=float, default=1, help="of a core to take")
    parser.add_argument("--resident", type=float, default=1, help="MiB that are no growth")
    parser.add_argument("--in-use", type=float, default=0.1, help="MiB of heap that are no growth")
    parser.add_argument("--leak", type=int, default=0, help="bytes to keep of each round")
    parser.add_argument("--samples", type=Path, help="CSV file to write all samples to")
    args = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)  # refusals are meant
    samples: list[Sample] = []
    with (args.samples or Path("/dev/null")).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(Sample._fields)

        def keep(one: Sample) -> None:
            samples.append(one)
            table.writerow(one)
            file.flush()

        soak(args.seconds, args.rounds, args.share, args.leak, keep)
    wrong = judge(samples, {"resident": args.resident * MIB, "in_use": args.in_use * MIB})
    sys.exit("; ".join(wrong) or None)


if __name__ == "__main__":
    main()
