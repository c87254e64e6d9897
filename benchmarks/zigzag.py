"""Cycles, utilisation, SRAM and DRAM traffic and energy of systolic arrays beside ZigZag's.

    python benchmarks/zigzag.py [--quick] [--networks lenet5,vgg11,resnet18] [--layers] [--markdown]

ZigZag (PyPI `zigzag-dse`) gets an environment of its own below build/, made on first use; where it
cannot be had the reason is printed. LeNet-5, and VGG-11 and ResNet-18 for images of 32 x 32, on
arrays of 16 x 16 and 32 x 32, output- and weight-stationary, with the buffers and prices of the
preset. Both see the matrix product of each layer. ZigZag searches the order of loops for the least
energy; it models no skew of operands and sums. --quick runs LeNet-5 on 16 x 16. A plausibility
check: exits with 1 only where compute cycles, less the skew, differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from peers import networks
from peers.environment import environment

from hawx_onnx.hardware import DATAFLOWS, LayerWorkload, TemporalTarget, load_target
from hawx_onnx.hardware.memory import FEATURE_SIZES_NM, Process

FOLDER = Path(__file__).resolve().parents[1] / "build" / "zigzag"
# ZigZag imports six without asking for it, and one package that it asks for has no wheel.
REQUIREMENTS = ["zigzag-dse==3.9.1", "six", "--no-binary=multiprocessing_on_dill"]
NETWORKS = {"lenet5": networks.lenet5, "vgg11": networks.vgg11, "resnet18": networks.resnet18}
BUFFERS = ("ifmap", "filter", "ofmap")
MEMORIES = Process(FEATURE_SIZES_NM["osu018"], 1.8, 0.0)


@dataclass(frozen=True)
class Answer:
    """What a model tells of one layer, or the sums over several.

    Args:
        steps: Cycles in which the array multiplies, if operands and sums took no skew.
        slots: Multiplications that the array could do in them.
        macs: Multiplications that it does.
        sram_bytes: Read and written at the buffers.
        dram_bytes: Read and written at the DRAM.
        sram_uj: Energy of the buffers in microjoules.
        dram_uj: Energy of the DRAM.
    """

    steps: int = 0
    slots: int = 0
    macs: int = 0
    sram_bytes: float = 0.0
    dram_bytes: float = 0.0
    sram_uj: float = 0.0
    dram_uj: float = 0.0

    def __add__(self, other: Answer) -> Answer:
        names = (item.name for item in fields(Answer))
        return Answer(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True)
class Case:
    """One layer on one array."""

    network: str
    work: LayerWorkload
    size: int
    dataflow: str

    @property
    def target(self) -> TemporalTarget:
        """The preset with an array of this size."""
        preset = load_target("temporal-systolic-16x16")
        changed = preset.override(rows=self.size, cols=self.size, dataflow=self.dataflow)
        assert isinstance(changed, TemporalTarget)
        return changed

    def ours(self) -> Answer:
        """What our model tells, without the skew."""
        target, work = self.target, self.work
        folds = target.folds(work)
        moved = target.traffic(work, folds)
        m, _, k = work.product_shape
        steps = folds[0] * folds[1] * (k if self.dataflow == "output-stationary" else m)
        accesses = zip(target.accesses(moved), target.memory_sizes_kb, strict=True)
        sram_pj = sum(count * MEMORIES.sram_pj_per_byte(size) for count, size in accesses)
        return Answer(
            steps,
            steps * target.elements,
            work.macs,
            moved.sram_bytes,
            moved.dram_bytes,
            sram_pj * 1e-6,
            moved.dram_bytes * target.dram_pj_per_byte * 1e-6,
        )

    def question(self) -> dict[str, object]:
        """The layer for ``peers/zigzag_layer.py``."""
        target = self.target
        return {
            "m": self.work.output_positions,
            "n": self.work.filters,
            "k": self.work.window,
            "rows": self.size,
            "cols": self.size,
            "dataflow": self.dataflow,
            "buffers_kb": target.memory_sizes_kb,
            "sram_pj_per_byte": [MEMORIES.sram_pj_per_byte(kb) for kb in target.memory_sizes_kb],
            "dram_bytes_per_cycle": int(target.dram_bytes_per_cycle),
            "dram_pj_per_byte": target.dram_pj_per_byte,
        }

    def theirs(self, told: dict[str, float]) -> Answer:
        """What ZigZag tells."""
        steps = int(told["cycles"])
        return Answer(
            steps,
            steps * self.target.elements,
            self.work.macs,
            sum(told[f"{name}_sram_bytes"] for name in BUFFERS),
            sum(told[f"{name}_dram_bytes"] for name in BUFFERS),
            told["sram_pj"] * 1e-6,
            told["dram_pj"] * 1e-6,
        )


def evaluate(cases: Sequence[Case], python: Path) -> Iterator[dict[str, float]]:
    """Yields what ZigZag tells of each case; layers of one shape are asked about once.

    Raises:
        RuntimeError: ZigZag failed; the text is the end of its messages.
    """
    script = Path(__file__).parent / "peers" / "zigzag_layer.py"
    questions = [case.question() for case in cases]
    known: dict[str, dict[str, float]] = {}
    different = {json.dumps(question): question for question in questions}
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(
            [python, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        json.dump(list(different.values()), process.stdin)
        process.stdin.close()
        asked = iter(different)
        for question in map(json.dumps, questions):
            while question not in known:
                line = process.stdout.readline()
                if not line:
                    process.wait()
                    messages.seek(0)
                    raise RuntimeError(messages.read()[-2000:])
                known[next(asked)] = json.loads(line)
            yield known[question]


def chosen_cases(args: argparse.Namespace) -> list[Case]:
    """The layers and arrays that the options ask for."""
    names, sizes = (["lenet5"], [16]) if args.quick else (args.networks.split(","), [16, 32])
    return [
        # Without their images: ZigZag gets the matrix product as the array sees it.
        Case(name, replace(work, geometry=None), size, dataflow)
        for name in names
        for size in sizes
        for dataflow in DATAFLOWS[:2]
        for work in NETWORKS[name]()
    ]


HEADER = (
    "network",
    "array",
    "dataflow",
    "steps",
    "utilisation (%)",
    "SRAM (MB)",
    "DRAM (MB)",
    "SRAM (uJ)",
    "DRAM (uJ)",
)


def row(key: tuple[str, ...], ours: Answer, theirs: Answer) -> tuple[str, ...]:
    """Our figures and, behind a stroke, ZigZag's."""

    def both(shown: str, scale: float, name: str) -> str:
        pair = (getattr(side, name) * scale for side in (ours, theirs))
        return " / ".join(format(value, shown) for value in pair)

    busy = " / ".join(f"{100 * side.macs / side.slots:.1f}" for side in (ours, theirs))
    return (
        *key,
        both(",.0f", 1, "steps"),
        busy,
        both(",.2f", 1e-6, "sram_bytes"),
        both(",.2f", 1e-6, "dram_bytes"),
        both(",.0f", 1, "sram_uj"),
        both(",.0f", 1, "dram_uj"),
    )


def report(
    cases: Sequence[Case], told: Sequence[dict[str, float]], markdown: bool, layers: bool
) -> int:
    """Prints our figures and ZigZag's; returns how many layers differ in steps."""
    sums: dict[tuple[str, ...], tuple[Answer, Answer]] = {}
    lines, differing = [HEADER], 0
    for case, answer in zip(cases, told, strict=True):
        key = (case.network, f"{case.size} x {case.size}", case.dataflow)
        ours, theirs = case.ours(), case.theirs(answer)
        before = sums.get(key, (Answer(), Answer()))
        sums[key] = (before[0] + ours, before[1] + theirs)
        differing += ours.steps != theirs.steps
        if layers:
            lines.append(row((f"{case.network} {case.work.name}", *key[1:]), ours, theirs))
    lines += [row(key, *sides) for key, sides in sums.items()]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADER))]
    for number, line in enumerate(lines):
        wide = (f"{word:<{size}}" for word, size in zip(line, widths, strict=True))
        print(f"| {' | '.join(line)} |" if markdown else "  ".join(wide).rstrip())
        if markdown and number == 0:
            print("|---" * len(HEADER) + "|")
    return differing


def main() -> int:
    """Compares; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="LeNet-5 on 16 x 16 only")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--layers", action="store_true", help="a line for each layer too")
    parser.add_argument("--markdown", action="store_true", help="as a table for the docs")
    args = parser.parse_args()
    python, reason = environment(FOLDER, REQUIREMENTS)
    if python is None:
        print(f"left out: ZigZag cannot be installed: {reason}")
        return 0
    cases = chosen_cases(args)
    told = []
    for case, answer in zip(cases, evaluate(cases, python), strict=True):
        told.append(answer)
        place = f"{case.network} {case.size} x {case.size} {case.dataflow} {case.work.name}"
        print(f"{len(told)} of {len(cases)}: {place}", file=sys.stderr)
    print("each cell: ours / ZigZag's")
    differing = report(cases, told, args.markdown, args.layers)
    print(f"{len(cases) - differing} of {len(cases)} layers have equal steps")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
