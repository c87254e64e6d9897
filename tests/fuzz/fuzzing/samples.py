"""Files of samples, damaged: loaded, checked and preprocessed."""

from __future__ import annotations

import functools
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from hypothesis import strategies as st

from fuzzing.strategies import NUMBERS, TEXTS, Draw, Files, damaged_bytes, repacked
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing

if TYPE_CHECKING:
    from PIL import Image


@functools.cache
def _data() -> dict[str, bytes]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 2, 3, 3)).astype(np.float32)
    images = rng.integers(0, 256, (40, 3, 3)).astype(np.uint8)
    labels = rng.integers(0, 4, 40).astype(np.uint8)
    archive = io.BytesIO()
    np.savez(archive, x=x, y=labels)
    tensor = onnx.numpy_helper.from_array(x, "x").SerializeToString()
    return {
        "data.npz": archive.getvalue(),
        "set/test_data_set_0/input_0.pb": tensor,
        "idx/t10k-images-idx3-ubyte": _idx(images),
    }


def _idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(size.to_bytes(4, "big") for size in values.shape) + values.tobytes()


@st.composite
def data_files(draw: Draw) -> Files:
    """An archive of arrays, a tensor, or an IDX file."""
    name = draw(st.sampled_from(sorted(_data())))
    data = _data()[name]
    if name == "data.npz" and draw(st.booleans()):
        return {name: repacked(data, lambda inner: draw(damaged_bytes([inner])))}
    return {name: draw(damaged_bytes([data]))}


def read_data(folder: Path) -> None:
    """Loads it as the data of a run."""
    (path,) = folder.iterdir()
    shape = (None, 3, 3) if path.name == "idx" else (None, 2, 3, 3)
    load_dataset(str(path), InputSpec("x", np.dtype(np.float32), shape))


@functools.cache
def _images() -> dict[str, tuple[bytes, ...]]:
    """Images of several kinds by suffix."""
    from PIL import Image

    values = np.random.default_rng(3).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    colour = Image.fromarray(values)
    kinds = {
        ".png": [colour, colour.convert("L"), colour.convert("P"), colour.convert("1")],
        ".jpg": [colour, colour.convert("L"), colour.convert("CMYK")],
        ".bmp": [colour, colour.convert("P")],
        ".tif": [colour, colour.convert("F")],
        ".webp": [colour],
        ".ppm": [colour],
    }
    kinds[".png"] += [colour.convert("RGBA"), Image.fromarray(values[:, :, 0].astype(np.uint16))]
    return {suffix: tuple(_encoded(one, suffix) for one in kinds[suffix]) for suffix in kinds}


def _encoded(image: Image.Image, suffix: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, {".jpg": "jpeg", ".tif": "tiff"}.get(suffix, suffix[1:]))
    return stream.getvalue()


_SIDES = (0, 1, 7, 255, 4096, 9000, 2**16 - 1, 2**20, 2**31 - 1, 2**32 - 1)
_LISTS = ("b.png", "0/b.png", "../input/b.png", "/etc/passwd", ".", *TEXTS)
_LABELS = ("0", "1", "-1", "\u00b2", "1.5", *map(str, NUMBERS), "9" * 5000, *TEXTS)


@st.composite
def image_files(draw: Draw) -> Files:
    """A folder of four images in classes or with labels, one or the list damaged."""
    suffix = draw(st.sampled_from(sorted(_images())))
    data = draw(damaged_bytes(_images()[suffix]))
    if suffix == ".png" and draw(st.booleans()):
        data = _other_head(draw, draw(st.sampled_from(_images()[".png"])))
    sound = _images()[".png"][0]
    if draw(st.integers(0, 2)):
        folders = draw(st.sampled_from(["train/{}/", "{}/", ""]))
        names = [f"images/{folders.format(number % 2)}b{number}.png" for number in range(4)]
        return {**dict.fromkeys(names, sound), f"{names[0][:-4]}0{suffix}": data}
    lines = ["file,label", *(f"b{number}.png,{number % 2}" for number in range(4))]
    at = draw(st.integers(0, 4))
    lines[at] = f"{draw(st.sampled_from(_LISTS))},{draw(st.sampled_from(_LABELS))}"
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    files = {f"images/b{number}.png": sound for number in range(4)}
    return {**files, "images/labels.csv": draw(damaged_bytes([text]))}


def _other_head(draw: Draw, data: bytes) -> bytes:
    """A PNG with other sides and kinds, whose checksum fits."""
    head = bytearray(data[12:29])
    for at in (4, 8):
        if draw(st.booleans()):
            head[at : at + 4] = draw(st.sampled_from(_SIDES)).to_bytes(4, "big")
    if draw(st.booleans()):
        head[12 + draw(st.integers(0, 4))] = draw(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16, 255]))
    return data[:12] + bytes(head) + zlib.crc32(head).to_bytes(4, "big") + data[33:]


def read_images(folder: Path) -> None:
    """Loads it as the data of a run, and preprocesses every image."""
    spec = InputSpec("x", np.dtype(np.float32), (None, 3, 8, 8))
    settings = {"resize": [8, 8], "scale": 255, "layout": "nchw"}
    preprocessing = Preprocessing.from_dict(settings, where="settings")
    found = load_dataset(str(folder / "images"), spec, preprocessing=preprocessing)
    for split in (found.calibration, found.validation, found.test):
        np.asarray(split.x[np.arange(len(split.x))])
