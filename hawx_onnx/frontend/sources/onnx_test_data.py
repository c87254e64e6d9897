"""Samples from ONNX test data: folders test_data_set_*/input_0.pb, and output_0.pb as targets."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array
from hawx_onnx.frontend.sources import RawData, RawPart


def is_folder(folder: Path) -> bool:
    """Tells whether the folder holds ONNX test data."""
    return bool(_files(folder))


def load(folder: Path, *, values: bool = False) -> RawData:
    """Returns the samples of all test sets, joined along the batch axis.

    Args:
        folder: The folder of the sets, or one set.
        values: Whether outputs are the labels, where every set has them: what a metric of values
            compares with. They are no classes.

    Raises:
        DataError: If a file is damaged, a set feeds several inputs, or the sets differ in type
            or shape.
    """
    files = _files(folder)
    arrays = _alike(files)
    outputs = [path.with_name("output_0.pb") for path in files]
    y = None
    if values and all(path.is_file() for path in outputs):
        y = np.concatenate(_alike(outputs))
    where = f"{folder}, {{}}_0.pb of all test sets"
    part = RawPart(np.concatenate(arrays), y, where.format("input"), where.format("output"))
    told = "no labels" if y is None else "their outputs as labels"
    note = f"{len(files)} ONNX test sets of {folder.name}, {told}"
    return RawData(name=str(folder), note=note, parts={"all": part})


def _alike(files: list[Path]) -> list[Array]:
    """Reads files that hold arrays of one type and shape, the first axis apart."""
    arrays = [_read(path) for path in files]
    first = arrays[0]
    for path, array in zip(files, arrays, strict=True):
        if array.dtype != first.dtype or array.shape[1:] != first.shape[1:]:
            raise DataError(
                f"holds {array.dtype} {list(array.shape)}, "
                f"{files[0].parent.name} {first.dtype} {list(first.shape)}",
                where=str(path),
                mend="keep test sets of one type and shape in a folder",
            )
    return arrays


def _files(folder: Path) -> list[Path]:
    """Returns the input files, test sets in the order of their numbers."""
    if (folder / "input_0.pb").is_file():
        return [folder / "input_0.pb"]
    found = folder.glob("test_data_set_*/input_0.pb")
    return sorted(found, key=lambda path: (_number(path.parent.name), path.parent.name))


def _number(name: str) -> int:
    """Returns the number at the end of a folder's name, or 0."""
    match = re.search(r"(\d+)$", name)
    return int(match.group(1)) if match else 0


def _read(path: Path) -> Array:
    """Reads one tensor file."""
    if (path.parent / "input_1.pb").exists():
        raise DataError(
            "the test set feeds several inputs, only models with one are supported",
            where=str(path.parent),
        )
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import numpy_helper

    try:
        tensor = onnx.load_tensor(str(path))
        array = numpy_helper.to_array(tensor)
    except (DecodeError, OSError, TypeError, ValueError, KeyError) as error:
        raise DataError(
            f"holds no readable tensor: {error}",
            where=str(path),
            mend="write it again with onnx.save_tensor",
        ) from error
    if array.ndim == 0:
        raise DataError("holds a scalar, not a batch of samples", where=str(path))
    return np.asarray(array)
