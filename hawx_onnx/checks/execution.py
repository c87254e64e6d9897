"""Rules on how a model runs and is stored: portable bodies, bytes, versions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from hawx_onnx.checks.finding import FAILED, PASSED, Finding
from hawx_onnx.checks.rules_file import Rule
from hawx_onnx.checks.subject import Subject
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.passes.graph import HAWX_DOMAIN, default_opset
from hawx_onnx.runtime.runner import Runner

SAMPLES = 8


def portable_equals_kernel(subject: Subject, rule: Rule, dataset: Dataset) -> Finding:
    """Library and portable bodies give the same bytes, in every ai.hawx node and at the end.

    What a node writes is looked at too, since what follows could hide a difference.
    """
    nodes = subject.require_nodes()
    bodies = {f.name for f in subject.model.functions if f.domain == HAWX_DOMAIN}
    without = [node.name for node in nodes if node.op not in bodies]
    if without:
        return _failed(subject, rule, "a node has no portable body", tuple(without))
    wanted = int(rule.options.get("samples", SAMPLES))
    x = dataset.test.x[:wanted]
    if not len(x):
        return _failed(subject, rule, "there are no samples to run")
    inner = [n for n in subject.model.graph.node if n.domain == HAWX_DOMAIN]
    outputs = [value.name for value in subject.model.graph.output]
    probe = exposed(subject.model, [n.output[0] for n in inner])
    names = [value.name for value in probe.graph.output]
    found = [
        _bytes(Runner(probe, threads=subject.settings.jobs, use_library=library), x, names)
        for library in (True, False)
    ]
    differing = {name for name, a, b in zip(names, *found, strict=True) if a != b}
    told = f"{len(x)} samples of {dataset.name}"
    if not differing:
        return _passed(subject, rule, f"same bytes in {len(inner)} nodes, on {told}")
    guilty = tuple(str(n.name or n.output[0]) for n in inner if n.output[0] in differing)
    last = f", and in {len(differing & set(outputs))} outputs" if differing & set(outputs) else ""
    message = f"other bytes in {len(guilty)} of {len(inner)} nodes{last}, on {told}"
    return _failed(subject, rule, message, guilty)


def _bytes(runner: Runner, x: np.ndarray, names: list[str]) -> list[bytes]:
    """What a session gives for each output, as bytes over all batches."""
    rows = list(runner.stream(x, names))
    return [b"".join(batch[i].tobytes() for batch in rows) for i in range(len(names))]


def deterministic_bytes(subject: Subject, rule: Rule) -> Finding:
    """Reading the file and writing it again gives its bytes."""
    content = Path(subject.path).read_bytes()
    again = onnx.load_model_from_string(content).SerializeToString(deterministic=True)
    if again == content:
        return _passed(subject, rule, f"{len(content)} bytes, the same when written again")
    pairs = zip(content, again, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(content), len(again)))
    message = f"{len(content)} bytes become {len(again)}, the first other one at {first}"
    return _failed(subject, rule, message)


def min_opset(subject: Subject, rule: Rule) -> Finding:
    """The default operator set of the model, and of its functions, is new enough."""
    found = min(_opsets(subject.model))
    return _version(subject, rule, found, found >= rule.value, "opset", "at least")


def max_opset(subject: Subject, rule: Rule) -> Finding:
    """The default operator set of the model, and of its functions, is old enough."""
    found = max(_opsets(subject.model))
    return _version(subject, rule, found, 0 < found <= rule.value, "opset", "at most")


def max_ir_version(subject: Subject, rule: Rule) -> Finding:
    """The IR version of the model is old enough."""
    found = int(subject.model.ir_version)
    return _version(subject, rule, found, 0 < found <= rule.value, "IR version", "at most")


def _opsets(model: onnx.ModelProto) -> list[int]:
    """Versions of the default operator set; 0 where none is imported."""
    own = [
        entry.version
        for function in model.functions
        for entry in function.opset_import
        if entry.domain in ("", "ai.onnx")
    ]
    return [default_opset(model), *own]


def _version(
    subject: Subject, rule: Rule, found: int, good: bool, what: str, bound: str
) -> Finding:
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        f"{what} {found}, {bound} {rule.value} asked for",
        subject.path,
        measured=found,
        limit=rule.value,
        mend="" if good else rule.kind.mend,
    )


def _passed(subject: Subject, rule: Rule, message: str) -> Finding:
    return Finding(rule.kind, PASSED, message, subject.path)


def _failed(subject: Subject, rule: Rule, message: str, nodes: tuple[str, ...] = ()) -> Finding:
    return Finding(rule.kind, FAILED, message, subject.path, nodes=nodes, mend=rule.kind.mend)
