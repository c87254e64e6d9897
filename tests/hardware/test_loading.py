from __future__ import annotations

from pathlib import Path

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import SpatialTarget, TemporalTarget, load_target, target_names

TEMPORAL = "kind: temporal\nrows: 8\ncols: 4\nfrequency_mhz: 100\n"


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_presets_and_short_names():
    assert target_names() == (
        "spatial",
        "temporal",
        "spatial-dataflow",
        "spatial-dataflow-fpga",
        "temporal-softgpu",
        "temporal-softgpu-fpga",
        "temporal-systolic-16x16",
        "temporal-systolic-16x16-fpga",
    )
    temporal, spatial = load_target("temporal"), load_target("spatial")
    assert isinstance(temporal, TemporalTarget) and isinstance(spatial, SpatialTarget)
    assert temporal == load_target("temporal-systolic-16x16")
    assert (temporal.rows, temporal.cols, temporal.dataflow) == (16, 16, "output-stationary")
    assert spatial.name == "spatial-dataflow"


@pytest.mark.parametrize("name", [name for name in target_names() if name.endswith("-fpga")])
def test_fpga_presets_are_their_asic_flavours_with_another_fabric(name):
    target, asic = load_target(name), load_target(name.removesuffix("-fpga"))
    assert (target.fabric, asic.fabric) == ("fpga", "asic")
    told = {"name": asic.name, "description": asic.description}
    assert target.override(fabric="asic", **told) == asic


@pytest.mark.parametrize("name", target_names())
def test_presets_document_every_key(name, root):
    target = load_target(name)
    text = (root / "hawx_onnx/hardware/presets" / f"{target.name}.yaml").read_text()
    from hawx_onnx.hardware.schema import key_fields

    for key in key_fields(type(target)):
        assert f"\n{key}:" in text
    for paragraph in text.strip().split("\n\n"):
        assert paragraph.startswith("#")


def test_own_file_with_defaults(written):
    target = load_target(written(TEMPORAL))
    assert target == TemporalTarget(name="mine", rows=8, cols=4, frequency_mhz=100)
    assert load_target(str(written(TEMPORAL))) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEMPORAL + "row: 3\n", r"mine.yaml, line 5: unknown key 'row'\n.*did you mean rows"),
        (TEMPORAL.replace("rows: 8", "rows: 0"), r"line 2: rows is 0\n.*from 1 to 4096"),
        (TEMPORAL.replace("rows: 8", "rows: 2.5"), r"line 2: rows is 2.5\n.*a whole number"),
        (TEMPORAL.replace("rows: 8", "rows: yes"), r"line 2: rows is True"),
        (TEMPORAL.replace("100", "fast"), r"line 4: frequency_mhz is 'fast'\n.*\(MHz\)"),
        (TEMPORAL.replace("100", ".nan"), r"line 4: frequency_mhz is nan"),
        (TEMPORAL.replace("rows: 8\n", ""), r"mine.yaml: key rows is missing\n  add rows:"),
        (
            TEMPORAL + "dataflow: output-statonary\n",
            r"line 5: dataflow is .*did you mean output-stationary.*\n.*weight-stationary",
        ),
        (TEMPORAL.replace("temporal", "temporl"), r"line 1: kind is 'temporl'\n.*spatial"),
        (TEMPORAL.replace("kind: temporal\n", ""), r"mine.yaml: key kind is missing"),
        (TEMPORAL + "rows: 9\n", r"line 5: key rows stands twice, first in line 2"),
        (TEMPORAL + "cols: [1\n", r"mine.yaml, line \d: not valid YAML"),
        ("", r"mine.yaml: holds no keys"),
        ("- a\n- b\n", r"mine.yaml: holds no keys"),
        ("just text", r"mine.yaml: holds no keys"),
        ("kind: spatial\nfrequency_mhz: 1\ntarget_cycles: -4\n", r"line 3: target_cycles is -4"),
    ],
)
def test_wrong_files_name_file_line_key_and_allowed_values(written, text, message):
    with pytest.raises(ConfigError, match=message):
        load_target(written(text))


def test_missing_files_and_unknown_names(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml: there is no such file"):
        load_target(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match=r"no target 'temporall'\n.*did you mean temporal"):
        load_target("temporall")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="binary.yaml"):
        load_target(tmp_path / "binary.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_target(tmp_path / "folder.yaml")


def test_override_checks_like_a_file():
    changed = load_target("temporal").override(dataflow="weight-stationary")
    assert changed.dataflow == "weight-stationary" and changed.rows == 16
    with pytest.raises(ConfigError, match="dataflow is 'none'"):
        load_target("temporal").override(dataflow="none")
    with pytest.raises(ConfigError, match="a spatial target has no key 'dataflow'"):
        load_target("spatial").override(dataflow="weight-stationary")


def test_constructor_checks_bounds():
    with pytest.raises(ConfigError, match="target t: cols is -1"):
        TemporalTarget(name="t", rows=1, cols=-1, frequency_mhz=100)


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 5000 + ".yaml", "a\x00b"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no (target|such file)"):
        load_target(name)
