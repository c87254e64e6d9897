"""`library characterize`, with the real yosys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components, hardware
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.components.synthesis.technology import GENERIC
from hawx_onnx.errors import LibraryError

QUICK = ("--max-evaluations", "2", "--quiet")


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """One cache for all tests of this file: the adders of a technology take seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _yosys(cache, monkeypatch):
    try:
        find_yosys()
    except LibraryError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("HAWX_ONNX_CACHE", str(cache))


@pytest.fixture
def liberty(tmp_path: Path) -> Path:
    """A technology of the user's own, which the package knows nothing of."""
    text = GENERIC.read_text(encoding="utf-8")
    assert "library (generic)" in text
    path = tmp_path / "mine.lib"
    path.write_text(text.replace("library (generic)", "library (mine)"), encoding="utf-8")
    return path


@pytest.fixture
def generated(cli, tmp_path: Path) -> Path:
    out = tmp_path / "arrays"
    words = ("--family", "broken-array", "--range", "horizontal=1", "--range", "vertical=3:4")
    cli("library", "generate", *words, "--encoding", "signed", "-o", out).check()
    return out


def test_costs_are_written_into_the_library(cli, generated: Path):
    words = ("library", "characterize", generated, "--liberty", GENERIC, "--json")
    document = cli(*words).check().json
    assert document["technology"].startswith("generic-1V-unit-delay-flow")
    assert document["failed"] == []
    found = components.load_library(generated)
    assert len(found) == len(document["multipliers"]) == 2
    for multiplier, row in zip(found, document["multipliers"], strict=True):
        assert multiplier.cost.document() == row["cost"]
        assert multiplier.cost.technology == document["technology"]
        assert row["figures"]["lut6"] == multiplier.figures["lut6"] > 0
    again = cli(*words).check().json
    assert again["multipliers"] == document["multipliers"]


def test_mode_and_operands_are_technologies_of_their_own(cli, generated: Path, tmp_path: Path):
    counts = np.zeros(256)
    counts[:4] = 1
    np.savez(tmp_path / "small.npz", activation=counts, weight=counts)
    energies = {}
    for extra in ((), ("--mode", "zero-delay"), ("--histogram", tmp_path / "small.npz")):
        words = ("library", "characterize", generated, "--liberty", GENERIC, "--json", *extra)
        document = cli(*words).check().json
        energies[document["technology"]] = document["multipliers"][0]["cost"]["energy_fj"]
    assert len(energies) == 3
    glitches, settled, small = energies.values()
    assert small < settled < glitches


def test_a_table_alone_gets_no_cost(cli, generated: Path, tmp_path: Path):
    mixed = tmp_path / "mixed"
    table = components.load("mul8s_trunc2").table.copy()
    table[3, 5] += 1
    alone = dataclasses.replace(components.load("mul8s_trunc2"), name="odd", table=table, cost=None)
    components.write_library([*components.load_library(generated), alone], mixed)
    done = cli("library", "characterize", mixed, "--liberty", GENERIC).check()
    assert "not characterised: odd: only its truth table is known" in done.out
    assert "characterised 2 of 3" in done.out
    only = tmp_path / "only"
    components.write_library([alone], only)
    done = cli("library", "characterize", only, "--liberty", GENERIC)
    assert done.code == 3


def test_a_budget_takes_the_exact_multiplier_of_its_technology(
    cli, generated: Path, lenet: Path, tmp_path: Path
):
    cli("library", "characterize", generated, "--liberty", GENERIC).check()
    words = ("optimize", lenet, "--library", generated, *QUICK)
    # The generic technology comes with the package: exact multiplier, adders and registers.
    cli(*words, "-o", tmp_path / "one").check()
    done = cli(*words, "--candidates", "mul8s_bam_h1_v3,mul8s_trunc2", "-o", tmp_path / "two")
    assert done.code == 2
    assert "figures of different technologies cannot share a budget" in done.err
    assert "library characterize" in done.err


def test_a_characterised_copy_of_the_built_in_library_comes_first(cli, tmp_path: Path):
    out = tmp_path / "copy"
    few = [components.load(name) for name in ("mul8s_exact", "mul8s_trunc2")]
    components.write_library(few, out)
    cli("library", "characterize", out, "--liberty", GENERIC).check()
    (found,) = components.resolve(["mul8s_trunc2"], ["builtin", out])
    assert found.cost.technology.startswith("generic")
    exact = components.exact_for([found], [out])
    assert (exact.name, exact.cost.technology) == ("mul8s_exact", found.cost.technology)


def test_an_own_technology_costs_everything(cli, generated: Path, lenet: Path, liberty, tmp_path):
    """Adders, registers, exact multiplier and energies under operands, all of the Liberty file."""
    document = (
        cli("library", "characterize", generated, "--liberty", liberty, "--json").check().json
    )
    technology = document["technology"]
    assert technology.startswith("mine-")
    strict = tmp_path / "strict.yaml"
    preset = Path(hardware.__file__).parent / "presets" / "temporal-systolic-16x16.yaml"
    text = preset.read_text(encoding="utf-8")
    assert "periphery: auto" in text
    # Memories are scaled from published figures: they are no matter of the Liberty file.
    text = text.replace("memories: auto", "memories: none")
    strict.write_text(text.replace("periphery: auto", "periphery: required"), encoding="utf-8")
    words = ("optimize", lenet, "--library", generated, "--target", strict, *QUICK)
    uniform = ("--no-operand-aware-power", "-o", tmp_path / "plain", "--json")
    plain = cli(*words, *uniform).check().json
    aware = cli(*words, "-o", tmp_path / "aware", "--json").check().json
    assert {one["technology"] for one in plain["candidates"]} == {technology}
    assert "mul8s_exact" in [one["name"] for one in plain["candidates"]]
    assert not any("uniform operands" in warning for warning in aware["warnings"])
    assert aware["baseline"]["energy_uj"] < plain["baseline"]["energy_uj"]
    # The cells are the generic ones under another name, and so are the figures.
    cli("library", "characterize", generated, "--liberty", GENERIC).check()
    same = cli(*words, "-o", tmp_path / "same", "--json").check().json
    for figure in ("area_um2", "energy_uj", "power_mw"):
        assert aware["baseline"][figure] == pytest.approx(same["baseline"][figure], rel=1e-4)


def test_cells_without_a_flip_flop_have_no_periphery(
    cli, generated: Path, lenet, liberty, tmp_path
):
    text = liberty.read_text(encoding="utf-8")
    before, mark, after = text.partition("  cell (DFF")
    assert mark
    end = after.index("\n  }\n")
    liberty.write_text(before + after[end + 5 :], encoding="utf-8")
    cli("library", "characterize", generated, "--liberty", liberty).check()
    words = ("optimize", lenet, "--library", generated, *QUICK, "-o", tmp_path / "out", "--json")
    report = cli(*words).check().json
    assert any("adders and registers are not counted" in note for note in report["warnings"])


def test_built_in_multipliers_in_an_own_technology(cli, lenet: Path, liberty: Path, tmp_path: Path):
    own = tmp_path / "own"
    few = [components.load(name) for name in ("mul8s_exact", "mul8s_trunc2", "mul8u_exact")]
    components.write_library(few, own)
    document = cli("library", "characterize", own, "--liberty", liberty, "--json").check().json
    words = ("optimize", lenet, "--library", own, *QUICK)
    report = (
        cli(*words, "--candidates", "mul8s_trunc2", "-o", tmp_path / "out", "--json").check().json
    )
    assert {one["technology"] for one in report["candidates"]} == {document["technology"]}
    done = cli(*words, "--candidates", "mul8s_trunc2,mul8s_trunc3", "-o", tmp_path / "two")
    done.refused(2, "figures of different technologies cannot share a budget", "characterize")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("builtin",), "cannot be written in place"),
        (("nothere",), "cannot be written in place"),
        (("builtin", "-o", "x", "--liberty", "nothere.lib"), "nothere.lib: cannot be read"),
        (("builtin", "-o", "x", "--histogram", "nothere.npz"), "nothere.npz: there is no such"),
    ],
)
def test_what_is_wrong_is_told(cli, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("library", "characterize", *words)
    assert done.code in (2, 3, 4)
    assert told in done.err
