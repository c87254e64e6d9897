"""Compute cycles and SRAM reads of systolic arrays against SCALE-Sim v3, layer by layer.

    python benchmarks/scalesim.py [--quick] [--networks lenet5,vgg11,resnet18] [--markdown]

SCALE-Sim (PyPI `scalesim`) gets an environment of its own below build/, made on first use; where it
cannot be had the reason is printed. LeNet-5, and VGG-11 and ResNet-18 for images of 32 x 32, on
arrays of 16 x 16 and 32 x 32, output- and weight-stationary; --all-dataflows adds input-stationary.
--quick runs LeNet-5 on 16 x 16. Exits with 1 where a layer's cycles or reads differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import networks
from peers.environment import environment

from hawx_onnx.hardware import DATAFLOWS, LayerWorkload, TemporalTarget
from hawx_onnx.hardware.traffic import Buffers, layer_traffic

FOLDER = Path(__file__).resolve().parents[1] / "build" / "scalesim"
REQUIREMENTS = ["scalesim>=3,<4", "numpy<2.4"]
SHORT = {"output-stationary": "os", "weight-stationary": "ws", "input-stationary": "is"}
NETWORKS = {"lenet5": networks.lenet5, "vgg11": networks.vgg11, "resnet18": networks.resnet18}


@dataclass(frozen=True)
class Case:
    """One layer on one array."""

    network: str
    work: LayerWorkload
    size: int
    dataflow: str

    def ours(self) -> dict[str, int]:
        """Compute cycles, and bytes that the array reads of activations and of weights."""
        target = TemporalTarget(
            name="array",
            rows=self.size,
            cols=self.size,
            dataflow=self.dataflow,
            frequency_mhz=200.0,
        )
        array, folds = (self.size, self.size), target.folds(self.work)
        bits, whole = target.accumulator_bits, Buffers(1 << 20, 1 << 20, 1 << 20)
        moved = layer_traffic(self.work, self.dataflow, array, folds, bits, whole, target.name)
        return {
            "cycles": target.compute_cycles(self.work),
            # Filling the buffers from DRAM writes there as well.
            "ifmap_reads": moved.ifmap_sram_bytes - moved.ifmap_dram_bytes,
            "filter_reads": moved.filter_sram_bytes - moved.filter_dram_bytes,
        }

    def question(self) -> dict[str, int | str]:
        """The layer for ``peers/scalesim_layer.py``."""
        work = self.work
        return {
            "m": work.output_positions,
            "n": work.filters,
            "k": work.window,
            "rows": self.size,
            "cols": self.size,
            "dataflow": SHORT[self.dataflow],
        }


def simulate(cases: Sequence[Case], python: Path) -> Iterator[dict[str, int]]:
    """Yields what SCALE-Sim tells of each case.

    Raises:
        RuntimeError: SCALE-Sim failed; the text is the end of its messages.
    """
    script = Path(__file__).parent / "peers" / "scalesim_layer.py"
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
        json.dump([case.question() for case in cases], process.stdin)
        process.stdin.close()
        yield from map(json.loads, process.stdout)
        if process.wait():
            messages.seek(0)
            raise RuntimeError(messages.read()[-2000:])


def chosen_cases(args: argparse.Namespace) -> list[Case]:
    """The layers and arrays that the options ask for."""
    if args.quick:
        names, sizes, dataflows = ["lenet5"], [16], DATAFLOWS[:2]
    else:
        names, sizes = args.networks.split(","), [16, 32]
        dataflows = DATAFLOWS if args.all_dataflows else DATAFLOWS[:2]
    return [
        Case(name, work, size, dataflow)
        for name in names
        for size in sizes
        for dataflow in dataflows
        for work in NETWORKS[name]()
    ]


def report(cases: Sequence[Case], told: Sequence[dict[str, int]], markdown: bool) -> int:
    """Prints one line for each network, array and dataflow; returns how many layers differ."""
    groups: dict[tuple[str, ...], list[tuple[str, dict[str, int], dict[str, int]]]] = {}
    for case, answer in zip(cases, told, strict=True):
        key = (case.network, f"{case.size} x {case.size}", case.dataflow)
        groups.setdefault(key, []).append((case.work.name, case.ours(), answer))
    header = ("network", "array", "dataflow", "layers", "cycles", "SCALE-Sim", "equal layers")
    lines: list[tuple[str, ...]] = [header]
    differing: list[str] = []
    for key, rows in groups.items():
        wrong = [name for name, ours, theirs in rows if any(ours[f] != theirs[f] for f in ours)]
        differing += [f"{' '.join(key)} {name}" for name in wrong]
        cycles = [sum(row[side]["cycles"] for row in rows) for side in (1, 2)]
        equal = str(len(rows) - len(wrong))
        lines.append((*key, str(len(rows)), *(f"{count:,}" for count in cycles), equal))
    for number, line in enumerate(lines):
        wide = (f"{word:18}" if place < 3 else f"{word:>14}" for place, word in enumerate(line))
        print(f"| {' | '.join(line)} |" if markdown else "".join(wide))
        if markdown and number == 0:
            print("|---" * len(header) + "|")
    for name in differing:
        print(f"differs: {name}")
    return len(differing)


def main() -> int:
    """Compares; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="LeNet-5 on 16 x 16 only")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--all-dataflows", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="as a table for the docs")
    args = parser.parse_args()
    python, reason = environment(FOLDER, REQUIREMENTS)
    if python is None:
        print(f"left out: SCALE-Sim cannot be installed: {reason}")
        return 0
    cases = chosen_cases(args)
    told = []
    for case, answer in zip(cases, simulate(cases, python), strict=True):
        told.append(answer)
        place = f"{case.network} {case.size} x {case.size} {case.dataflow} {case.work.name}"
        print(f"{len(told)} of {len(cases)}: {place}", file=sys.stderr)
    differing = report(cases, told, args.markdown)
    print(f"{len(cases) - differing} of {len(cases)} layers have equal cycles and SRAM reads")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
