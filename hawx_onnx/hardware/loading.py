"""Targets by name, from the presets or from a YAML file of the user's."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.plugged import plugged_kind, plugged_names, plugged_target
from hawx_onnx.hardware.schema import check_keys
from hawx_onnx.hardware.soft_gpu import SoftGpuTarget
from hawx_onnx.hardware.spatial import SpatialTarget
from hawx_onnx.hardware.target import Target
from hawx_onnx.hardware.temporal import TemporalTarget
from hawx_onnx.names import close_names
from hawx_onnx.yaml_files import read_yaml

_PRESETS = Path(__file__).parent / "presets"
_SUFFIXES = (".yaml", ".yml")

KINDS: Mapping[str, type[Target]] = {
    TemporalTarget.kind: TemporalTarget,
    SpatialTarget.kind: SpatialTarget,
    SoftGpuTarget.kind: SoftGpuTarget,
}
"""Value of the key ``kind`` -> class."""

ALIASES: Mapping[str, str] = {
    "temporal": "temporal-systolic-16x16",
    "spatial": "spatial-dataflow",
}
"""Short name -> preset."""


def target_names() -> tuple[str, ...]:
    """Returns the names that `load_target` knows: short names, then presets."""
    return (*sorted(ALIASES), *sorted(path.stem for path in _PRESETS.glob("*.yaml")))


def fpga_names() -> tuple[str, ...]:
    """Returns the presets that are of an FPGA."""
    return tuple(name for name in target_names() if load_target(name).fabric == "fpga")


def load_target(name_or_path: str | Path) -> Target:
    """Loads a target by the name of a preset or from a YAML file.

    Args:
        name_or_path: ``temporal``, ``spatial``, a preset's name, the path of a YAML file, or the
            name of a target that an installed plug-in brings.

    Raises:
        ConfigError: If the name or file does not exist, or a key or value in it is wrong; the
            message names the file, the line, the key and what is allowed.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, str) and name in target_names():
        return _preset(ALIASES.get(name, name))
    path = Path(name_or_path)
    # Unlike that of pathlib, isfile takes names that no file can have.
    if path.suffix.lower() in _SUFFIXES or os.path.isfile(path):  # noqa: PTH113
        return _read(path)
    if isinstance(name_or_path, str) and (plugged := plugged_target(name, _read)) is not None:
        return plugged
    known = (*target_names(), *plugged_names())
    raise ConfigError(
        f"there is no target {name!r}",
        where="target",
        mend=f"{close_names(name, known)} (or the path of a YAML file)",
    )


@functools.cache
def _preset(name: str) -> Target:
    """A target of ours, which nothing can change."""
    return _read(_PRESETS / f"{name}.yaml")


def _read(path: Path) -> Target:
    """Reads and checks a target file."""
    values, lines = _read_mapping(path)
    where = {key: f"{path}, line {line}" for key, line in lines.items()}
    kind = values.pop("kind", None)
    cls = KINDS.get(kind) or plugged_kind(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ConfigError(
            "key kind is missing" if kind is None else f"kind is {kind!r}",
            where=where.get("kind", str(path)),
            mend=f"allowed for kind: {', '.join(KINDS)}",
        )
    values.setdefault("name", path.stem)
    check_keys(cls, values, where, str(path))
    return cls(**values)  # type: ignore[arg-type]


def _read_mapping(path: Path) -> tuple[dict[str, object], dict[str, int]]:
    """Returns the keys of a YAML file with their values and line numbers."""
    import yaml

    if not os.path.exists(path):  # noqa: PTH110
        raise ConfigError(
            "there is no such file",
            where=str(path),
            mend=f"presets: {', '.join(target_names())}",
        )
    values, node = read_yaml(path, "write one `key: value` a line")
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            "holds no keys",
            where=str(path),
            mend=f"write one `key: value` a line, first `kind: {' or '.join(KINDS)}`",
        )
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            raise ConfigError(
                f"key {name} stands twice, first in line {lines[name]}",
                where=f"{path}, line {line}",
            )
        lines[name] = line
    return {str(key): value for key, value in values.items()}, lines
