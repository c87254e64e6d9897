"""What a data set is: three disjoint splits in the form that the model takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class InputSpec:
    """The input of a model, or all of its inputs.

    Samples of several inputs are an array of records: one field for each input, under its name.

    Attributes:
        name: Name of the graph input; of several, all names.
        dtype: Element type; of several, that of records, without fields where sizes are open.
        shape: Extent of each axis, ``None`` where it is symbolic; axis 0 is the batch.
        parts: The inputs, where there are several.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    parts: tuple[InputSpec, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    @classmethod
    def joined(cls, parts: tuple[InputSpec, ...]) -> InputSpec:
        """Several inputs that share their batch axis."""
        open_sizes = any(size is None for part in parts for size in part.shape[1:])
        fields = [] if open_sizes else [(part.name, part.dtype, part.shape[1:]) for part in parts]
        names = ", ".join(part.name for part in parts)
        return cls(names, np.dtype(fields), parts[0].shape[:1], parts)

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Each input on its own."""
        return self.parts or (self,)

    def feeds(self, rows: Array) -> dict[str, Array]:
        """What a session is fed with for samples: input -> array."""
        if not self.parts:
            return {self.name: rows}
        return {part.name: np.ascontiguousarray(rows[part.name]) for part in self.parts}

    def join(self, arrays: Mapping[str, Array]) -> Array:
        """Samples of arrays by input; the array itself where there is one input."""
        if not self.parts:
            return arrays[self.name]
        given = [(part.name, arrays[part.name]) for part in self.parts]
        fields = [(name, array.dtype, array.shape[1:]) for name, array in given]
        rows: Array = np.empty(len(given[0][1]), np.dtype(fields))
        for name, array in given:
            rows[name] = array
        return rows

    def fits(self, x: Array) -> bool:
        """Tells whether a batch has the model's dtype and, the batch axis aside, its shape."""
        return x.dtype == self.dtype and self.shape_fits(x.shape)

    def shape_fits(self, shape: tuple[int, ...]) -> bool:
        """Tells whether a shape equals the model's on every axis but the batch axis."""
        if len(shape) != len(self.shape):
            return False
        pairs = zip(shape[1:], self.shape[1:], strict=True)
        return all(want is None or have == want for have, want in pairs)

    def describe(self) -> str:
        """Returns the type and shape in words, for example ``float32 [N, 1, 32, 32]``."""
        return f"{self.dtype} {describe_shape((None, *self.shape[1:]))}"


@dataclass(frozen=True, eq=False)
class Split:
    """Some samples of a data set; the arrays are read-only.

    Attributes:
        name: ``calibration``, ``validation`` or ``test``.
        x: Samples [N, ...] in the model's dtype and layout; those of large data sets are read
            when rows are asked for (:class:`hawx_onnx.frontend.streamed.StreamedSamples`).
        y: Class of each sample, int64 [N], or other targets [N, ...] of a metric; ``None`` where
            the data has no labels.
    """

    name: str
    x: Array
    y: Array | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _read_only(self.x))
        if self.y is not None:
            object.__setattr__(self, "y", _read_only(self.y))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits that share no sample.

    Attributes:
        name: What was loaded: a built-in name, a path or a function.
        calibration: Samples for ranges, sensitivities and responses.
        validation: Samples that the search measures candidates on.
        test: Samples for the final report alone.
        note: Where the samples come from and how they were split.
        scaled_twice: Why stored values look as if the preprocessing had been applied before; empty
            if they do not.
        unscaled: Why they look as if they should go through one and do not; likewise.
    """

    name: str
    calibration: Split
    validation: Split
    test: Split
    note: str
    scaled_twice: str = ""
    unscaled: str = ""

    @property
    def splits(self) -> tuple[Split, Split, Split]:
        """The calibration, validation and test splits, in this order."""
        return self.calibration, self.validation, self.test

    def each(self, change: Callable[[Split], Split]) -> Dataset:
        """The same data with every split changed."""
        calibration, validation, test = map(change, self.splits)
        return replace(self, calibration=calibration, validation=validation, test=test)

    @property
    def labelled(self) -> bool:
        """Whether every split has labels."""
        return all(split.y is not None for split in self.splits)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, in hex, over names, types, shapes and contents of all splits."""
        digest = hashlib.sha256()
        for split in self.splits:
            for part, array in (("x", split.x), ("y", split.y)):
                head = "none" if array is None else f"{array.dtype.str} {array.shape}"
                digest.update(f"{split.name}/{part} {head}\n".encode())
                for rows in () if array is None else parts_of(array):
                    digest.update(np.ascontiguousarray(rows).data)
        return digest.hexdigest()


def describe_shape(shape: tuple[int | None, ...]) -> str:
    """Returns a shape in words: the unknown batch axis as ``N``, other unknown axes as ``?``."""
    words = [
        str(extent) if extent is not None else ("N" if axis == 0 else "?")
        for axis, extent in enumerate(shape)
    ]
    return f"[{', '.join(words)}]"


def parts_of(array: Array) -> Iterable[Array]:
    """All rows: an array at once, streamed samples a few at a time."""
    chunks: Callable[[], Iterable[Array]] | None = getattr(array, "chunks", None)
    return (array,) if chunks is None else chunks()


def _read_only(array: Array) -> Array:
    """Returns a read-only view; the caller's own array stays as it was."""
    if hasattr(array, "chunks"):
        return array  # streamed: every reading gives a new array
    view: Array = array.view()
    view.setflags(write=False)
    return view
