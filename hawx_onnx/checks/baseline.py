"""What accuracy is held against: a model, a baseline file, or the report of a run.

A baseline file keeps which samples were right, so that a later model is compared sample by sample
without the baseline's model. A report tells accuracy alone; the interval is wider then.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.checks.catalogue import INPUTS
from hawx_onnx.checks.finding import CheckFileError
from hawx_onnx.runtime.evaluate import Z95, Accuracy

SCHEMA_VERSION = 1
KIND = "baseline"
METRIC = "accuracy"
_AGAIN = "write it anew: hawx-onnx check MODEL --write-baseline FILE"


@dataclass(frozen=True, eq=False)
class Baseline:
    """The accuracy that a model is held against.

    Attributes:
        path: The file.
        kind: ``model``, ``baseline`` or ``report``.
        sha256: Of the file.
        made_from: The sha256 of the model file that the baseline was measured on, and the hash of
            what it computes; whichever is known.
        correct: How many samples it gets right.
        samples: How many samples it was measured on.
        hits: bool [samples], which ones are right; None where only the count is known.
        data: Fingerprint of the samples; None for a model, which runs on the same ones.
        split: The split that it was measured on.
    """

    path: str
    kind: str
    sha256: str
    made_from: frozenset[str]
    correct: int
    samples: int
    hits: np.ndarray | None
    data: str | None
    split: str

    @property
    def value(self) -> float:
        """Accuracy as a fraction."""
        return self.correct / self.samples

    def to_dict(self) -> dict[str, Any]:
        """What the JSON document says of it."""
        return {
            "path": self.path,
            "kind": self.kind,
            "sha256": self.sha256,
            "accuracy": self.value,
            "samples": self.samples,
            "paired": self.hits is not None,
        }

    def drop(self, found: Accuracy) -> tuple[float, tuple[float, float]]:
        """Drop of accuracy without pairs, and its 95 % interval.

        Newcombe's hybrid score interval of two independent proportions (Newcombe 1998, Statistics
        in Medicine 17, method 10). Two networks mostly agree on the same samples, so that it is
        wider than need be.
        """
        before = Accuracy(np.arange(self.samples) < self.correct)
        (l1, u1), (l2, u2) = before.ci95, found.ci95
        p1, p2 = before.value, found.value
        low = math.hypot(p1 - l1, u2 - p2)
        high = math.hypot(u1 - p1, p2 - l2)
        return p1 - p2, (p1 - p2 - low, p1 - p2 + high)

    def allowance(self, found: Accuracy, confidence: float) -> float:
        """By how much the true drop may exceed the measured one, without pairs."""
        from statistics import NormalDist

        width = self.drop(found)[1][1] - self.drop(found)[0]
        return width * NormalDist().inv_cdf(confidence) / Z95


def is_document(path: str | Path) -> bool:
    """Whether a file is JSON rather than a model: it starts with a brace."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    except OSError as error:
        raise _refused(f"cannot be read: {error.strerror}", str(path)) from error


def baseline_document(
    path: str, sha256: str, content: str, hits: np.ndarray, data: str, split: str, source: str
) -> dict[str, Any]:
    """The content of a baseline file.

    Args:
        path: The model.
        sha256: Of its file.
        content: Hash of what it computes.
        hits: bool [samples], which samples it gets right.
        data: Fingerprint of the samples.
        split: Their split.
        source: What the data was called.
    """
    packed = np.packbits(hits).tobytes()
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "model": {"path": path, "sha256": sha256, "content_sha256": content},
        "data": {"source": source, "split": split, "fingerprint": data},
        "metric": METRIC,
        **Accuracy(hits).to_dict(),
        "hits": base64.b64encode(packed).decode("ascii"),
    }


def read_baseline(path: str | Path) -> Baseline:
    """Reads a baseline file, or a report of a run.

    Raises:
        CheckFileError: It cannot be read, is of another schema version or of another kind, or what
            it says cannot be true.
    """
    where = str(path)
    content = Path(path).read_bytes()
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(f"is no JSON: {error}", where) from error
    if not isinstance(document, dict) or "schema_version" not in document:
        raise _refused("is no baseline: it has no schema_version", where)
    version = document["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        told = repr(version)[:40]
        raise _refused(f"has schema version {told}, this hawx-onnx reads {SCHEMA_VERSION}", where)
    try:
        sha256 = hashlib.sha256(content).hexdigest()
        read = _file if document.get("kind") == KIND else _report
        return read(document, where, sha256)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise _refused(told, where) from error


def _file(document: dict[str, Any], where: str, sha256: str) -> Baseline:
    samples, correct = _counts(document)
    if document["metric"] != METRIC:
        raise ValueError(f"it is on another metric than {METRIC}")
    packed = base64.b64decode(document["hits"], validate=True)
    hits = np.unpackbits(np.frombuffer(packed, np.uint8))
    if len(packed) != (samples + 7) // 8 or hits[samples:].any():
        raise ValueError(f"hits are not those of {samples} samples")
    hits = hits[:samples].astype(bool)
    if int(hits.sum()) != correct:
        raise ValueError(f"{int(hits.sum())} hits, but correct is {correct}")
    model, data = document["model"], document["data"]
    made_from = frozenset({_text(model["sha256"]), _text(model["content_sha256"])})
    print_of, split = _text(data["fingerprint"]), _text(data["split"])
    return Baseline(where, KIND, sha256, made_from, correct, samples, hits, print_of, split)


def _report(document: dict[str, Any], where: str, sha256: str) -> Baseline:
    if document.get("finished") is not True:
        raise ValueError("it is the report of a run that came to no end")
    if document["data"]["labelled"] is not True:
        raise ValueError("its samples have no labels")
    if document["data"].get("metric", METRIC) != METRIC:
        raise ValueError("it is no report on accuracy, but on another metric")
    block = document["baseline"]
    samples, correct = _counts(block)
    made_from = frozenset({_text(document["model"]["sha256"])})
    data = _text(document["data"]["fingerprint"])
    return Baseline(where, "report", sha256, made_from, correct, samples, None, data, "test")


def _counts(block: dict[str, Any]) -> tuple[int, int]:
    """Samples and right ones, which have to agree with the accuracy beside them."""
    samples, correct, accuracy = block["samples"], block["correct"], block["accuracy"]
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (samples, correct))
    if not whole or samples < 1 or not 0 <= correct <= samples:
        raise ValueError(f"{correct!r} of {samples!r} samples correct"[:80])
    if isinstance(accuracy, bool) or not isinstance(accuracy, (int, float)):
        raise ValueError(f"accuracy {accuracy!r} is no number"[:80])
    if not abs(accuracy - correct / samples) <= 1e-9:
        raise ValueError(f"accuracy {accuracy} is not {correct} of {samples}")
    return samples, correct


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text"[:80])
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _refused(what: str, where: str) -> CheckFileError:
    return CheckFileError(what, file=where, mend=_AGAIN, kind=INPUTS)
