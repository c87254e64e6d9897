"""Mapped netlists in an ``.npz`` file, with what one change of each signal costs.

Read as data of others: nothing in the file is trusted, and no more is unpacked than ``MOST_BYTES``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.network import Function, Gate, GateNetwork, Output, Port
from hawx_onnx.components.synthesis.characterization import CostedNetlist
from hawx_onnx.components.synthesis.power import MODES
from hawx_onnx.components.synthesis.truth_functions import function_of, mask_of
from hawx_onnx.errors import ComponentError, HawxError
from hawx_onnx.numpy_files import ArrayFileError, told

MOST_BYTES = 1 << 28
"""Bytes that a file may unpack to: some thousands of multipliers."""

MOST_INPUTS = 6
"""Inputs that a cell may have, as many as :func:`mask_of` takes."""

_OPERANDS, _PRODUCT = (Port("A", 8), Port("B", 8)), 16
_FIRST_GATE = 2 + 2 * 8

# Entries and the kinds of their numbers; one row a netlist, a gate, a signal or a kind of cell.
_ENTRIES = {
    "mode": "U",
    "names": "U",
    "ends": "iu",
    "outputs": "iu",
    "kinds": "iu",
    "inputs": "iu",
    "energies": "f",
    "kind_names": "U",
    "arities": "iu",
    "masks": "iu",
}


def pack_netlists(netlists: Mapping[str, CostedNetlist]) -> bytes:
    """Returns netlists as the bytes of an ``.npz`` file; equal ones give equal bytes.

    Args:
        netlists: Multipliers by name, one at least, all of one technology and power mode.
    """
    found = list(netlists.values())
    gates = [gate for one in found for gate in one.network.gates]
    functions = {gate.kind: (one, gate) for one in found for gate in one.network.gates}
    kinds = sorted(functions)
    arities = [len(functions[kind][1].inputs) for kind in kinds]
    masks = [
        mask_of(functions[kind][0].network.functions[kind], arity)
        for kind, arity in zip(kinds, arities, strict=True)
    ]
    inputs = np.zeros((len(gates), max(arities, default=1)), np.uint32)
    for index, gate in enumerate(gates):
        inputs[index, : len(gate.inputs)] = gate.inputs
    number = {kind: index for index, kind in enumerate(kinds)}
    outputs = np.array([one.network.outputs[0].signals for one in found], np.uint32)
    return _archive(
        {
            "mode": np.array(found[0].mode),
            "names": np.array(list(netlists)),
            "ends": np.cumsum([len(one.network.gates) for one in found]).astype(np.uint32),
            "outputs": _narrow(outputs),
            "kinds": _narrow(np.array([number[gate.kind] for gate in gates], np.uint32)),
            "inputs": _narrow(inputs),
            "energies": np.concatenate([one.energies for one in found]).astype(np.float32),
            "kind_names": np.array(kinds, dtype=np.str_),
            "arities": np.array(arities, np.uint8),
            "masks": np.array(masks, np.uint64),
        }
    )


def _narrow(numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Returns numbers in the narrowest type that holds them."""
    largest = int(numbers.max(initial=0))
    return numbers.astype(np.min_scalar_type(largest))


def _archive(entries: Mapping[str, npt.NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in entries.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.getvalue())
    return buffer.getvalue()


@dataclass(frozen=True, eq=False)
class NetlistFile:
    """Netlists of one technology and power mode, all one after the other.

    Attributes:
        where: The file, for messages.
        index: Place of each netlist, by name.
        functions: What the kinds of cells compute.
        entries: The arrays of the file.
    """

    where: str
    index: Mapping[str, int]
    functions: Mapping[str, Function]
    entries: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def parse(cls, data: bytes, where: str) -> NetlistFile:
        """Reads the bytes of a file.

        Raises:
            ComponentError: An entry is missing, too large or of another kind or shape, or the
                netlists do not fit together.
        """
        entries = _unpack(data, where)
        _check(entries, where)
        triples = zip(entries["kind_names"], entries["masks"], entries["arities"], strict=True)
        functions = {str(name): function_of(int(mask), int(n)) for name, mask, n in triples}
        index = {str(name): place for place, name in enumerate(entries["names"])}
        return cls(where, index, functions, entries)

    def netlist(self, name: str, cost: ComponentCost) -> CostedNetlist | None:
        """Returns the netlist of a multiplier, or None where the file has none.

        Args:
            name: The multiplier's name.
            cost: Its figures.

        Raises:
            ComponentError: A gate reads a later signal, or one that is not there.
        """
        place = self.index.get(name)
        if place is None:
            return None
        entries, ends = self.entries, self.entries["ends"]
        start, end = (int(ends[place - 1]) if place else 0), int(ends[place])
        kinds, arities = entries["kind_names"].tolist(), entries["arities"].tolist()
        pairs = zip(
            entries["kinds"][start:end].tolist(), entries["inputs"][start:end].tolist(), strict=True
        )
        gates = tuple(Gate(kinds[kind], tuple(row[: arities[kind]])) for kind, row in pairs)
        outputs = (Output("O", tuple(entries["outputs"][place].tolist())),)
        try:
            network = GateNetwork(name, _OPERANDS, outputs, gates, self.functions)
        except HawxError as error:
            raise _damaged(error.what, f"{self.where}:{name}") from error
        # Each netlist brings 2 constants, its inputs and its gates.
        at = start + place * _FIRST_GATE
        energies = entries["energies"][at : at + _FIRST_GATE + end - start].astype(np.float64)
        return CostedNetlist(
            network=network,
            energies=energies,
            area_um2=cost.area_um2,
            delay_ns=cost.delay_ns,
            leakage_nw=cost.leakage_nw,
            mode=str(entries["mode"]),
        )


def _unpack(data: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Reads the arrays of an archive without objects, and none that is larger than it says."""
    try:
        with told(), zipfile.ZipFile(io.BytesIO(data)) as archive:
            left, found = MOST_BYTES, {}
            for name, kinds in _ENTRIES.items():
                with archive.open(f"{name}.npy") as stream:
                    content = stream.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise _damaged(f"unpacks to more than {MOST_BYTES >> 20} MiB", where)
                found[name] = _array(content)
                if found[name].dtype.kind not in kinds:
                    raise _damaged(f"{name} has dtype {found[name].dtype}", where)
    except ArrayFileError as error:
        raise _damaged(str(error), where) from error
    return found


def _array(content: bytes) -> npt.NDArray[Any]:
    """Reads an ``.npy`` file; the shape that it names allocates nothing."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("a version of .npy that is not known")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "Uiuf" or fortran:
        raise ValueError(f"dtype {dtype}, or columns first")
    flat: npt.NDArray[Any] = np.frombuffer(content, dtype, offset=stream.tell())
    return flat.reshape(shape)


def _check(entries: Mapping[str, npt.NDArray[Any]], where: str) -> None:
    """Refuses arrays that do not fit together."""
    ends, kinds, arities = (entries[name] for name in ("ends", "kinds", "arities"))
    count, gates, types = len(np.atleast_1d(entries["names"])), kinds.size, arities.size
    shapes = {
        "mode": (),
        "names": (count,),
        "ends": (count,),
        "outputs": (count, _PRODUCT),
        "kinds": (gates,),
        "energies": (gates + count * _FIRST_GATE,),
        "kind_names": (types,),
        "arities": (types,),
        "masks": (types,),
    }
    for name, shape in shapes.items():
        if entries[name].shape != shape:
            raise _damaged(f"{name} has shape {list(entries[name].shape)}", where)
    inputs, steps = entries["inputs"], np.diff(ends.astype(np.int64), prepend=0)
    widest = int(arities.max(initial=0))
    sound = {
        "inputs": inputs.shape[:1] == (gates,) and inputs.ndim == 2 and inputs.shape[1] >= widest,
        "ends": count > 0 and (steps >= 0).all() and int(ends[-1]) == gates,
        "arities": widest <= MOST_INPUTS and (arities > 0).all(),
        "kinds": (kinds < types).all() and (kinds >= 0).all(),
        "masks": (entries["masks"] >= 0).all(),
        "energies": np.isfinite(entries["energies"]).all(),
        "names": len(set(entries["names"].tolist())) == count,
        "kind_names": len(set(entries["kind_names"].tolist())) == types,
        "mode": str(entries["mode"]) in MODES,
    }
    for name, holds in sound.items():
        if not holds:
            raise _damaged(f"{name} does not fit the rest", where)


def _damaged(what: str, where: str) -> ComponentError:
    return ComponentError(
        f"holds no netlists: {what}", where=where, mend="characterise the library anew"
    )
