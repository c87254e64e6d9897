"""``hawx-onnx olive-config``."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BASE = {
    "passes": {"OnnxQuantization": {"module_path": "olive.passes.onnx.quantization.X"}},
    "extra_dependencies": {"cpu": ["onnxruntime"]},
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.json"
    path.write_text(json.dumps(BASE), encoding="utf-8")
    return path


def test_the_pass_stands_among_the_others(cli: Callable, base: Path, tmp_path: Path) -> None:
    document = cli("olive-config", "--base", base).check().json
    assert document["extra_dependencies"] == BASE["extra_dependencies"]
    assert document["passes"]["OnnxQuantization"] == BASE["passes"]["OnnxQuantization"]
    module, _, name = document["passes"]["HawxApproximate"]["module_path"].rpartition(".")
    assert importlib.util.find_spec(module) is not None
    assert name == "HawxApproximate"
    out = tmp_path / "package.json"
    assert "beside 1 passes" in cli("olive-config", "--base", base, "-o", out).check().out
    assert json.loads(out.read_text()) == document
    told = cli("olive-config", "--base", base, "-o", out, "--json").check().json
    assert told == {"output": str(out), "passes": 2}


def test_merging_twice_changes_nothing(cli: Callable, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "package.json"
    cli("olive-config", "--base", base, "-o", out).check()
    first = out.read_bytes()
    # Olive takes names in any case.
    out.write_text(first.decode().replace('"HawxApproximate":', '"hawxapproximate":'))
    cli("olive-config", "--base", out, "-o", out).check()
    assert out.read_bytes() == first


def test_the_installed_olive_is_found(cli: Callable, tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "olive"
    package.mkdir()
    # Importing it would fail: it is looked up alone.
    (package / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(str(tmp_path))
    cli("olive-config").refused(2, "has no olive_config.json")
    (package / "olive_config.json").write_text(json.dumps(BASE))
    assert set(cli("olive-config").check().json["passes"]) == {
        "OnnxQuantization",
        "HawxApproximate",
    }


def test_without_olive(cli: Callable, tmp_path: Path, monkeypatch) -> None:
    # Nothing but our own package and a folder that happens to bear the name.
    (tmp_path / "olive").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    cli("olive-config").refused(2, "Olive is not installed", "hawx-onnx[olive]")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not valid JSON"),
        ("[]", "lists no passes"),
        ("{}", "lists no passes"),
        ('{"passes": []}', "lists no passes"),
        (None, "cannot be read: no such file"),
    ],
)
def test_what_is_no_package_configuration(
    cli: Callable, tmp_path: Path, text: str | None, told: str
) -> None:
    path = tmp_path / "base.json"
    if text is not None:
        path.write_text(text)
    cli("olive-config", "--base", path).refused(2, "base.json", told)
