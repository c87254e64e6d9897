"""``hawx-onnx library import``, and libraries in other commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hawx_onnx import components


@pytest.fixture(scope="module")
def sources(netlists: ModuleType, yosys: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two netlists and one that is none."""
    folder = tmp_path_factory.mktemp("sources")
    for name, signed in (("mul8s_one", True), ("mul8u_two", False)):
        text = netlists.verilog(name, 1, 4, signed=signed, style="instances")
        (folder / f"{name}.v").write_text(text)
    (folder / "bad.v").write_text("module bad(input A);\nalways @*\nendmodule\n")
    return folder


@pytest.fixture(scope="module")
def library(cli: Callable, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "lib"
    cli("library", "import", sources, "--output", path).check()
    return path


def test_import_tells_what_failed(cli: Callable, sources: Path, tmp_path: Path) -> None:
    done = cli("library", "import", sources, "-o", tmp_path / "lib", "--jobs", "1").check()
    assert f"not imported: {sources / 'bad.v'}:3: yosys: syntax error" in done.out
    assert "imported 2 of 3" in done.out
    found = cli("library", "import", sources, "-o", tmp_path / "lib", "--json").check().json
    assert [row["name"] for row in found["imported"]] == ["mul8s_one", "mul8u_two"]
    assert found["imported"][0]["mae"] > 0
    assert [failure["origin"] for failure in found["failed"]] == ["bad.v"]
    bad = sources / "bad.v"
    done = cli("library", "import", bad, "-o", tmp_path / "none", "--json").check(3)
    assert done.json["imported"] == []
    assert not (tmp_path / "none").exists()


def test_import_adds_to_a_library(
    cli: Callable, sources: Path, netlists: ModuleType, tmp_path: Path
) -> None:
    lib, more = tmp_path / "lib.npz", tmp_path / "more"
    cli("library", "import", sources, "-o", lib).check()
    more.mkdir()
    (more / "mul8s_one.v").write_text(netlists.verilog("mul8s_one", 3, signed=True))
    (more / "mul8s_new.v").write_text(netlists.verilog("mul8s_new", 3, signed=True))
    done = cli("library", "import", more, "-o", lib).check()
    assert "holds another table under the name mul8s_one" in done.out
    names = [multiplier.name for multiplier in components.load_library(lib)]
    assert names == ["mul8s_one", "mul8u_two", "mul8s_new"]
    cli("library", "import", more, "-o", more).refused(2, "something else")
    cli("library", "import", tmp_path / "no", "-o", lib).refused(2, "no such file or folder")
    cli("library", "import", more, "-o", lib, "--ports", "A").refused(2, "--ports A,B,O")


def test_a_library_in_other_commands(
    cli: Callable, library: Path, lenet: Path, tmp_path: Path
) -> None:
    rows = cli("library", "list", "--library", library, "--json").check().json["multipliers"]
    assert {"mul8s_one", "mul8s_exact"} <= {row["name"] for row in rows}
    show = cli("library", "show", "mul8s_one", "--library", library, "--json").check().json
    assert show["published"]["pdk45_area_um2"] == 482.4
    assert show["provenance"]["verilog"] is True
    assert show["cost"] is None
    text = cli("library", "show", "mul8s_one", "--library", library).check().out
    assert "published pdk45_power_mw" in text
    (tmp_path / "a.json").write_text('{"assignment": {"conv1": "mul8s_one"}}')
    out = tmp_path / "out.onnx"
    words = ("--assignment", tmp_path / "a.json", "--library", library, "-o", out)
    cli("apply", lenet, *words).check()
    assert out.is_file()


def test_a_damaged_library_ends_with_3(cli: Callable, library: Path, tmp_path: Path) -> None:
    components.write_library(components.load_library(library), tmp_path / "lib")
    np.savez(tmp_path / "lib" / "tables.npz", mul8s_one=np.zeros((2, 2)))
    done = cli("library", "show", "mul8s_one", "--library", tmp_path / "lib")
    done.refused(3, "tables.npz:mul8s_one", "shape")


def test_listing_five_hundred_takes_at_most_a_second(
    cli: Callable, library: Path, tmp_path: Path
) -> None:
    import dataclasses

    first = components.load_library(library)[0]
    many = [dataclasses.replace(first, name=f"m{number}") for number in range(500)]
    components.write_library(many, tmp_path / "lib")
    words = ("library", "list", "--library", tmp_path / "lib", "--encoding", "signed", "--json")
    cli("library", "list", "--json").check()  # the built-in ones are computed once in a process
    start = time.perf_counter()
    done = cli(*words)
    seconds = time.perf_counter() - start
    assert len(done.check().json["multipliers"]) > 500
    assert seconds < 1


def test_pictures(cli: Callable, library: Path, tmp_path: Path) -> None:
    place = tmp_path / "list.svg"
    cli("library", "list", "--library", library, "--pareto", "--plot", place).check()
    assert "As published" not in place.read_text()  # they have no cost, so are on no front
    cli("library", "list", "--library", library, "--plot", place, "-q").check()
    assert "As published" in place.read_text()
    cli("library", "show", "mul8s_one", "--library", library, "--plot", place).check()
    assert "mul8s_one: mean absolute error" in place.read_text()
    words = ("library", "show", "mul8s_exact", "--plot", tmp_path)
    cli(*words).refused(2, "cannot be written")
