"""The option table: types, ranges, names, and configuration files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hawx_onnx.errors import ConfigError
from hawx_onnx.setting_checks import flag_name
from hawx_onnx.settings import Settings
from hawx_onnx.settings_file import load_config, read_config


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    assert settings.max_accuracy_drop == 0.01
    assert settings.target == "temporal"
    assert settings.granularity == "layer"
    assert settings.objective == ("power",)
    assert settings.seed == 0


def test_every_option_has_a_help_text() -> None:
    for item in dataclasses.fields(Settings):
        assert item.metadata["text"], item.name


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_accuracy_drop": 1.1}, ("--max-accuracy-drop", "between 0 and 1")),
        ({"max_accuracy_drop": float("nan")}, ("nan", "out of range")),
        ({"max_power": -1}, ("--max-power", "at least 0")),
        ({"max_evaluations": 0}, ("at least 1",)),
        ({"score_samples": 1}, ("--score-samples", "at least 2")),
        ({"seed": 1.0}, ("1.0 is not a whole number",)),
        ({"seed": True}, ("True is not a whole number",)),
        ({"exact": "yes"}, ("'yes' is not true or false",)),
        ({"data": 3}, ("--data", "3 is not a text")),
        ({"target": None}, ("None is not a text",)),
        ({"candidates": "a"}, ("--candidates", "not a list")),
        ({"candidates": [1]}, ("1 is not a text",)),
        ({"max_power": [1]}, ("[1] is not a number",)),
        ({"granularity": "filters"}, ("--granularity", "'filters'")),
        ({"objective": ("area", "powr")}, ("did you mean power",)),
        ({"objective": ()}, ("--objective", "names nothing")),
        ({"max_acuracy_drop": 1}, ("max_acuracy_drop", "did you mean max_accuracy_drop")),
    ],
)
def test_wrong_values(values: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.of(values)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2


def test_values_become_plain_python() -> None:
    settings = Settings.of(
        {
            "seed": np.int64(4),
            "max_power": np.float32(2.5),
            "max_area": 3,
            "target": Path("a") / "b.yaml",
            "candidates": ["x", "y"],
        }
    )
    assert type(settings.seed) is int
    assert type(settings.max_power) is float
    assert settings.target == str(Path("a") / "b.yaml")
    assert settings.candidates == ("x", "y")


def test_settings_survive_a_configuration_file(tmp_path: Path) -> None:
    settings = Settings.of(
        {"candidates": ["mul8s_*", "a,b"], "max_power": 3.5, "exact": False, "data": "x.npz"}
    )
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({"settings": settings.to_dict()}), encoding="utf-8")
    assert Settings.of(load_config(file)) == settings
    file.write_text(yaml.safe_dump(settings.to_dict()), encoding="utf-8")
    assert Settings.of(load_config(file)) == settings
    flags = {flag_name(f.name) for f in dataclasses.fields(Settings)}
    assert set(settings.to_dict()) == flags - {"cluster", "workers"}


def test_a_configuration_file_is_lenient_where_yaml_is_odd(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("candidates: mul8s_*\nmax-power: 1e1\nlibrary: [a.npz]\n", encoding="utf-8")
    assert load_config(file) == {
        "candidates": ("mul8s_*",),
        "max_power": 10.0,
        "library": ("a.npz",),
    }
    file.write_text("", encoding="utf-8")
    assert read_config(file) == load_config(file) == {}


def test_keys_that_are_no_settings_are_left_to_the_caller(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("output: x\nseed: 2\n3: 4\n", encoding="utf-8")
    assert read_config(file) == {"output": "x", "seed": 2, "3": 4}
    assert load_config(file) == {"seed": 2}


def test_an_error_names_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("max-area: big\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}, max-area: 'big' is not a number")
