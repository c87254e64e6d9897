"""Libraries on disk: what is written is read, what is damaged is refused with the file named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import ComponentCost, Encoding, Provenance, StoredMultiplier
from hawx_onnx.errors import ComponentError, ConfigError

COST = ComponentCost("osu018", 1.5, 2.0, 3.25, 4.0, "measured")


def made(name: str = "mine", **changes: object) -> StoredMultiplier:
    known = components.load("mul8s_trunc2")
    values = {
        "name": name,
        "encoding": known.encoding,
        "table": known.table,
        "cost": COST,
        "source": 'ünï "quoted" \\ \x07\n line',
        "description": "one line",
        "provenance": Provenance("x.v", "MIT", "ab", "yosys", "2020-01-01", "m", ("A", "B", "O")),
        "published": {"pdk45_area_um2": 3.0, "odd key": 1e300},
        "figures": {"lut6": 40},
        "verilog": "module m; endmodule\n",
    }
    return StoredMultiplier(**{**values, **changes})


@pytest.mark.parametrize("place", ["library", "library.npz"])
def test_what_is_written_is_read(tmp_path, place):
    path = tmp_path / place
    plain = components.load("mul8sm_drum6")
    components.write_library([made(), plain], path)
    first, second = components.load_library(path)
    before = made()
    for name in ("name", "encoding", "cost", "source", "description", "provenance"):
        assert getattr(first, name) == getattr(before, name)
    assert dict(first.published) == before.published
    assert dict(first.figures) == before.figures
    assert first.read_verilog() == before.verilog
    assert second.read_verilog() is None
    assert second.encoding is Encoding.SIGN_MAGNITUDE
    assert second.cost == plain.cost
    np.testing.assert_array_equal(second.table, plain.table)
    assert (second.rank, second.statistics) == (plain.rank, plain.statistics)
    # Once more onto itself: all is read before anything is written.
    components.write_library([first, second], path)
    assert components.load_library(path)[0].content_hash == before.content_hash


@pytest.mark.parametrize("place", ["library", "library.npz"])
def test_one_of_a_library_by_path(tmp_path, place):
    path = tmp_path / place
    components.write_library([made()], path)
    assert components.load(path).published
    components.write_library([made(), made("other")], path)
    assert components.load(f"{path}:other").published
    (found,) = components.resolve([f"{path}:mine"])
    assert found.name == "mine"
    with pytest.raises(ConfigError, match="2 tables"):
        components.load(path)
    with pytest.raises(ConfigError, match="did you mean other"):
        components.load(f"{path}:othre")
    components.write_library([], path)
    with pytest.raises(ConfigError, match="empty"):
        components.load(path)


def test_figures_are_told_without_tables(tmp_path):
    components.write_library([made()], tmp_path / "lib")
    (tmp_path / "lib" / "tables.npz").unlink()
    (found,) = components.load_library(tmp_path / "lib")
    assert found.statistics == made().statistics
    assert (found.rank, found.is_exact) == (1, False)
    assert found.content_hash == made().content_hash
    with pytest.raises(ComponentError, match=r"tables\.npz:mine"):
        _ = found.table


def test_a_changed_multiplier_forgets_what_was_known(tmp_path):
    components.write_library([made()], tmp_path / "lib")
    (found,) = components.load_library(tmp_path / "lib")
    cheaper = dataclasses.replace(found, cost=None)
    assert cheaper.known is found.known
    exact = dataclasses.replace(found, table=components.exact_table(Encoding.SIGNED))
    assert exact.is_exact
    assert exact.statistics.mae == 0


def damaged(tmp_path: Path, old: str, new: str) -> Path:
    folder = tmp_path / "lib"
    components.write_library([made(), made("other")], folder)
    index = folder / "library.toml"
    text = index.read_text()
    assert old in text
    index.write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format_version = 1", "format_version = 9", "format version 9"),
        ("format_version = 1", "format_version", "no TOML"),
        ('name = "other"', 'name = "mine"', "mine is there twice"),
        ('name = "other"', 'name = "../other"', "no name for a multiplier"),
        ('name = "other"', "name = 3", "name is 3"),
        ('encoding = "signed"', 'encoding = "sign"', "no encoding 'sign'"),
        ("rank = 1", "rank = true", "rank is True"),
        ("mae = ", "mea = ", "mae is missing"),
        ("area_um2 = 1.5", "area_um2 = nan", "area_um2 is not finite"),
        ('verilog = "verilog/mine.v"', 'verilog = "../mine.v"', "leads out of the library"),
        ('verilog = "verilog/mine.v"', 'verilog = "/mine.v"', "leads out of the library"),
        ('verilog = "verilog/mine.v"', 'verilog = "C:\\\\mine.v"', "leads out of the library"),
    ],
)
def test_damaged_indices(tmp_path, old, new, words):
    folder = damaged(tmp_path, old, new)
    with pytest.raises(ComponentError, match=words) as caught:
        components.load_library(folder)
    assert str(folder / "library.toml") in caught.value.where


@pytest.mark.parametrize("part", ["library.toml", "tables.npz", "verilog/mine.v", "verilog"])
def test_links_are_refused(tmp_path, part):
    folder = tmp_path / "lib"
    components.write_library([made()], folder)
    (folder / part).rename(tmp_path / "away")
    (folder / part).symlink_to(tmp_path / "away")
    with pytest.raises(ComponentError, match="leads out"):
        components.load_library(folder)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.zeros((256, 255), np.int32), "shape"),
        (np.full((256, 256), np.nan), "not finite"),
        (np.full((256, 256), 2**31), "outside int32"),
        (np.full((256, 256), None), "pickled Python objects"),
        (np.zeros((256, 256), np.int32), "not the one of the index"),
    ],
)
def test_damaged_tables(tmp_path, table, words):
    folder = tmp_path / "lib"
    components.write_library([made()], folder)
    np.savez(folder / "tables.npz", mine=table)
    (found,) = components.load_library(folder)
    with pytest.raises(ComponentError, match=words) as caught:
        _ = found.table
    assert caught.value.where == f"{folder / 'tables.npz'}:mine"


def test_changed_verilog(tmp_path):
    folder = tmp_path / "lib"
    components.write_library([made()], folder)
    (found,) = components.load_library(folder)
    (folder / "verilog" / "mine.v").write_text("module other; endmodule")
    with pytest.raises(ComponentError, match="not the one of the index"):
        found.read_verilog()
    (folder / "verilog" / "mine.v").unlink()
    with pytest.raises(ComponentError, match="cannot be read"):
        found.read_verilog()


def test_writing_refuses(tmp_path):
    with pytest.raises(ComponentError, match="twice"):
        components.write_library([made(), made("Mine")], tmp_path / "lib")
    with pytest.raises(ComponentError, match="no name"):
        components.write_library([made("a/b")], tmp_path / "lib")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    for place in (tmp_path / "other", tmp_path / "other" / "file"):
        with pytest.raises(ConfigError, match="something else"):
            components.write_library([made()], place)
    assert not (tmp_path / "lib").exists()
