"""Strategies of damaged protobuf messages, by their descriptors: the structure of a model stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from fuzzing.strategies import NUMBERS, TEXTS, Draw, damaged_bytes

_INTEGERS = [int(number) for number in NUMBERS if isinstance(number, int) and abs(number) < 2**63]
_FLOATS = [float(number) for number in NUMBERS]
_OPERATORS = (
    "Conv",
    "MatMul",
    "Gemm",
    "Relu",
    "Reshape",
    "Identity",
    "If",
    "Loop",
    "QLinearConv",
    "QuantizeLinear",
    "DequantizeLinear",
    "ConvInteger",
    "Concat",
    "NoSuchOperator",
)


@st.composite
def damaged_models(draw: Draw, sources: Sequence[bytes]) -> bytes:
    """A model with one to three places damaged that its descriptors name; seldom its bytes too."""
    source = draw(st.sampled_from(sources))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(damaged_bytes([source]))
    model = onnx.load_model_from_string(source)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_messages(model))
        message = places[draw(st.integers(0, len(places) - 1))]
        _damage(draw, message, places)
    data = model.SerializeToString()
    return draw(damaged_bytes([data])) if kind == 1 else data


def _messages(message: Message) -> Iterator[Message]:
    """A message and all messages in it."""
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for one in value if _repeated(field) else [value]:
                yield from _messages(one)


def _repeated(field: FieldDescriptor) -> bool:
    repeated = getattr(field, "is_repeated", None)
    if repeated is None:  # protobuf before 6
        return field.label == FieldDescriptor.LABEL_REPEATED
    return repeated() if callable(repeated) else bool(repeated)


def _damage(draw: Draw, message: Message, places: Sequence[Message]) -> None:
    """Changes one field of a message, mostly one that is set."""
    known = [field for field, _ in message.ListFields()]
    every = list(message.DESCRIPTOR.fields)
    field = draw(st.sampled_from(known if known and draw(st.integers(0, 3)) else every))
    kind = draw(st.integers(0, 5))
    if kind == 0:
        message.ClearField(field.name)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        _damage_messages(draw, message, field, places)
    elif _repeated(field):
        _damage_list(draw, getattr(message, field.name), field)
    else:
        _assign(message, field, _scalar(draw, field))


def _damage_messages(
    draw: Draw, message: Message, field: FieldDescriptor, places: Sequence[Message]
) -> None:
    """Doubles, removes, exchanges or inserts a message of the field's type."""
    alike = [one for one in places if one.DESCRIPTOR is field.message_type]
    other = type(alike[0])() if alike else None
    if other is not None:
        other.CopyFrom(alike[draw(st.integers(0, len(alike) - 1))])
    if not _repeated(field):
        if other is not None and other.ByteSize() < 100_000:
            getattr(message, field.name).CopyFrom(other)
        return
    values = getattr(message, field.name)
    at = draw(st.integers(0, len(values))) % max(len(values), 1)
    match draw(st.integers(0, 3)):
        case 0 if values:
            del values[at]
        case 1 if values and other is not None:
            values[at].CopyFrom(other)
        case 2:
            values.add()
        case _:
            if other is not None:
                values.add().CopyFrom(other)


def _damage_list(draw: Draw, values: Any, field: FieldDescriptor) -> None:
    """Changes a list of numbers or texts."""
    at = draw(st.integers(0, max(len(values) - 1, 0)))
    value = _scalar(draw, field)
    kind = draw(st.integers(0, 3))
    try:
        if kind == 0 and len(values):
            del values[at]
        elif kind == 1 or not len(values):
            values.append(value)
        elif kind == 2:
            values.extend([value] * draw(st.sampled_from([2, 10, 1000])))
        else:
            values[at] = value
    except (ValueError, TypeError):  # out of the field's range
        values.append(b"" if isinstance(value, bytes) else "" if isinstance(value, str) else 0)


def _assign(message: Message, field: FieldDescriptor, value: Any) -> None:
    try:
        setattr(message, field.name, value)
    except (ValueError, TypeError):
        message.ClearField(field.name)


def _scalar(draw: Draw, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        texts = [text for text in TEXTS if text != "\ud800"]
        return draw(st.sampled_from([*_OPERATORS, *texts]))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.binary(max_size=16) | st.just(b"\xff" * 4096))
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return draw(st.sampled_from(_FLOATS))
    if field.type == FieldDescriptor.TYPE_ENUM:
        return draw(st.integers(-1, 30))
    return draw(st.sampled_from(_INTEGERS) | st.integers(0, 40))
