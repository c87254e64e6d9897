"""Values of the journal come back to the bit, and nothing but what is named comes back."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest

from hawx_onnx.journal.values import CLASSES, pack, unpack
from hawx_onnx.passes.base import LeftAlone
from hawx_onnx.sensitivity import OperatorScore, Sensitivity


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "text",
        3,
        0.1,
        float("inf"),
        b"\0\xff",
        [1, (2, [3])],
        (),
        {"a": {"b": (None,)}, "": []},
        {"array": 1, "class": "x"},
        LeftAlone("node", "Conv", "reason"),
        {"left": (LeftAlone("a", "b", "c"),)},
    ],
    ids=repr,
)
def test_plain_values_come_back(value):
    found = unpack(pack(value))
    assert found == value
    assert type(found) is type(value)


def test_nan_comes_back():
    assert math.isnan(unpack(pack(float("nan"))))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_with_type_and_layout(dtype, order):
    array = np.asarray(np.arange(6).reshape(2, 3) % 2, dtype=dtype, order=order)
    found = unpack(pack(array))
    assert (found.dtype, found.flags.f_contiguous) == (array.dtype, array.flags.f_contiguous)
    np.testing.assert_array_equal(found, array)
    found[0, 0] = 1  # it may be written to


def test_numpy_scalars_stay_ones():
    found = unpack(pack(np.float32(0.1)))
    assert isinstance(found, np.float32)
    assert found == np.float32(0.1)


def test_scores_come_back_field_by_field():
    rng = np.random.default_rng(0)
    operator = OperatorScore(*(rng.random((2, 3)) for _ in range(3)), rng.random(3), 2.5, 7)
    score = Sensitivity(
        layers=("a",),
        multipliers=("exact", "m"),
        operator={"a": operator},
        baseline=rng.random((4, 5)).astype(np.float32),
        responses=rng.random((1, 2, 4, 5)).astype(np.float32),
        labels=None,
        seconds=0.25,
        notes=("note",),
    )
    found = unpack(pack(score))
    assert found.to_dict() | {"seconds": 0.25} == score.to_dict()
    assert found.responses.tobytes() == score.responses.tobytes()
    assert found.operator["a"].std.tobytes() == operator.std.tobytes()
    assert found.notes == ("note",)


def test_all_classes_are_plain_dataclasses():
    assert all(dataclasses.is_dataclass(one) for one in CLASSES.values())
    assert all(field.init for one in CLASSES.values() for field in dataclasses.fields(one))


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="Path"):
        pack([__import__("pathlib").Path()])


def test_damaged_bytes_are_refused():
    data = pack({"a": np.arange(10)})
    for damaged in (b"", b"nothing", data[:-40], data[:50]):
        with pytest.raises(ValueError, match="damaged"):
            unpack(damaged)
    stream = io.BytesIO()
    np.savez(stream, tree=np.frombuffer(b'{"class": "Path", "fields": {"pairs": []}}', np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        unpack(stream.getvalue())
    stream = io.BytesIO()
    np.savez(stream, tree=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        unpack(stream.getvalue())
