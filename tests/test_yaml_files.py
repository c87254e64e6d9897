"""YAML that is damaged, hostile, or refers to itself is refused by file and line."""

from __future__ import annotations

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.yaml_files import MOST_BYTES, parse_yaml, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, here in zip("abcdefg", "bcdefgh", strict=True)
)


def test_plain_values(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2.5, null]\nb: {c: true}\n")
    values, node = read_yaml(path, "mend it")
    assert values == {"a": [1, 2.5, None], "b": {"c": True}}
    assert node is not None and node.value[1][0].start_mark.line == 1
    path.write_text("# nothing\n")
    assert read_yaml(path, "mend it") == (None, None)


def test_an_alias_stands_for_its_value():
    assert parse_yaml("a: &a [1]\nb: *a\n", "here", "")[0] == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("a: 1\nb: [", "here, line 2", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "here, line 1", "could not determine"),
        ("a: !!python/name:os.system x", "here, line 1", "could not determine"),
        ("? [a, b]\n: c", "here, line 1", "unhashable"),
        ("a: 2020-13-45", "here", "month"),
        ("a: " + "9" * 5000, "here", "not valid YAML"),
        ("[" * 5000, "here", "nested too deeply"),
        ("&a [*a]", "here", "holds itself"),
        (LAUGHS, "here", "more than 100,000 values"),
        ("a: 1\n---\nb: 2", "here, line 2", "document"),
    ],
)
def test_what_is_refused(text, where, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_yaml(text, "here", "mend it")
    assert caught.value.where == where
    assert caught.value.mend == "mend it"
    assert len(str(caught.value)) < 400


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * (MOST_BYTES + 1))
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    for name, reason in {
        "none.yaml": "No such file",
        "large.yaml": "more than 1048576 bytes",
        "latin.yaml": "not UTF-8",
    }.items():
        with pytest.raises(ConfigError, match=reason):
            read_yaml(tmp_path / name, "mend it")
