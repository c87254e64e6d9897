"""Technologies in libraries: kept with their netlists, refused where damaged."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.operand_power import component_energy
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.synthesis.technology_costs import BITS, TechnologyCosts
from hawx_onnx.errors import ComponentError

NAMES = ("mul8s_trunc2", "mul8u_drum4")
UNIFORM = np.ones(256)


def technology(name: str) -> TechnologyCosts:
    """The package's own figures under another name, netlists and all."""
    known = shipped.technology_costs(shipped.technologies()[0])
    exact = {k: dataclasses.replace(cost, technology=name) for k, cost in known.exact.items()}
    return dataclasses.replace(known, technology=name, exact=exact)


def multipliers(name: str = "mine-1V") -> list[components.Multiplier]:
    around = technology(name)
    known = [components.load(one) for one in NAMES]
    costs = [dataclasses.replace(m.cost, technology=name, periphery=around) for m in known]
    return [dataclasses.replace(m, cost=cost) for m, cost in zip(known, costs, strict=True)]


@pytest.mark.parametrize("place", ["library", "library.npz"])
def test_what_is_written_is_read(tmp_path: Path, place: str):
    path = tmp_path / place
    written = multipliers()
    components.write_library(written, path)
    found = components.load_library(path)
    around, before = found[0].cost.periphery, written[0].cost.periphery
    assert found[1].cost.periphery is around
    for field in ("adders", "accumulate_fj", "register_clock_fj", *BITS):
        assert getattr(around, field) == getattr(before, field)
    assert around.exact == before.exact
    for one, two in zip(found, written, strict=True):
        assert one.cost == two.cost
        energy = component_energy(one, UNIFORM, UNIFORM)
        assert energy == pytest.approx(component_energy(two, UNIFORM, UNIFORM), rel=1e-6)
    exact = components.exact_for(found[:1], [path])
    assert (exact.name, exact.cost.technology) == ("mul8s_exact", "mine-1V")
    assert exact.cost.periphery is around
    assert component_energy(exact, UNIFORM, UNIFORM) == pytest.approx(exact.cost.energy_fj, rel=0.1)
    # Once more onto itself, with one of another technology.
    components.write_library([*found, components.load("mul8s_exact")], path)
    again = components.load_library(path)
    assert again[0].cost.periphery.adders == before.adders
    assert again[2].cost.periphery is None
    assert component_energy(again[2], UNIFORM, UNIFORM) is not None


def test_netlists_are_read_when_they_are_used(tmp_path: Path):
    path = tmp_path / "lib"
    components.write_library(multipliers(), path)
    (file,) = (path / "netlists").iterdir()
    file.unlink()
    found = components.load_library(path)[0]
    assert found.cost.periphery.register(8).area_um2 > 0
    with pytest.raises(ComponentError, match="cannot be read") as caught:
        component_energy(found, UNIFORM, UNIFORM)
    assert caught.value.where == str(file)
    file.write_bytes(b"other")
    with pytest.raises(ComponentError, match="not the one of the index"):
        component_energy(found, UNIFORM, UNIFORM)


def test_a_netlist_of_other_products_is_refused(tmp_path: Path):
    path = tmp_path / "lib"
    one, other = multipliers()
    swapped = dataclasses.replace(one.cost, netlist=other.cost.netlist)
    components.write_library([dataclasses.replace(one, cost=swapped)], path)
    (found,) = components.load_library(path)
    with pytest.raises(ComponentError, match="computes other products"):
        component_energy(found, UNIFORM, UNIFORM)


def test_a_file_larger_than_any_library_is_refused(tmp_path: Path):
    path = tmp_path / "lib"
    components.write_library(multipliers(), path)
    (file,) = (path / "netlists").iterdir()
    with file.open("wb") as stream:
        stream.truncate(1 << 27)
    with pytest.raises(ComponentError, match="more than 64 MiB"):
        component_energy(components.load_library(path)[0], UNIFORM, UNIFORM)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "mine-1V"', "name = 3", "name is 3"),
        ('"netlists/1.npz"', '"../1.npz"', "leads out of the library"),
        ("[[technology]]", '[[technology]]\nname = "mine-1V"\n[[technology]]', "there twice"),
        ("[[technology]]", "[technology]", "no list of tables"),
        ("register_bit = [", 'register_bit = ["x", ', "no row of four figures"),
        ("register_bit = [", "register_bit = [nan, ", "no row of four figures"),
        ("adders = [", "adders = [\n  [1.0, 2.0, 3.0, -4.0],", "no row of four figures"),
        ("gate_bit = [", "gate_bit = [true, ", "no row of four figures"),
        ("accumulate_fj = [", "accumulate_fj = [1.0, ", "no list of 72 figures"),
        ("register_clock_fj = ", "register_clock_fj = -", "no figure"),
        ("adders = [", "adders = []\nmore = [", "adders are 0, not 2 to"),
        ("adders = [", "adders = [" + "[1.0, 1.0, 1.0, 1.0]," * 1024, "not 2 to 1024"),
        ("[technology.exact.signed]", "[technology.exact.signed]\n[technology.x]", "is missing"),
    ],
)
def test_damaged_sections(tmp_path: Path, old: str, new: str, words: str):
    path = tmp_path / "lib"
    components.write_library(multipliers(), path)
    index = path / "library.toml"
    text = index.read_text()
    assert text.count(old) >= 1
    index.write_text(text.replace(old, new, 1))
    with pytest.raises(ComponentError, match=words) as caught:
        components.load_library(path)
    assert str(index) in caught.value.where


def test_what_older_libraries_lack_costs_nothing_more(tmp_path: Path):
    path = tmp_path / "lib"
    components.write_library(multipliers(), path)
    index = path / "library.toml"
    late = ("accumulate_fj", "register_clock_fj", "gate_bit", "multiplexer_bit")
    lines = index.read_text().splitlines(keepends=True)
    index.write_text("".join(line for line in lines if not line.startswith(late)))
    around = components.load_library(path)[0].cost.periphery
    assert around.gate(8) is around.multiplexer(8) is None
    assert around.accumulator(32) == around.adder(32)
    assert around.register(8, activity=0.1) == around.register(8)


def test_links_to_netlists_are_refused(tmp_path: Path):
    path = tmp_path / "lib"
    components.write_library(multipliers(), path)
    (path / "netlists").rename(tmp_path / "away")
    (path / "netlists").symlink_to(tmp_path / "away")
    with pytest.raises(ComponentError, match="leads out"):
        components.load_library(path)


def test_figures_without_periphery_write_no_section(tmp_path: Path):
    bare = dataclasses.replace(components.load(NAMES[0]).cost, netlist=None)
    one = dataclasses.replace(components.load(NAMES[0]), cost=bare)
    components.write_library([one], tmp_path / "lib")
    assert "technology]]" not in (tmp_path / "lib" / "library.toml").read_text()
    assert not (tmp_path / "lib" / "netlists").exists()
    assert components.load_library(tmp_path / "lib")[0].cost == bare


def test_hashes_are_of_the_files(tmp_path: Path):
    components.write_library(multipliers(), tmp_path / "lib")
    data = (tmp_path / "lib" / "netlists" / "1.npz").read_bytes()
    text = (tmp_path / "lib" / "library.toml").read_text()
    assert f'netlists_sha256 = "{hashlib.sha256(data).hexdigest()}"' in text
