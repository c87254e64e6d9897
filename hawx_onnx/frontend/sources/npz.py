"""Samples from an ``.npz`` file: x and y, or x_train, y_train, x_test and y_test.

Of a model with several inputs, one array for each stands in the place of x, under the input's name.
"""

from __future__ import annotations

from pathlib import Path

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.frontend.sources.mapped_rows import MappedRows
from hawx_onnx.frontend.sources.npz_mapping import mapped
from hawx_onnx.frontend.sources.several_inputs import records
from hawx_onnx.numpy_files import Archive, ArrayFileError

_FORMS = "name the arrays x and y (y may be left out), or x_train, y_train, x_test and y_test"
_SEVERAL = "store one array for each input under its name, or with _train and _test"


def load(path: Path, input_spec: InputSpec | None = None) -> RawData:
    """Returns the arrays of the file; pickled objects are refused.

    Args:
        path: The file.
        input_spec: The model's inputs, where there are several.

    Raises:
        DataError: If the file is missing, is no ``.npz`` file, holds pickled objects, or lacks
            the arrays.
    """
    try:
        with Archive(path) as archive:
            if input_spec is not None and input_spec.parts:
                return _read_several(archive, path, input_spec)
            return _read(archive, path)
    except FileNotFoundError as error:
        raise DataError(
            "no such file", where=str(path), mend="give the path of an .npz file with x and y"
        ) from error
    except ArrayFileError as error:
        raise DataError(
            f"not a readable .npz file: {error}",
            where=str(path),
            mend="write it again with numpy.savez(path, x=..., y=...)",
        ) from error


def _read(archive: Archive, path: Path) -> RawData:
    """Reads the parts of an open archive."""
    names = set(archive.names)
    if "x" in names and names & {"x_train", "x_test"}:
        raise DataError("holds both x and x_train or x_test", where=str(path), mend=_FORMS)
    suffixes = {"all": ""} if "x" in names else {"train": "_train", "test": "_test"}
    missing = [f"x{suffix}" for suffix in suffixes.values() if f"x{suffix}" not in names]
    if missing:
        if len(missing) == 1:
            what = f"array '{missing[0]}' is missing"
        else:
            what = f"has no samples; its arrays are {', '.join(archive.names) or 'none'}"
        raise DataError(what, where=str(path), mend=_FORMS)
    parts = {
        part: RawPart(
            x=_samples(archive, f"x{suffix}", path),
            y=_array(archive, f"y{suffix}", path) if f"y{suffix}" in names else None,
            x_where=f"{path}, array 'x{suffix}'",
            y_where=f"{path}, array 'y{suffix}'",
        )
        for part, suffix in suffixes.items()
    }
    return RawData(name=str(path), note=f"arrays of {path.name}", parts=parts)


def _samples(archive: Archive, name: str, path: Path) -> Array | MappedRows:
    """Samples, mapped from the file where that holds many of them uncompressed."""
    found = mapped(path, name)
    return _array(archive, name, path) if found is None else found


def _read_several(archive: Archive, path: Path, spec: InputSpec) -> RawData:
    """Reads one array for each input."""
    names = [part.name for part in spec.parts]
    parted = any(f"{name}_{part}" in archive.names for name in names for part in ("train", "test"))
    suffixes = {"train": "_train", "test": "_test"} if parted else {"all": ""}
    parts = {}
    for part, suffix in suffixes.items():
        arrays = {
            name: _array(archive, name + suffix, path)
            for name in names
            if name + suffix in archive.names
        }
        where = f"{path}, arrays {', '.join(name + suffix for name in names)}"
        x = records(arrays, spec, where, _SEVERAL)
        y = _array(archive, f"y{suffix}", path) if f"y{suffix}" in archive.names else None
        parts[part] = RawPart(x, y, where, f"{path}, array 'y{suffix}'")
    return RawData(name=str(path), note=f"arrays of {path.name}", parts=parts)


def _array(archive: Archive, name: str, path: Path) -> Array:
    """Reads one array, telling pickled objects apart from damaged files."""
    try:
        return archive.read(name)
    except ArrayFileError as error:
        if "pickled" not in str(error):
            raise
        raise DataError(
            "holds pickled Python objects, which are never loaded",
            where=f"{path}, array '{name}'",
            mend="store a plain numeric array, for example with numpy.stack(...)",
        ) from error
