"""A plug-in of hawx-onnx: a library of multipliers, a pass and a target."""

from pathlib import Path

EDGE = Path(__file__).parent / "edge.yaml"
"""A target is the path of its YAML file."""
