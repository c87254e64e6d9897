"""Netlists in files: what is packed is read, what is damaged or hostile is refused."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.synthesis import ZERO_DELAY, CostedNetlist, shipped
from hawx_onnx.components.synthesis import netlist_files as files
from hawx_onnx.components.synthesis.netlist_files import NetlistFile, pack_netlists
from hawx_onnx.errors import ComponentError

NAMES = ("mul8s_exact", "mul8s_trunc4")


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack_netlists({name: shipped.netlist(name) for name in NAMES})


def arrays(packed: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(packed)) as data:
        return {name: data[name] for name in data.files}


def changed(packed: bytes, **entries: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**arrays(packed), **entries})
    return buffer.getvalue()


def test_what_is_packed_is_read(packed):
    file = NetlistFile.parse(packed, "here")
    for name in NAMES:
        before = shipped.netlist(name)
        after = file.netlist(name, shipped.characterization(name).cost)
        assert after.network.gates == before.network.gates
        assert after.network.outputs == before.network.outputs
        assert (after.mode, after.area_um2) == (before.mode, before.area_um2)
        np.testing.assert_allclose(after.energies, before.energies, rtol=1e-6)
    assert file.netlist("mul8s_other", shipped.characterization(NAMES[0]).cost) is None
    assert packed == pack_netlists({name: shipped.netlist(name) for name in NAMES})


def test_cells_of_six_inputs_constants_and_a_mode():
    """More inputs than any cell of the package's own technologies has."""

    def six(*words):
        return (words[0] & words[1]) ^ (words[2] | words[3]) ^ (words[4] & ~words[5])

    ports = (Port("A", 8), Port("B", 8))
    gates = (Gate("SIX", (2, 3, 10, 11, 4, 12)),)
    network = GateNetwork("x", ports, (Output("O", (18, 0, 1, 2) * 4),), gates, {"SIX": six})
    netlist = CostedNetlist(network, np.arange(19.0), 1.0, 2.0, 3.0, ZERO_DELAY)
    empty = GateNetwork("zero", ports, (Output("O", (0,) * 16),), ())
    both = {"x": netlist, "zero": CostedNetlist(empty, np.zeros(18), 0.0, 0.0, 0.0, ZERO_DELAY)}
    file = NetlistFile.parse(pack_netlists(both), "here")
    cost = shipped.characterization(NAMES[0]).cost
    found = file.netlist("x", cost)
    tables = [multiplication_table(one, signed=False) for one in (network, found.network)]
    assert np.array_equal(*tables)
    assert found.energy().energy_fj == netlist.energy().energy_fj > 0
    assert file.netlist("zero", cost).network.gates == ()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"mode": np.array("fast")}, "mode does not fit"),
        ({"mode": np.array(["unit-delay"])}, "mode has shape"),
        ({"names": np.array([1, 2])}, "names has dtype"),
        ({"names": np.array(["a", "a"])}, "names does not fit"),
        ({"names": np.array(["a", "b", "c"])}, "ends has shape"),
        ({"ends": np.array([1 << 40, 3])}, "ends does not fit"),
        ({"ends": np.array([-3, 3])}, "ends does not fit"),
        ({"energies": np.zeros(3)}, "energies has shape"),
        ({"arities": np.array([7])}, "kind_names has shape"),
        ({"masks": np.array([], np.uint8)}, "masks has shape"),
        ({"inputs": np.zeros((2, 2), np.uint8)}, "inputs does not fit"),
        ({"outputs": np.full((2, 16), None)}, "dtype"),
        ({"kinds": np.array(["INV"])}, "kinds has dtype"),
    ],
)
def test_arrays_that_do_not_fit(packed, entries, words):
    with pytest.raises(ComponentError, match=words) as caught:
        NetlistFile.parse(changed(packed, **entries), "here")
    assert caught.value.where == "here"


@pytest.mark.parametrize("name", ["kinds", "arities", "energies"])
def test_values_out_of_bounds(packed, name):
    array = arrays(packed)[name].astype(np.float64 if name == "energies" else np.int64)
    array[0] = {"kinds": 200, "arities": 0, "energies": np.nan}[name]
    with pytest.raises(ComponentError, match=f"{name} does not fit"):
        NetlistFile.parse(changed(packed, **{name: array}), "here")


def test_a_gate_that_reads_a_later_signal(packed):
    inputs = arrays(packed)["inputs"].copy()
    inputs[0, 0] = 100
    file = NetlistFile.parse(changed(packed, inputs=inputs), "here")
    with pytest.raises(ComponentError, match="later signal") as caught:
        file.netlist(NAMES[0], shipped.characterization(NAMES[0]).cost)
    assert caught.value.where == f"here:{NAMES[0]}"


def test_no_archive_or_not_all_of_it(packed):
    for data in (b"", b"PK", packed[: len(packed) // 2]):
        with pytest.raises(ComponentError, match="holds no netlists"):
            NetlistFile.parse(data, "here")
    some = arrays(packed)
    del some["masks"]
    buffer = io.BytesIO()
    np.savez(buffer, **some)
    with pytest.raises(ComponentError, match=r"masks\.npy"):
        NetlistFile.parse(buffer.getvalue(), "here")


def test_bombs_unpack_no_further_than_the_limit(packed, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 1 << 20)
    bomb = changed(packed, kinds=np.zeros(1 << 21, np.uint8))
    assert len(bomb) < 1 << 20
    with pytest.raises(ComponentError, match="unpacks to more than 1 MiB"):
        NetlistFile.parse(bomb, "here")


@pytest.mark.parametrize("shape", ["(1000000000000000,)", "(0, -1)", "(2**99,)"])
def test_shapes_that_are_not_there_allocate_nothing(packed, shape):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    entry = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\0" * 8
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as before,
        zipfile.ZipFile(buffer, "w") as after,
    ):
        for name in before.namelist():
            after.writestr(name, entry if name == "kinds.npy" else before.read(name))
    with pytest.raises(ComponentError, match="holds no netlists"):
        NetlistFile.parse(buffer.getvalue(), "here")
