"""Files of rules: YAML with the line of each rule, and nothing that could be overlooked in it.

A rule that is misspelt, given twice or switched off by a typing error would let everything pass,
so that whatever is not plainly a rule is an error with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hawx_onnx.checks.catalogue import RULES, RULES_FILE, Field, RuleKind
from hawx_onnx.checks.finding import CheckFileError
from hawx_onnx.names import close_names

# Of a file of a few lines, whatever is larger is another file.
_MOST_BYTES = 1_000_000
_DEEPEST = 4
_FORM = "write lines such as `max-accuracy-drop: 0.01`"
_WORDS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    tuple: "a list of names",
}


@dataclass(frozen=True)
class Rule:
    """A rule as a file gives it.

    Attributes:
        kind: Its entry in the catalogue.
        value: The limit, the names, or True.
        options: Its further keys.
        file: The file of rules; empty for a rule of the caller's own.
        line: Its line there, from 1; None without a file.
    """

    kind: RuleKind
    value: Any
    options: Mapping[str, Any]
    file: str = ""
    line: int | None = None

    def refuse(self, what: str, mend: str) -> CheckFileError:
        """The error that this rule cannot be checked."""
        told = f"{self.kind.name}: {what}"
        return CheckFileError(told, file=self.file, line=self.line, mend=mend, kind=RULES_FILE)


def read_rules(path: str | Path) -> tuple[Rule, ...]:
    """Reads a file of rules.

    Args:
        path: A YAML mapping from names of rules to what they take.

    Returns:
        The rules, in the order of the file; those that are switched off by ``false`` are left out.

    Raises:
        CheckFileError: The file cannot be read, is no such mapping, names something twice or
            something that is no rule, or holds no rule.
    """
    import yaml

    where = str(path)
    text = _text(path)
    try:
        _check_form(text, where)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise _refused("holds no rule", where, None, _FORM)
        if not isinstance(root, yaml.MappingNode):
            raise _refused("is no mapping", where, root.start_mark.line + 1, _FORM)
        rules = [rule for pair in _pairs(root, where) for rule in _rules(*pair, where)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        what = f"is no YAML: {' '.join(str(error.problem).split())[:200]}"
        raise _refused(what, where, line, _FORM) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = f"is no YAML: {' '.join(str(error).split())[:200]}"
        raise _refused(what, where, None, _FORM) from error
    return _some([rule for rule in rules if rule is not None], where)


def rules_of(values: Mapping[str, Any], where: str = "") -> tuple[Rule, ...]:
    """Makes rules of a plain mapping, as the Python interface takes it.

    Raises:
        CheckFileError: It names something that is no rule, or holds no rule.
    """
    rules = [_made(name, value, {}, where, None) for name, value in values.items()]
    return _some([rule for rule in rules if rule is not None], where or "rules")


def _some(rules: list[Rule], where: str) -> tuple[Rule, ...]:
    if not rules:
        raise _refused("holds no rule that is switched on", where, None, _FORM)
    return tuple(rules)


def _refused(what: str, where: str, line: int | None, mend: str) -> CheckFileError:
    return CheckFileError(what, file=where, line=line, mend=mend, kind=RULES_FILE)


def _text(path: str | Path) -> str:
    """The content of the file."""
    mend = "name a YAML file with --rules"
    try:
        content = Path(path).read_bytes()
        if len(content) > _MOST_BYTES:
            raise _refused(
                f"has {len(content)} bytes, it is no file of rules", str(path), None, mend
            )
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _refused(f"cannot be read: {reason}", str(path), None, mend) from error


def _check_form(text: str, where: str) -> None:
    """Refuses what no file of rules needs, before it takes long to read."""
    import yaml

    depth = 0
    for event in yaml.parse(text):
        line = None if event.start_mark is None else event.start_mark.line + 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _refused("is nested too deep for rules", where, line, _FORM)
        if isinstance(event, yaml.AliasEvent):
            raise _refused("holds an alias (*name)", where, line, "write the value out")


def _pairs(mapping: Any, where: str) -> list[tuple[str, Any, int]]:  # noqa: ANN401 - a YAML node
    """Key, value node and line of each entry; a key that is given twice is an error."""
    import yaml

    found: dict[str, tuple[str, Any, int]] = {}
    for key, value in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _refused("has a key that is no text", where, line, _FORM)
        name = str(key.value)
        if name in found:
            mend = "keep one of them"
            raise _refused(f"{name!r} is given in line {found[name][2]} too", where, line, mend)
        found[name] = (name, value, line)
    return list(found.values())


def _rules(name: str, node: Any, line: int, where: str) -> list[Rule | None]:  # noqa: ANN401
    """The rules of one key: several where each has its own target."""
    import yaml

    kind = RULES.get(name)
    if kind is None or "target" not in kind.options or not isinstance(node, yaml.SequenceNode):
        return [_rule(name, node, line, where)]
    found = [_rule(name, one, one.start_mark.line + 1, where) for one in node.value]
    targets = [rule.options.get("target") for rule in found if rule is not None]
    if len(set(targets)) < len(targets) or not targets:
        what = f"{name} needs a target of its own for each limit"
        raise _refused(what, where, line, f"write {name}: [{{limit: 1, target: temporal}}, ...]")
    return list(found)


def _rule(name: str, node: Any, line: int, where: str) -> Rule | None:  # noqa: ANN401
    """A rule of its key and its YAML node."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return _made(name, _plain(node), {}, where, line)
    lines, values = {}, {}
    for key, value, at in _pairs(node, where):
        lines[key], values[key] = at, _plain(value)
    return _made(name, values, lines, where, line)


def _plain(node: Any) -> Any:  # noqa: ANN401
    """The value of a YAML node."""
    import yaml

    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (AttributeError, KeyError, TypeError) as error:
        # What PyYAML stumbles over where a tag does not fit its value.
        raise yaml.YAMLError(f"a tag does not fit its value: {error}") from error
    finally:
        loader.dispose()


def _made(
    name: str,
    value: Any,  # noqa: ANN401
    lines: Mapping[str, int],
    where: str,
    line: int | None,
) -> Rule | None:
    """A rule of its plain value; None if it is switched off."""
    kind = RULES.get(name)
    if kind is None:
        raise _refused(f"there is no rule {name!r}", where, line, close_names(name, RULES))
    values = dict(value) if isinstance(value, Mapping) else {kind.key: value}
    known = {kind.key: kind.value, **kind.options}
    for key in values:
        if key not in known:
            what = f"{name} has no key {key!r}"
            raise _refused(what, where, lines.get(key, line), close_names(str(key), known))
    if kind.value.kind is bool:
        values.setdefault(kind.key, True)  # {except: [...]} switches the rule on
    if kind.key not in values:
        what = f"{name} lacks the key {kind.key!r}"
        raise _refused(what, where, line, f"write {name}: {{{kind.key}: ...}}")
    read = {
        key: _read(
            known[key], given, f"{name}, {key}" if lines else name, where, lines.get(key, line)
        )
        for key, given in values.items()
    }
    main = read.pop(kind.key)
    return None if main is False else Rule(kind, main, read, where, line)


def _read(field: Field, given: Any, name: str, where: str, line: int | None) -> Any:  # noqa: ANN401
    """A value as its field takes it."""
    if field.kind is tuple:
        names = [given] if isinstance(given, str) else given
        if isinstance(names, (list, tuple)) and names and all(_is_name(one) for one in names):
            return tuple(names)
        what = f"{name}: {_shown(given)} is not a list of names"
        raise _refused(what, where, line, "write [name, 'pattern*']")
    if field.kind is float and isinstance(given, str):
        given = _number(given)  # YAML 1.1 calls 1e-3 a text
    fits = isinstance(given, field.kind) or (field.kind is float and isinstance(given, int))
    if not fits or (isinstance(given, bool) and field.kind is not bool) or given == "":
        what = f"{name}: {_shown(given)} is not {_WORDS[field.kind]}"
        raise _refused(what, where, line, _FORM if field.kind is float else "")
    if field.kind in (int, float) and not _in_range(field, given):
        raise _refused(f"{name}: {given} is out of range", where, line, _range(field))
    return given


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _in_range(field: Field, value: float) -> bool:
    # Written so that NaN is out of range.
    least = field.low is None or (value > field.low if field.above else value >= field.low)
    return least and abs(value) < float("inf") and (field.high is None or value <= field.high)


def _range(field: Field) -> str:
    if field.low is None:
        return "a finite number"
    least = f"more than {field.low:g}" if field.above else f"at least {field.low:g}"
    return least if field.high is None else f"{least}, at most {field.high:g}"


def _shown(value: object) -> str:
    return repr(value)[:80]
