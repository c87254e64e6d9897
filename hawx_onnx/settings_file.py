"""Settings from configuration files."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.setting_checks import check_option, flag_name, repeatable
from hawx_onnx.settings import Settings, native
from hawx_onnx.yaml_files import read_yaml


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a YAML configuration file whose keys are the flags' names.

    Of a file with a key ``settings`` (a ``run.yaml``) only the mapping below it counts.

    Returns:
        Values by flag name, unchecked; none for an empty file.

    Raises:
        ConfigError: The file is missing or no YAML mapping.
    """
    where = str(path)
    values, _ = read_yaml(path, _FORM)
    if isinstance(values, dict) and "settings" in values:
        values = values["settings"]
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("is no mapping", where=where, mend=_FORM)
    return {str(key): value for key, value in values.items()}


_FORM = "write lines `flag-name: value`"


def load_config(path: str | Path) -> dict[str, Any]:
    """Reads the settings of a configuration file; other keys are left to the caller.

    A text is taken where a list is expected, as a flag given once, and a text such as ``1e-3``,
    which YAML 1.1 does not call a number, where a number is.

    Returns:
        Values by field name.

    Raises:
        ConfigError: The file is missing or no YAML mapping, or a value does not fit its option.
    """
    values, result = read_config(path), {}
    for item in dataclasses.fields(Settings):
        key = flag_name(item.name)
        if key in values:
            result[item.name] = _from_yaml(item, values[key])
            check_option(item, result[item.name], f"{path}, {key}")
    return result


def _from_yaml(item: dataclasses.Field[Any], value: Any) -> Any:  # noqa: ANN401
    if repeatable(item) and isinstance(value, str):
        return (value,)
    if item.metadata["kind"] is float and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return native(value)
