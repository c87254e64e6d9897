"""Samples from ONNX test data: folders test_data_set_*/input_0.pb, and output_0.pb as targets.

Of several inputs, input_1.pb and so on hold the others, in the order of the graph.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.frontend.sources.several_inputs import records


def is_folder(folder: Path) -> bool:
    """Tells whether the folder holds ONNX test data."""
    return bool(_files(folder))


def load(folder: Path, inputs: InputSpec, *, values: bool = False) -> RawData:
    """Returns the samples of all test sets, joined along the batch axis.

    Args:
        folder: The folder of the sets, or one set.
        inputs: Of the model.
        values: Whether outputs are the labels, where every set has them: what a metric of values
            compares with. They are no classes.

    Raises:
        DataError: If a file is damaged, a set feeds other inputs than the model has, or the sets
            differ in type or shape.
    """
    files = _files(folder)
    x = _inputs(folder, files, inputs)
    outputs = [path.with_name("output_0.pb") for path in files]
    y = None
    if values and all(path.is_file() for path in outputs):
        y = np.concatenate(_alike(outputs))
    where = f"{folder}, {{}} of all test sets"
    part = RawPart(x, y, where.format("inputs"), where.format("output_0.pb"))
    told = "no labels" if y is None else "their outputs as labels"
    note = f"{len(files)} ONNX test sets of {folder.name}, {told}"
    return RawData(name=str(folder), note=note, parts={"all": part})


def _inputs(folder: Path, files: list[Path], spec: InputSpec) -> Array:
    """Samples of all sets, of as many files in each as the model has inputs."""
    names = [part.name for part in spec.inputs]
    for path in files:
        fed = sum(one.is_file() for one in path.parent.glob("input_*.pb"))
        if fed != len(names):
            raise DataError(
                f"the test set feeds {fed} inputs, the model has {len(names)}: {', '.join(names)}",
                where=str(path.parent),
                mend="give input_0.pb and so on, one for each input in the order of the graph",
            )
    arrays = {
        name: np.concatenate(_alike([path.with_name(f"input_{index}.pb") for path in files]))
        for index, name in enumerate(names)
    }
    return records(arrays, spec, str(folder), "give one file for each input")


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
