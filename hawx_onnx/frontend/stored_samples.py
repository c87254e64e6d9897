"""From samples as they are stored to samples ready for the model, at once or when they are run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_checks import check_stored, fit_without_preprocessing
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.frontend.scale_doubts import scaled_twice, unscaled
from hawx_onnx.frontend.sources import RawPart, too_few
from hawx_onnx.frontend.sources.images import ImageFiles
from hawx_onnx.frontend.sources.mapped_rows import MappedRows
from hawx_onnx.frontend.streamed import streamed


class ReadySamples(NamedTuple):
    """Samples in the model's form, and how they came there.

    Attributes:
        x: Samples [N, ...].
        preprocessing: What they go through; None for nothing.
        twice: Why they look as if they had gone through it before; empty if they do not.
        unscaled: Why they look as if they should go through one; likewise.
    """

    x: Array
    preprocessing: Preprocessing | None
    twice: str = ""
    unscaled: str = ""


def ready_samples(
    part: RawPart,
    input_spec: InputSpec,
    given: Preprocessing | None,
    card: Preprocessing | None,
    least: int,
) -> ReadySamples:
    """Checks samples and brings them into the model's form.

    Image files, and arrays that are mapped from a file, are read when they are run.

    Args:
        part: As they are stored.
        input_spec: The input of the model.
        given: The user's preprocessing.
        card: That of the reference network, taken where samples are not ready.
        least: The smallest number of samples.

    Raises:
        DataError: They are damaged, too few, or do not fit the model.
    """
    if isinstance(part.x, ImageFiles):
        too_few(len(part.x), least, part.x_where)
        images, chosen = part.x, given or card
        x = streamed(lambda rows: _images(images, rows, input_spec, chosen), len(images))
        return ReadySamples(x, chosen)
    stored = part.x
    few = (
        stored.rows(np.arange(min(least, len(stored))))
        if isinstance(stored, MappedRows)
        else stored
    )
    check_stored(few, part.x_where, least=least)
    chosen = given
    if chosen is None and not (input_spec.parts or is_ready(few, input_spec)):
        chosen = card
    if chosen is not None and input_spec.parts:
        raise DataError(
            "there is no preprocessing for several inputs",
            where="--preprocess",
            mend="store the arrays in the form that the model takes",
        )

    def form(x: Array) -> Array:
        if chosen is None:
            return fit_without_preprocessing(x, input_spec, part.x_where)
        return chosen.apply(x, input_spec, where=part.x_where)

    twice = "" if chosen is None else scaled_twice(few, chosen, part.x_where)
    plain = unscaled(few, input_spec, part.x_where) if chosen is None else ""
    if not isinstance(stored, MappedRows):
        return ReadySamples(form(stored), chosen, twice, plain)

    def read(rows: Array) -> Array:
        x = stored.rows(rows)
        check_stored(x, part.x_where, least=0)
        return form(x)

    return ReadySamples(streamed(read, len(stored)), chosen, twice, plain)


def is_ready(x: Array, input_spec: InputSpec) -> bool:
    """Tells whether samples are in the model's form; the width of floats does not matter."""
    both_float = x.dtype.kind == "f" and input_spec.dtype.kind == "f"
    return input_spec.shape_fits(x.shape) and (both_float or x.dtype == input_spec.dtype)


def _images(
    images: ImageFiles, rows: Array, input_spec: InputSpec, chosen: Preprocessing | None
) -> Array:
    """Images of files, each framed by itself, as they may differ in size."""
    grey = _channels(input_spec, chosen) == 1
    parts = []
    for row in rows.tolist():
        image, where = images.image(row, grey=grey), str(images.files[row])
        if chosen is None:
            parts.append(fit_without_preprocessing(image, input_spec, where))
        else:
            parts.append(chosen.apply(image, input_spec, where=where))
    if not parts:
        return np.empty((0, *(extent or 0 for extent in input_spec.shape[1:])), input_spec.dtype)
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        raise DataError(
            f"images have different sizes: {sorted(shapes)[0][1:]} and {sorted(shapes)[1][1:]}",
            where=str(images.files[int(rows[0])].parent),
            mend="set 'resize' in the file of --preprocess",
        )
    return np.concatenate(parts)


def _channels(input_spec: InputSpec, chosen: Preprocessing | None) -> int:
    """Channels of the images that the model takes; 3 where that is open."""
    if len(input_spec.shape) != 4:
        return 1 if len(input_spec.shape) == 3 else 3
    layout = "nhwc" if chosen is None else chosen.layout
    return input_spec.shape[layout.index("c")] or 3
