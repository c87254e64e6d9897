"""Values in files beside the model: read where they are sound, refused where they are not."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.model import load_model

VALUES = np.arange(600, dtype=np.float32)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model in a folder of its own whose weights are in ``w.bin``."""
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[600] x) => (float[600] y) { y = Add(x, w) }"""
    )
    model.graph.initializer.append(numpy_helper.from_array(VALUES, "w"))
    path = tmp_path / "model" / "m.onnx"
    path.parent.mkdir()
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def edited(path: Path, **entries: str) -> Path:
    """The file with other entries for its external tensor."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = entries.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())
    return path


def test_sound_data_is_read(saved: Path) -> None:
    (tensor,) = load_model(saved).graph.initializer
    assert np.array_equal(numpy_helper.to_array(tensor), VALUES)
    assert tensor.data_location == onnx.TensorProto.DEFAULT


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    for word in ("m.onnx", "tensor w", *words):
        assert word in str(caught.value)
    assert caught.value.mend


def test_a_missing_file(saved: Path) -> None:
    (saved.parent / "w.bin").unlink()
    refused(saved, "w.bin is missing", "copy the file")


def test_a_file_that_is_cut_off(saved: Path) -> None:
    data = saved.parent / "w.bin"
    data.write_bytes(data.read_bytes()[:-8])
    refused(saved, "byte 2400", "has 2392")


@pytest.mark.parametrize("form", ["../w.bin", "absolute", "sub/../../w.bin", "/etc/passwd", ""])
def test_files_outside_the_folder(saved: Path, form: str) -> None:
    outside = saved.parent.parent / "w.bin"
    (saved.parent / "w.bin").rename(outside)
    refused(edited(saved, location=str(outside) if form == "absolute" else form), "outside")


def test_a_link_out_of_the_folder(saved: Path) -> None:
    inside = saved.parent / "w.bin"
    inside.rename(saved.parent.parent / "other.bin")
    inside.symlink_to(saved.parent.parent / "other.bin")
    refused(saved, "outside")


@pytest.mark.parametrize("entries", [{"offset": "-4"}, {"length": "9999"}, {"offset": "many"}])
def test_places_beyond_the_file(saved: Path, entries: dict[str, str]) -> None:
    refused(edited(saved, **entries), "external data")


def test_more_than_a_message_holds_is_refused_before_it_is_read(saved: Path) -> None:
    """2.5 GB that take no room on the disk: the file is all hole."""
    model = onnx.load(saved, load_external_data=False)
    (tensor,) = model.graph.initializer
    tensor.dims[:] = [625_000_000]
    saved.write_bytes(model.SerializeToString())
    edited(saved, length="2500000000", offset="0")
    os.truncate(saved.parent / "w.bin", 2_500_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"2\.5 GB, at most 2\.1 GB") as caught:
        load_model(saved)
    assert "m.onnx" in str(caught.value) and caught.value.mend
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000  # KiB


def test_narrow_floats_count_as_the_floats_that_they_become(saved: Path) -> None:
    model = onnx.load(saved, load_external_data=False)
    (tensor,) = model.graph.initializer
    tensor.dims[:], tensor.data_type = [600_000_000], onnx.TensorProto.FLOAT16
    saved.write_bytes(model.SerializeToString())
    edited(saved, length="1200000000", offset="0")
    os.truncate(saved.parent / "w.bin", 1_200_000_000)
    with pytest.raises(ModelError, match=r"2\.4 GB, at most 2\.1 GB"):
        load_model(saved)


def test_a_file_that_no_message_fits(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    os.truncate(tmp_path / "m.onnx", 2_500_000_000)
    with pytest.raises(ModelError, match=r"m\.onnx.*2\.5 GB, at most 2\.1 GB"):
        load_model(tmp_path / "m.onnx")
