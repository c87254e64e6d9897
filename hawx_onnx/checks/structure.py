"""Rules on what a model is made of: multipliers, tables, layers left exact."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from functools import lru_cache

from hawx_onnx import components
from hawx_onnx.checks.claimed_names import exact_hashes, some, wrong_names
from hawx_onnx.checks.finding import FAILED, PASSED, Finding
from hawx_onnx.checks.rules_file import Rule
from hawx_onnx.checks.subject import Subject, all_nodes, name_of
from hawx_onnx.errors import ModelError
from hawx_onnx.names import close_names
from hawx_onnx.passes.find_candidates import FLOAT_OPS, OTHER_PRODUCT_OPS
from hawx_onnx.passes.graph import HAWX_DOMAIN
from hawx_onnx.passes.integer_ops import INTEGER_OPS

_PRODUCTS = FLOAT_OPS | OTHER_PRODUCT_OPS | frozenset(INTEGER_OPS)


def check_patterns(rule: Rule, libraries: tuple[str, ...]) -> None:
    """Raises CheckFileError where a name or pattern of allowed multipliers stands for none."""
    known = _names_by_hash(libraries).values()
    names = sorted({name for group in known for name in group})
    for pattern in rule.value:
        if not fnmatch.filter(names, pattern):
            mend = f"{close_names(pattern, names)} (--library brings others)"
            raise rule.refuse(f"{pattern!r} matches no multiplier", mend)


def allowed_multipliers(subject: Subject, rule: Rule) -> Finding:
    """Every table in use is that of an allowed multiplier; exact ones are always allowed.

    A table is known by its hash alone: a name in the metadata proves nothing.
    """
    known = _names_by_hash(subject.settings.library)
    exact = exact_hashes()
    bad: dict[str, set[str]] = {}
    used: set[str] = set()
    for node in subject.require_nodes():
        if node.hashes is None:
            bad[node.name] = {node.why}
            continue
        for digest in set(node.hashes) - exact:
            names = known.get(digest, ())
            allowed = [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in rule.value)]
            used.update(allowed[:1])
            if not allowed:
                bad.setdefault(node.name, set()).add(_called(digest, names))
    if bad:
        what = some(sorted({why for reasons in bad.values() for why in reasons}))
        return _failed(subject, rule, f"{_nodes(bad)} not allowed: {what}", bad)
    return _passed(subject, rule, f"in use: {some(sorted(used)) or 'exact multipliers alone'}")


def known_tables(subject: Subject, rule: Rule) -> Finding:
    """Every table is known to a library, and is the one that the metadata name."""
    known = _names_by_hash(subject.settings.library)
    bad: dict[str, str] = {}
    count: set[str] = set()
    for node in subject.require_nodes():
        for digest in node.hashes or ():
            count.add(digest)
            if digest not in known:
                bad[node.name] = f"{digest[:12]} is in no library that was given"
        if node.hashes is None:
            bad[node.name] = node.why
    if bad:
        what = some(sorted(set(bad.values())))
        return _failed(subject, rule, f"{_nodes(bad)} with a table that is not known: {what}", bad)
    wrong = wrong_names(subject)
    if wrong:
        return _failed(subject, rule, some(sorted(set(wrong.values()))), filter(None, wrong))
    told = f"{len(count)} tables, all known" if len(count) > 1 else "one table, a known one"
    return _passed(subject, rule, told)


def no_exact_fallback(subject: Subject, rule: Rule) -> Finding:
    """No product of the model is exact, besides those in nodes that are excepted."""
    exact, bad = exact_hashes(), dict[str, str]()
    names = set()
    for node, place in all_nodes(subject.model):
        if node.domain != HAWX_DOMAIN and node.op_type in _PRODUCTS:
            names.add(name_of(node))
            bad[name_of(node)] = f"{node.op_type}{f' in {place}' if place else ''}"
    for own in subject.nodes:
        names.add(own.name)
        channels = sum(digest in exact for digest in own.hashes or ())
        if own.hashes is None:
            bad[own.name] = own.why
        elif channels:
            bad[own.name] = f"{channels} of {len(own.hashes)} channels"
    if not names:
        raise ModelError(
            "multiplies nowhere, so that there is nothing to check",
            where=subject.path,
            mend="give a model with Conv, MatMul or Gemm",
        )
    excepted = rule.options.get("except", ())
    for pattern in excepted:
        if not fnmatch.filter(names, pattern):
            raise rule.refuse(f"{pattern!r} matches no layer", close_names(pattern, sorted(names)))
    bad = {n: w for n, w in bad.items() if not any(fnmatch.fnmatchcase(n, p) for p in excepted)}
    if bad:
        what = some(sorted(set(bad.values())))
        return _failed(subject, rule, f"{_nodes(bad)} multiplied exactly: {what}", bad)
    left = f", besides {', '.join(excepted)}" if excepted else ""
    return _passed(subject, rule, f"{len(names)} layers, all approximate{left}")


@lru_cache(maxsize=4)
def _names_by_hash(libraries: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Content hash -> names in the built-in library and in others."""
    found: dict[str, dict[str, None]] = {}
    for spec in ("builtin", *libraries):
        for one in components.load_library(spec):
            found.setdefault(one.content_hash, {})[one.name] = None
    return {digest: tuple(names) for digest, names in found.items()}


def _called(digest: str, names: Iterable[str]) -> str:
    return next(iter(names), "") or f"table {digest[:12]}, in no library that was given"


def _nodes(found: Mapping[str, object]) -> str:
    return f"{len(found)} node{'s' if len(found) > 1 else ''}"


def _passed(subject: Subject, rule: Rule, message: str) -> Finding:
    return Finding(rule.kind, PASSED, message, subject.path)


def _failed(subject: Subject, rule: Rule, message: str, nodes: Iterable[str]) -> Finding:
    return Finding(
        rule.kind, FAILED, message, subject.path, nodes=tuple(nodes), mend=rule.kind.mend
    )
