"""Atomic writes: all or nothing, with errors that tell how to mend them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.report import atomic_write_bytes, atomic_write_text


def test_writes_replaces_and_makes_folders(tmp_path: Path):
    path = tmp_path / "a" / "b" / "report.txt"
    assert atomic_write_text(path, "first\r\n") == path
    atomic_write_text(path, "µ second\n")
    assert path.read_bytes() == "µ second\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["report.txt"]


def test_mode_follows_the_umask(tmp_path: Path):
    before = os.umask(0o027)
    try:
        atomic_write_bytes(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_symbolic_link_is_followed(tmp_path: Path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    atomic_write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_stays_one():
    atomic_write_text("/dev/null", "gone")
    assert not Path("/dev/null").is_file()


def test_the_longest_name_that_fits_is_taken(tmp_path: Path):
    path = tmp_path / ("n" * 255)
    atomic_write_text(path, "x")
    assert path.read_text() == "x"


@pytest.mark.parametrize(
    ("code", "call", "words"),
    [
        (errno.ENOSPC, "fsync", "free some space"),
        (errno.EACCES, "replace", "may write"),
        (errno.EROFS, "replace", "can be written"),
        (errno.EIO, "fsync", "another path"),
    ],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: str, words: str
):
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ConfigError) as caught:
        atomic_write_text(path, "new")
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert words in caught.value.mend
    assert caught.value.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "old"


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write_text(tmp_path / "x", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_path_through_a_file_are_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="folder"):
        atomic_write_text(tmp_path, "x")
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "deep" / "x"):
        with pytest.raises(ConfigError, match="is a file: choose another folder"):
            atomic_write_text(path, "x")
