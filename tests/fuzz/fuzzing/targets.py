"""What is made at random, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hypothesis import strategies as st

from fuzzing import configuration, documents, journals, libraries, multipliers, networks, samples
from fuzzing.running import Target
from fuzzing.strategies import Files

_TARGETS: Mapping[str, tuple[Callable[[], st.SearchStrategy[Files]], Callable[[Path], None]]] = {
    "models": (networks.damaged_networks, networks.read_network),
    "tables": (multipliers.table_files, multipliers.read_tables),
    "verilog": (multipliers.verilog_files, multipliers.read_verilog),
    "libraries": (libraries.library_files, libraries.read_library),
    "liberty": (libraries.liberty_files, libraries.read_cells),
    "data": (samples.data_files, samples.read_data),
    "images": (samples.image_files, samples.read_images),
    "configuration": (configuration.configuration_files, configuration.read_configuration),
    "rules": (configuration.rule_files, configuration.read_rules),
    "documents": (documents.assignment_files, documents.read_assignment),
    "baselines": (documents.baseline_files, documents.read_baseline_file),
    "journals": (journals.journal_files, journals.read_journal),
}


def names() -> tuple[str, ...]:
    """All targets."""
    return tuple(_TARGETS)


def target(name: str) -> Target:
    """A target by its name."""
    inputs, read = _TARGETS[name]
    return Target(name, inputs(), read)
