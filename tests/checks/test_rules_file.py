from __future__ import annotations

from pathlib import Path

import pytest

from hawx_onnx.checks import RULES, CheckFileError, read_rules, rules_of


def refused(path: Path, text: str) -> CheckFileError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckFileError) as caught:
        read_rules(path)
    assert caught.value.file == str(path)
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) <= 2
    return caught.value


def test_rules_keep_values_keys_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "# limits\n"
        "max-accuracy-drop: {limit: 5e-3, confidence: 0.95}\n"
        "max-power: 12\n"
        "\n"
        "allowed-multipliers:\n  - mul8s_*\n  - mul8sm_drum6\n"
        "no-exact-fallback:\n  except: conv1\n"
        "deterministic-bytes: true\n"
        "known-tables: false\n",
        encoding="utf-8",
    )
    found = {
        rule.kind.name: (rule.value, dict(rule.options), rule.line) for rule in read_rules(path)
    }
    assert found == {
        "max-accuracy-drop": (0.005, {"confidence": 0.95}, 2),
        "max-power": (12, {}, 3),
        "allowed-multipliers": (("mul8s_*", "mul8sm_drum6"), {}, 5),
        "no-exact-fallback": (True, {"except": ("conv1",)}, 8),
        "deterministic-bytes": (True, {}, 10),
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nmax-powr: 3", 1, ("no rule 'a'", "known names")),
        ("max-area: 3\nmax-powr: 3", 2, ("no rule 'max-powr'", "did you mean max-power")),
        ("max-power:\n  limit: 3\n  taget: spatial", 3, ("no key 'taget'", "did you mean target")),
        ("max-power:\n  target: spatial", 1, ("lacks the key 'limit'",)),
        ("max-power: 3\n\nmax-power: 4", 3, ("'max-power' is given in line 1",)),
        ("max-power: {limit: 3, limit: 4}", 1, ("'limit' is given in line 1",)),
        ("max-power: .nan", 1, ("nan is out of range",)),
        ("max-power: .inf", 1, ("inf is out of range",)),
        ("max-power: -1", 1, ("-1 is out of range", "at least 0")),
        ("min-accuracy: .inf", 1, ("inf is out of range", "a finite number")),
        ("min-accuracy: -.inf", 1, ("-inf is out of range", "a finite number")),
        ("max-accuracy-drop: -1", 1, ("out of range", "at least 0")),
        ("max-accuracy-drop: 1%", 1, ("'1%' is not a number", "0.01")),
        ("max-accuracy-drop: yes", 1, ("True is not a number",)),
        ("max-power:", 1, ("None is not a number",)),
        ("no-exact-fallback: 1", 1, ("1 is not true or false",)),
        ("max-opset: 17.5", 1, ("17.5 is not a whole number",)),
        ("allowed-multipliers: []", 1, ("not a list of names",)),
        ("allowed-multipliers: [1]", 1, ("not a list of names",)),
        ("allowed-multipliers: ['']", 1, ("not a list of names",)),
        ("known-tables: true\n- a", 2, ("is no YAML",)),
        ("known-tables: true\nmax-area: [", 2, ("is no YAML",)),
        ("max-power: 1\n---\nmax-area: 2", 2, ("is no YAML",)),
        ("max-power: &a 3\nmax-area: *a", 2, ("alias",)),
        ("max-power: []", 1, ("a target of its own",)),
        ("max-power: [3, 4]", 1, ("a target of its own",)),
        ("max-power:\n- 3\n- {limit: 3, targt: temporal}", 3, ("did you mean target",)),
        ("[max-power, 3]", 1, ("is no mapping",)),
        ("<<: {max-power: 3}", 1, ("no rule '<<'",)),
        ("? [a]\n: 3", 1, ("a key that is no text",)),
        ("known-tables: !!python/object/apply:os.getcwd []", 1, ("is no YAML",)),
        ("max-power: !!timestamp 3", None, ("tag does not fit",)),
        ("known-tables: false", None, ("no rule that is switched on",)),
        ("", None, ("holds no rule",)),
        ("# nothing but a comment\n", None, ("holds no rule",)),
        ("max-power: \x01", None, ("is no YAML",)),
    ],
)
def test_whatever_is_not_plainly_a_rule_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int | None, words: tuple[str, ...]
) -> None:
    path = tmp_path / "rules.yaml"
    error = refused(path, text)
    assert error.line == line
    assert str(error).startswith(str(path) if line is None else f"{path}:{line}: ")
    for word in words:
        assert word in str(error), str(error)


def test_a_list_gives_a_limit_for_each_target(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("max-power:\n- 12\n- {limit: 9, target: spatial}\n", encoding="utf-8")
    found = [(rule.value, dict(rule.options), rule.line) for rule in read_rules(path)]
    assert found == [(12, {}, 2), (9, {"target": "spatial"}, 3)]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CheckFileError, match="cannot be read"):
        read_rules(tmp_path / "missing.yaml")
    with pytest.raises(CheckFileError, match="cannot be read"):
        read_rules(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CheckFileError, match="not UTF-8"):
        read_rules(binary)
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 1_000_001)
    with pytest.raises(CheckFileError, match="no file of rules"):
        read_rules(large)


def test_a_deep_file_is_refused_in_good_time(tmp_path: Path) -> None:
    assert "nested too deep" in str(refused(tmp_path / "deep.yaml", "[" * 20_000))


def test_rules_of_a_mapping_are_those_of_a_file() -> None:
    (drop, tables) = rules_of({"max-accuracy-drop": 0.01, "known-tables": True})
    assert (drop.value, drop.line, tables.value) == (0.01, None, True)
    with pytest.raises(CheckFileError, match="no rule 'max-powr'"):
        rules_of({"max-powr": 1})
    with pytest.raises(CheckFileError, match="no rule that is switched on"):
        rules_of({})


def test_ids_and_names_are_unique_and_told_in_the_docs(root: Path) -> None:
    ids = [kind.id for kind in RULES.values()]
    assert len(set(ids)) == len(ids) == len(RULES)
    text = (root / "docs" / "check.md").read_text(encoding="utf-8")
    missing = [k.name for k in RULES.values() if f"| `{k.id}` | `{k.name}` |" not in text]
    assert not missing
