"""Olive's package configuration with our pass in it; needs no Olive to be imported."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from hawx_onnx.errors import ConfigError

PASS = "HawxApproximate"
"""The pass's name in Olive."""

ENTRY: dict[str, Any] = {
    "module_path": f"hawx_onnx.integrations.olive.{PASS}",
    "supported_providers": ["CPUExecutionProvider"],
    "supported_accelerators": ["cpu"],
    "supported_precisions": ["int8"],
    "supported_algorithms": [],
    "supported_quantization_encodings": [],
    "module_dependencies": ["hawx-onnx"],
    "dataset": "dataset_optional",
}
"""What Olive's package configuration says of the pass."""


def default_base() -> Path:
    """Returns the package configuration of the installed Olive, without importing it.

    Raises:
        ConfigError: There is no Olive, or it has none.
    """
    found = importlib.util.find_spec("olive")
    # A folder of that name without modules is found too, and has no origin.
    folder = None if found is None or found.origin is None else Path(found.origin).parent
    if folder is not None and (folder / "olive_config.json").is_file():
        return folder / "olive_config.json"
    raise ConfigError(
        "Olive is not installed" if folder is None else f"{folder} has no olive_config.json",
        where="--base",
        mend="pip install 'hawx-onnx[olive]', or give the path of an olive_config.json",
    )


def merged_config(base: str | Path | None = None) -> dict[str, Any]:
    """Returns a package configuration with our pass among its own.

    Olive takes one file in place of its defaults, so ours alone would hide all other passes.

    Args:
        base: The configuration to start from; that of the installed Olive if None.

    Raises:
        ConfigError: It cannot be read, or is no package configuration.
    """
    path = default_base() if base is None else Path(base)
    where, mend = str(path), "give the olive_config.json of an Olive package"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot be read: {reason}", where=where, mend=mend) from error
    except ValueError as error:
        raise ConfigError(f"is not valid JSON: {error}", where=where, mend=mend) from error
    passes = document.get("passes") if isinstance(document, dict) else None
    if not isinstance(passes, dict) or not passes:
        raise ConfigError("lists no passes", where=where, mend=mend)
    # Olive does not tell capitals and small letters apart.
    others = {name: entry for name, entry in passes.items() if name.lower() != PASS.lower()}
    return {**document, "passes": {**others, PASS: ENTRY}}
