"""Versions that results depend on, compared between a client and its workers."""

from __future__ import annotations

from collections.abc import Mapping

# What computes: where one differs, results may.
COMPARED = ("hawx-onnx", "onnxruntime", "onnx", "numpy")


def versions() -> dict[str, str]:
    """Versions in this process."""
    from hawx_onnx.report.environment import versions as all_versions

    return {name: version for name, version in all_versions().items() if name in COMPARED}


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """What differs, in words: ``onnxruntime 1.21.0, 1.32.0 here``."""
    return [
        f"{name} {there.get(name, 'missing')}, {here[name]} here"
        for name in here
        if there.get(name) != here[name]
    ]
