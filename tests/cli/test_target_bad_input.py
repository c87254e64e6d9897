"""Targets that cannot be: one or two lines say which key or layer, by how much, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hawx_onnx import components

TEMPORAL = "kind: temporal\nfrequency_mhz: 200\n"
SPATIAL = "kind: spatial\nfrequency_mhz: 200\n"


@pytest.fixture
def refused(cli: Callable, lenet: Path, tmp_path: Path) -> Callable:
    """Costs LeNet-5 on a target of this text and expects a refusal."""

    def run(text: str, *words: str) -> None:
        target = tmp_path / "mine.yaml"
        target.write_text(text, encoding="utf-8")
        cli("cost", lenet, "--target", target).refused(2, *words)

    return run


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("rows: 0\ncols: 8", ("line 3", "rows is 0", "from 1 to 4096")),
        ("rows: 8\ncols: -4", ("line 4", "cols is -4", "from 1 to 4096")),
        ("rows: 8.5\ncols: 8", ("rows is 8.5", "a whole number")),
        ("rows: 8\ncols: 8\nifmap_buffer_kb: 0", ("line 5", "ifmap_buffer_kb is 0", "kB")),
        ("rows: 8\ncols: 8\ndram_bytes_per_cycle: -1", ("dram_bytes_per_cycle is -1",)),
        ("rows: 8", ("key cols is missing", "add cols")),
        ("rows: 8\ncols: 8\ndataflow: sideways", ("'sideways'", "output-stationary")),
        (
            "rows: 8\ncols: 8\ndataflow: weight-stationery",
            ("line 5", "did you mean weight-stationary", "allowed for dataflow"),
        ),
        ("rows: 8\ncols: 8\nheterogeneity: mixed", ("heterogeneity is 'mixed'", "partitioned")),
        ("rows: 8\ncols: 8\ncolumns: 8", ("line 5", "unknown key 'columns'", "did you mean")),
    ],
)
def test_arrays_that_cannot_be(refused: Callable, lines: str, words: tuple[str, ...]) -> None:
    refused(f"{TEMPORAL}{lines}\n", "mine.yaml", *words)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("target_cycles: 0", ("line 3", "target_cycles is 0")),
        ("target_cycles: -100", ("target_cycles is -100", "clock cycles per inference")),
        ("target_cycles: 1000\nmultiplier_budget: -1", ("multiplier_budget is -1",)),
        ("target_cycles: 1000\nrows: 8", ("unknown key 'rows'",)),
        ("target_cycles: 1000\nlut_budget: 9", ("an ASIC has no look-up tables", "lut_budget")),
        ("target_cycles: 1000\narea_budget_um2: -5", ("area_budget_um2 is -5", "um2")),
        ("target_cycles: 1000\ndram_bytes_per_cycle: 0", ("dram_bytes_per_cycle is 0",)),
    ],
)
def test_pipelines_that_cannot_be(refused: Callable, lines: str, words: tuple[str, ...]) -> None:
    refused(f"{SPATIAL}{lines}\n", *words)


def test_pipelines_that_a_layer_does_not_fit(refused: Callable) -> None:
    refused(
        f"{SPATIAL}target_cycles: 500\nwhen_unmet: refuse\n",
        "conv1 takes 784 cycles",
        "target_cycles is 500",
        "raise target_cycles to 784",
    )
    refused(
        f"{SPATIAL}target_cycles: 500\nmultiplier_budget: 4\n",
        "5 layers need a multiplier each",
        "raise multiplier_budget to 5",
    )


def test_an_area_that_the_network_does_not_fit(refused: Callable) -> None:
    refused(
        f"{SPATIAL}target_cycles: 500\narea_budget_um2: 100000\n",
        "one multiplier for each layer takes",
        "area_budget_um2 is 100000",
        "too few",
        "weight_memory_kb",
    )


def test_a_layer_too_large_for_the_buffers(refused: Callable) -> None:
    sizes = "rows: 64\ncols: 64\n"
    # The results of 64 positions and 6 filters: 384 bytes fit 512, conv2's 64 x 16 do not.
    refused(
        f"{TEMPORAL}{sizes}ofmap_buffer_kb: 1\n",
        "layer conv2 keeps 1024 bytes in the ofmap buffer",
        "has 512",
        "512 too few",
        "raise ofmap_buffer_kb to 2",
    )
    refused(
        f"{TEMPORAL}{sizes}dataflow: weight-stationary\nfilter_buffer_kb: 1\n",
        "in the filter buffer",
        "too few",
        "raise filter_buffer_kb",
    )


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of a technology that knows neither adders nor its feature size."""
    path = tmp_path / "library"
    known = [components.load(name) for name in ("mul8s_exact", "mul8s_trunc2")]
    costs = [replace(one.cost, technology="mine-1V", periphery=None) for one in known]
    bare = [replace(one, cost=cost) for one, cost in zip(known, costs, strict=True)]
    renamed = [replace(one, name=f"mine_{one.name[6:]}") for one in bare]
    components.write_library(renamed, path)
    return path


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("periphery", ("mine-1V has no adders and registers", "key periphery", "auto")),
        ("memories", ("the feature size of technology mine-1V", "memory_feature_nm", "none")),
    ],
)
def test_technologies_without_the_component_asked_for(
    cli: Callable, lenet: Path, tmp_path: Path, library: Path, key: str, words: tuple[str, ...]
) -> None:
    target, assignment = tmp_path / "mine.yaml", tmp_path / "assignment.json"
    assignment.write_text('{"assignment": {"conv1": "mine_trunc2"}}', encoding="utf-8")
    flags = ("--library", library, "--assignment", assignment, "--target", target)
    for mode, other in (("required", "none"), ("auto", "none")):
        rest = "periphery" if key == "memories" else "memories"
        text = f"{TEMPORAL}rows: 8\ncols: 8\n{key}: {mode}\n{rest}: {other}\n"
        target.write_text(text, encoding="utf-8")
        done = cli("cost", lenet, *flags)
        if mode == "required":
            done.refused(2, *words)
        else:
            assert "are not counted" in done.check().err


def test_a_multiplier_without_figures(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    path = tmp_path / "library"
    bare = replace(components.load("mul8s_trunc2"), name="mine", cost=None)
    other = bare.table.copy()
    other[3, 5] += 1
    components.write_library([replace(bare, table=other)], path)
    assignment = tmp_path / "assignment.json"
    assignment.write_text('{"assignment": {"conv1": "mine"}}', encoding="utf-8")
    done = cli("cost", lenet, "--library", path, "--assignment", assignment)
    done.refused(2, "no cost figures for mine", "--predict-costs")
