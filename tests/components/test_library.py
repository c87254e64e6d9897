from __future__ import annotations

import logging
import zipfile

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier
from hawx_onnx.errors import ConfigError, LibraryError

SIGNED = components.exact_table(Encoding.SIGNED)
UNSIGNED = components.exact_table(Encoding.UNSIGNED)


def test_unknown_name_suggests_close_ones():
    with pytest.raises(ConfigError, match="mul8sm_drum6") as caught:
        components.load("mul8sm_drumm6")
    assert caught.value.exit_code == 2


def test_npy_takes_the_better_encoding_and_tells(tmp_path, caplog):
    path = tmp_path / "own.npy"
    np.save(path, UNSIGNED.astype(np.int64))
    with caplog.at_level(logging.INFO, logger="hawx_onnx"):
        multiplier = components.load(str(path))
    assert multiplier.name == "own"
    assert multiplier.encoding is Encoding.UNSIGNED
    assert multiplier.is_exact
    assert multiplier.cost is None
    assert "encoding unsigned taken" in caplog.text
    assert "encoding unsigned taken" in multiplier.description


def test_npz_of_raw_tables(tmp_path):
    path = tmp_path / "raw.npz"
    np.savez(path, first=SIGNED, second=UNSIGNED.astype(np.float64), third=UNSIGNED // 4 * 4)
    library = components.load_library(path)
    assert [(each.name, each.encoding) for each in library] == [
        ("first", Encoding.SIGNED),
        ("second", Encoding.UNSIGNED),
        ("third", Encoding.UNSIGNED),
    ]
    assert components.load(f"{path}:second").is_exact
    with pytest.raises(ConfigError, match="third"):
        components.load(f"{path}:thirt")
    with pytest.raises(ConfigError, match="holds 3 tables"):
        components.load(path)


def test_npz_with_one_table(tmp_path):
    path = tmp_path / "single.npz"
    np.savez(path, only=SIGNED)
    assert components.load(path).name == "only"


def test_round_trip_keeps_encodings_and_texts(tmp_path):
    names = ("mul8sm_drum6", "mul8s_ctrunc6c", "mul8u_etm")
    saved = [components.load(name) for name in names]
    table = saved[0].table
    saved.append(Multiplier("file", Encoding.SIGN_MAGNITUDE, table, None, "own", "ünïcode"))
    path = tmp_path / "library.npz"
    components.save_library(saved, path)
    loaded = components.load_library(path)
    for before, after in zip(saved, loaded, strict=True):
        assert (before.name, before.encoding) == (after.name, after.encoding)
        assert (before.source, before.description) == (after.source, after.description)
        assert before.content_hash == after.content_hash
        assert after.cost is None


def test_saving_refuses_ambiguous_names(tmp_path):
    multiplier = components.load("mul8s_exact")
    with pytest.raises(LibraryError, match="twice"):
        components.save_library([multiplier, multiplier], tmp_path / "x.npz")
    named = Multiplier("a.source", Encoding.SIGNED, SIGNED, None, "", "")
    with pytest.raises(LibraryError, match="annotation"):
        components.save_library([named], tmp_path / "x.npz")
    with pytest.raises(ConfigError, match="ends in"):
        components.save_library([multiplier], tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (np.zeros((256, 255), np.int32), r"shape \[256, 255\]"),
        (np.zeros((2, 256, 256), np.int32), "shape"),
        (np.full((256, 256), np.nan), "not finite"),
        (np.full((256, 256), np.inf), "not finite"),
        (np.full((256, 256), 0.5), "fractions"),
        (np.full((256, 256), 2**31), "outside int32"),
        (np.full((256, 256), -1e12), "outside int32"),
        (np.full((256, 256), 2**63, np.uint64), "outside int32"),
        (np.full((256, 256), "1"), "dtype"),
        (np.zeros((256, 256), bool), "dtype bool"),
        (np.zeros((256, 256), complex), "dtype complex128"),
        (np.full((256, 256), None), "numpy data"),
    ],
)
def test_bad_tables_name_file_and_entry(tmp_path, table, text):
    path = tmp_path / "bad.npz"
    np.savez(path, good=SIGNED, bad=table)
    with pytest.raises(LibraryError, match=text) as caught:
        components.load_library(path)
    assert str(path) in caught.value.where
    assert caught.value.where.endswith(":bad")


def test_files_that_are_no_archives(tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("not a zip file")
    single = tmp_path / "single.npz"
    with single.open("wb") as stream:
        np.save(stream, SIGNED)
    empty = tmp_path / "empty.npz"
    np.savez(empty)
    foreign = tmp_path / "foreign.npz"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("readme.txt", "hello")
    for path in (text, single, empty, foreign):
        with pytest.raises(LibraryError) as caught:
            components.load_library(path)
        assert str(path) in caught.value.where
    broken = tmp_path / "broken.npy"
    broken.write_bytes(b"\x93NUMPY")
    with pytest.raises(LibraryError, match="numpy data"):
        components.load(broken)
    damaged = tmp_path / "damaged.npz"
    np.savez(damaged, table=SIGNED)
    data = bytearray(damaged.read_bytes())
    data[5000] ^= 255
    damaged.write_bytes(data)
    with pytest.raises(LibraryError, match="CRC"):
        components.load_library(damaged)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_occur_twice(tmp_path):
    path = tmp_path / "twice.npz"
    np.savez(path, one=SIGNED)
    data = zipfile.ZipFile(path).read("one.npy")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("one.npy", data)
    with pytest.raises(LibraryError, match="twice"):
        components.load_library(path)


def test_missing_files_and_libraries(tmp_path):
    for spec in (tmp_path / "no.npz", tmp_path / "no.npy"):
        for function in (components.load, components.load_library):
            with pytest.raises(ConfigError, match="no such file"):
                function(spec)
    with pytest.raises(ConfigError, match="no library"):
        components.load_library("builtins")


def test_annotations_are_checked(tmp_path):
    path = tmp_path / "notes.npz"
    np.savez(path, **{"one": SIGNED, "one.encoding": np.array("sign-magnitude")})
    with pytest.raises(LibraryError, match="sign_magnitude"):
        components.load_library(path)
    np.savez(path, **{"one": SIGNED, "one.encoding": np.array(3)})
    with pytest.raises(LibraryError, match="one text"):
        components.load_library(path)
    np.savez(path, **{"one": SIGNED, "won.encoding": np.array("signed")})
    with pytest.raises(LibraryError, match="did you mean one"):
        components.load_library(path)


def test_resolve_patterns():
    found = components.resolve(["mul8s_trunc3", "mul8s_trunc*", "mul8sm_drum6"])
    names = [multiplier.name for multiplier in found]
    assert names[0] == "mul8s_trunc3"
    assert names[-1] == "mul8sm_drum6"
    assert len(names) == len(set(names)) > 5
    with pytest.raises(ConfigError, match="pattern 'mul9s_\\*'"):
        components.resolve(["mul9s_*"])
    with pytest.raises(ConfigError, match="did you mean"):
        components.resolve(["mul8s_trunk3"])


def test_resolve_over_libraries(tmp_path):
    path = tmp_path / "own.npz"
    components.save_library(
        [
            Multiplier("mine", Encoding.SIGNED, SIGNED, None, "own", ""),
            components.load("mul8s_trunc3"),
        ],
        path,
    )
    assert components.resolve(["mine"], ["builtin", path])[0].name == "mine"
    assert [each.name for each in components.resolve(["*"], [path])] == ["mine", "mul8s_trunc3"]
    assert components.resolve([f"{path}:mine"])[0].source == "own"
    # The same table under the same name is one multiplier, with the built-in one's cost.
    assert components.resolve(["mul8s_trunc3"], [path, "builtin"])[0].cost is not None
    with pytest.raises(ConfigError, match="matches no multiplier"):
        components.resolve(["mul8s_trunc2"], [path])


def test_one_name_for_two_tables_is_an_error(tmp_path):
    path = tmp_path / "clash.npz"
    components.save_library(
        [Multiplier("mul8s_trunc3", Encoding.SIGNED, SIGNED, None, "own", "")], path
    )
    with pytest.raises(ConfigError, match="two different multipliers"):
        components.resolve(["mul8s_exact"], ["builtin", path])
    with pytest.raises(ConfigError, match="two different multipliers"):
        components.resolve(["mul8s_trunc3", f"{path}:mul8s_trunc3"])


def test_public_names_exist():
    for name in components.__all__:
        assert getattr(components, name).__doc__


def test_a_table_of_a_built_in_circuit_gets_its_cost_and_says_so(tmp_path):
    known = components.load("mul8s_trunc2")
    np.savez(tmp_path / "mine.npz", mine=known.table)
    (mine,) = components.load_library(tmp_path / "mine.npz")
    assert mine.cost is None
    filled = components.with_known_cost(mine)
    assert filled.cost.energy_fj == known.cost.energy_fj
    assert "mul8s_trunc2" in filled.cost.provenance
    table = known.table.copy()
    table[3, 5] += 1
    np.savez(tmp_path / "other.npz", other=table)
    (other,) = components.load_library(tmp_path / "other.npz")
    assert components.with_known_cost(other).cost is None


def test_evoapprox_signed_circuits_have_known_costs(shared):
    found = components.load_library(shared("evoapprox/tables.npz"))
    signed = [components.with_known_cost(one) for one in found if one.encoding.codes_signed]
    assert len(signed) == 13
    assert all(one.cost is not None for one in signed)
