"""Truth tables in the files of other programs, and functions."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components.importers import ImportOptions, import_path
from hawx_onnx.components.tables import Encoding, exact_table
from hawx_onnx.errors import ConfigError

SIGNED, UNSIGNED = exact_table(Encoding.SIGNED), exact_table(Encoding.UNSIGNED)
CODES = np.arange(256)


def only(path, **options):
    found = import_path(path, ImportOptions(**options))
    assert not found.failures, found.failures
    (multiplier,) = found.multipliers
    return multiplier


def reason(path):
    found = import_path(path)
    assert not found.multipliers
    (failure,) = found.failures
    return f"{failure.where}: {failure.what} {failure.mend}"


def test_raw_integers(tmp_path):
    SIGNED.astype("<i2").tofile(tmp_path / "s.bin")
    UNSIGNED.astype("<u2").tofile(tmp_path / "u.bin")
    SIGNED.astype("<i4").tofile(tmp_path / "w.bin")
    for name in ("s", "u", "w"):
        found = only(tmp_path / f"{name}.bin")
        assert found.name == name
        assert found.is_exact
        assert found.encoding is (Encoding.UNSIGNED if name == "u" else Encoding.SIGNED)
        assert found.provenance.source_sha256
    assert not only(tmp_path / "u.bin", encoding=Encoding.SIGNED).is_exact
    (tmp_path / "s.bin").write_bytes(b"x" * 100)
    assert "100 bytes" in reason(tmp_path / "s.bin")


def test_texts(tmp_path):
    square, triples = tmp_path / "square.csv", tmp_path / "triples.csv"
    np.savetxt(square, UNSIGNED, "%d", delimiter=",")
    values = CODES.astype(np.uint8).view(np.int8)
    rows = [f"{a};{w};{int(a) * int(w)}" for a in values for w in values]
    triples.write_text("activation;weight;product\n" + "\n".join(rows) + "\n")
    assert only(square).encoding is Encoding.UNSIGNED
    assert only(square).is_exact
    assert only(triples).encoding is Encoding.SIGNED
    assert only(triples).is_exact


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3\n", ":2: the line has 1 numbers"),
        ("1,2\n3,x\n", ":2: could not convert"),
        ("1,2\n3,4\n", "2 x 2 numbers"),
        ("a,b\n", "0 numbers"),
        ("0,0,1\n" * 65536, "there twice"),
        ("0,256,1\n" * 65536, "no 8-bit number"),
        ((",".join(["nan"] * 256) + "\n") * 256, "not finite"),
        ((",".join(["3e9"] * 256) + "\n") * 256, "outside int32"),
    ],
)
def test_texts_that_are_no_tables(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    told = reason(tmp_path / "x.csv")
    assert words in told
    assert told.startswith(str(tmp_path / "x.csv"))


def test_numpy_files(tmp_path):
    np.save(tmp_path / "one.npy", SIGNED)
    np.savez(tmp_path / "more.npz", a=UNSIGNED, b=SIGNED)
    found = import_path(tmp_path)
    assert [(m.name, m.is_exact) for m in found.multipliers] == [
        ("a", True),
        ("b", True),
        ("one", True),
    ]
    assert found.multipliers[0].source == "truth table more.npz:a"
    np.save(tmp_path / "nan.npy", np.full((256, 256), np.nan))
    np.save(tmp_path / "shape.npy", np.zeros((16, 16), int))
    found = import_path(tmp_path, jobs=2)
    assert len(found.multipliers) == 3
    assert [failure.origin for failure in found.failures] == ["nan.npy", "shape.npy"]


def test_functions(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "def rough(a, w):\n    return (a >> 1) * w * 2\n"
        "def plain(a, w):\n    return a * w if a > 0 else 0\n"
        "def half(a, w):\n    return a / 2\n"
        "def broken(a, w):\n    raise OSError('no')\n"
    )
    assert not only("mine:rough", encoding=Encoding.UNSIGNED).is_exact
    assert "executing this Python function" in caplog.text
    plain = only("mine:plain")
    assert plain.table[3, 255] == -3
    assert plain.table[255, 3] == 0
    assert "signed taken" in plain.provenance.notes[0]
    assert "fractions" in reason("mine:half")
    assert "OSError: no" in reason("mine:broken")
    assert "did you mean rough" in reason("mine:rouhg")
    assert "cannot be imported" in reason("nowhere.at_all:f")


def test_paths_that_hold_nothing(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder"):
        import_path(tmp_path / "none")
    with pytest.raises(ConfigError, match="nothing to import"):
        import_path(tmp_path)
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(ConfigError, match=r"\.txt is not taken"):
        import_path(tmp_path / "x.txt")
