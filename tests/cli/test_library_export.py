"""``hawx-onnx library export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hawx_onnx import components


def test_three_files_for_each_multiplier(cli: Callable, tmp_path: Path) -> None:
    names = ("mul8u_drum4", "mul8s_trunc?")
    found = cli("library", "export", *names, "--rtl", tmp_path / "rtl", "--json").check().json
    assert [row["name"] for row in found["multipliers"]] == [
        "mul8u_drum4",
        *(f"mul8s_trunc{k}" for k in (1, 2, 3, 4)),
    ]
    assert {path.name for path in (tmp_path / "rtl").iterdir()} == {
        row[kind] for row in found["multipliers"] for kind in ("design", "testbench", "expected")
    }
    design = (tmp_path / "rtl" / "mul8u_drum4.v").read_text()
    assert "module mul8u_drum4 (" in design
    text = cli("library", "export", "mul8u_drum4", "--rtl", tmp_path).check().out
    assert text == f"{tmp_path / 'mul8u_drum4.v'}\n"


def test_tables_need_a_word(cli: Callable, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, mine=components.load("mul8s_trunc4").table)
    command = ("library", "export", "mine", "mul8s_exact", "--library", path)
    rtl = ("--rtl", tmp_path / "rtl")
    cli(*command, *rtl).refused(2, "mine", "--from-table")
    assert not (tmp_path / "rtl").exists()
    cli(*command, *rtl, "--from-table").check()
    assert (tmp_path / "rtl" / "mine.v").is_file()


def test_names_that_share_a_file(cli: Callable, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    table = components.load("mul8s_trunc4").table
    np.savez(path, mine=table, Mine=table)
    command = ("library", "export", "mine", "Mine", "--library", path, "--from-table")
    cli(*command, "--rtl", tmp_path).refused(2, "mine.v", "different folders")


def test_bad_input(cli: Callable, tmp_path: Path) -> None:
    cli("library", "export", "mul8u_drm4", "--rtl", tmp_path).refused(2, "mul8u_drum4")
    cli("library", "export", "mul8u_drum4").check(2)
    (tmp_path / "file").write_text("")
    cli("library", "export", "mul8u_drum4", "--rtl", tmp_path / "file").refused(2, "file")
