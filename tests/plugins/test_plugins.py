"""Multipliers, passes and targets of another package."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import onnx
import pytest

import hawx_onnx
from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import load_target
from hawx_onnx.journal.origin import differences, origin_of
from hawx_onnx.plugged_passes import plugged_passes
from hawx_onnx.plugin_diagnosis import diagnose_plugins
from hawx_onnx.plugins import MULTIPLIERS, PASSES, TARGETS, installed
from hawx_onnx.preparation import quantized_state
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

TABLE = """
import numpy as np
from hawx_onnx.components import Encoding, Multiplier
def make(name="one"):
    return Multiplier(name, Encoding.SIGNED, np.zeros((256, 256), np.int32), None, "", "")
"""


def test_a_library_of_a_plug_in(acme):
    found = components.load_library("acme")
    assert [one.name for one in found] == ["acme_exact", "acme_drop1", "acme_drop2", "acme_drop3"]
    assert found[0].is_exact and not found[1].is_exact
    assert components.load("acme:acme_drop2").content_hash == found[2].content_hash
    chosen = components.resolve(["acme_*", "mul8s_exact"], ("builtin", "acme"))
    assert [one.name for one in chosen] == [*(one.name for one in found), "mul8s_exact"]
    assert components.resolve(["acme:acme_drop3"])[0].content_hash == found[3].content_hash
    with pytest.raises(ConfigError, match="did you mean acme_drop1"):
        components.load("acme:acme_dropp1")


def test_a_path_of_a_library(package, tmp_path):
    np.savez(tmp_path / "tables.npz", mine=components.load("mul8s_trunc2").table)
    package("paths", f"LIB = {str(tmp_path / 'tables.npz')!r}", {MULTIPLIERS: {"p": "paths:LIB"}})
    assert [one.name for one in components.load_library("p")] == ["mine"]


def test_a_target_of_a_plug_in(acme, root):
    assert load_target("acme-edge").rows == 8
    model = root / "models" / "lenet5" / "lenet5.onnx"
    document = hawx_onnx.cost(model, target="acme-edge")
    assert document["target"] == "acme-edge" or document["target"]["name"] == "acme-edge"


def test_a_kind_of_target(package, tmp_path):
    source = (
        "from dataclasses import dataclass\n"
        "from hawx_onnx.hardware import TemporalTarget\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Ring(TemporalTarget):\n"
        "    kind = 'ring'\n"
    )
    package("rings", source, {TARGETS: {"ring": "rings:Ring", "wrong": "rings:Ring"}})
    path = tmp_path / "mine.yaml"
    path.write_text("kind: ring\nrows: 4\ncols: 4\nfrequency_mhz: 100\n")
    assert (type(load_target(path)).__name__, load_target(path).rows) == ("Ring", 4)
    with pytest.raises(ConfigError, match="write a YAML file that begins with `kind: ring`"):
        load_target("ring")
    path.write_text("kind: wrong\nrows: 4\n")
    with pytest.raises(ConfigError, match="is of kind 'ring'"):
        load_target(path)


def prepared(root, **options):
    settings = Settings(score_samples=16, **options)
    source = onnx.load(root / "models" / "lenet5" / "lenet5.onnx")
    data = load_data(source, settings)
    multipliers = (components.load("mul8s_exact"), components.load("mul8s_trunc2"))
    state = quantized_state(source, data, multipliers, lambda text: None, settings=settings)
    return state, origin_of(source, multipliers, data, settings)


def zero_weights(model):
    """Zeros of all initialisers of int8 codes."""
    return sum(
        int((onnx.numpy_helper.to_array(one) == 0).sum())
        for one in model.graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1
    )


def test_a_pass_of_a_plug_in(acme, root, monkeypatch):
    plain, origin = prepared(root)
    # A share at which codes, not floats alone, become zero.
    import acme_hawx.prune

    monkeypatch.setattr(acme_hawx.prune, "SHARE", 0.2)
    pruned, other = prepared(root, passes=("acme-prune",))
    names = [record.name for record in pruned.records]
    assert names[names.index("canonicalize") + 1] == "acme-prune"
    assert "acme-prune" not in [record.name for record in plain.records]
    assert zero_weights(pruned.model) > 2 * zero_weights(plain.model)
    (told,) = differences(origin, other)
    assert "acme-prune of acme-hawx 1.0" in told


def test_the_whole_flow_with_all_three(acme, root, tmp_path):
    result = hawx_onnx.optimize(
        root / "models" / "lenet5" / "lenet5.onnx",
        output=tmp_path / "out",
        library="acme",
        passes="acme-prune",
        target="acme-edge",
        max_evaluations=3,
        score_samples=64,
        validation_samples=200,
    )
    assert result.run["settings"]["passes"] == ["acme-prune"]
    assert "--passes acme-prune" in result.report["command"]
    assert all(name.startswith("acme_") for name in result.assignment.multipliers())
    assert result.report["savings"]["power"] > 0
    assert onnx.load(tmp_path / "out" / "model.onnx").graph.node


def test_nothing_is_imported_unasked(acme, package):
    package("loud", "raise SystemExit('imported')", {PASSES: {"loud": "loud:One"}})
    assert set(installed(PASSES)) == {"acme-prune", "loud"}
    load_target("spatial"), components.load("mul8s_exact"), plugged_passes(["acme-prune"])
    assert "loud" not in sys.modules


BROKEN = {
    "missing": ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
    "syntax": ("def (", "SyntaxError"),
    "leaves": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "absent": ("x = 1", "AttributeError"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("group", [MULTIPLIERS, PASSES, TARGETS])
def test_a_broken_plug_in_is_named(package, group, how):
    source, reason = BROKEN[how]
    package(f"broken_{how}", source, {group: {"bad": f"broken_{how}:One"}})
    ask = {
        MULTIPLIERS: lambda: components.load_library("bad"),
        PASSES: lambda: plugged_passes(["bad"]),
        TARGETS: lambda: load_target("bad"),
    }
    with pytest.raises(ConfigError) as caught:
        ask[group]()
    for word in (reason, "'bad'", f"broken_{how} 0.1", group, "uninstall"):
        assert word in str(caught.value)


WRONG = {
    MULTIPLIERS: {
        "number": ("One = 3", "neither multipliers nor"),
        "empty": ("One = []", "neither multipliers nor"),
        "fails": ("def One(): raise ValueError('no licence')", "ValueError: no licence"),
        "twice": (TABLE + "One = [make(), make()]", "two multipliers of the name 'one'"),
        "gone": ("One = 'no/such/library.npz'", "no such file"),
    },
    PASSES: {
        "number": ("One = 3", "no subclass"),
        "place": (
            "from hawx_onnx.passes import StaticForm\nclass One(StaticForm): after = 'verify'",
            "runs after 'verify'",
        ),
        "arguments": (
            "from hawx_onnx.passes import StaticForm\n"
            "class One(StaticForm):\n    def __init__(self, x): pass",
            "without arguments",
        ),
    },
    TARGETS: {
        "number": ("One = 3", "neither a target nor"),
        "fails": ("def One(): raise ValueError('no licence')", "ValueError: no licence"),
        "gone": ("One = 'no/such/target.yaml'", "no such file"),
    },
}


@pytest.mark.parametrize(
    ("group", "how"), [(group, how) for group, cases in WRONG.items() for how in cases]
)
def test_what_is_no_plug_in_is_told_and_left_out(package, caplog, group, how):
    source, reason = WRONG[group][how]
    package(f"wrong_{how}", source, {group: {"bad": f"wrong_{how}:One"}})
    package("good", TABLE + "One = [make()]", {MULTIPLIERS: {"good": "good:One"}})
    with caplog.at_level(logging.WARNING, logger="hawx_onnx"):
        rows = {row["name"]: row for row in diagnose_plugins()}
    assert reason in rows["bad"]["problem"] and rows["bad"]["brings"] is None
    assert rows["good"] == {
        "group": MULTIPLIERS,
        "name": "good",
        "package": "good",
        "version": "0.1",
        "value": "good:One",
        "brings": "1 multipliers",
        "problem": None,
    }
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert f"wrong_{how} 0.1" in record.message and reason in record.message


def test_a_taken_name(package):
    source = "from pathlib import Path\nOne = Path('x.yaml')\n" + TABLE + "Two = [make()]"
    groups = {TARGETS: {"spatial": "taken:One"}, MULTIPLIERS: {"builtin": "taken:Two"}}
    package("taken", source, groups)
    assert load_target("spatial").name == "spatial-dataflow"
    assert all("its name is taken" in row["problem"] for row in diagnose_plugins())


def test_two_packages_with_one_name(package, caplog):
    package("a_first", TABLE + "One = [make('a')]", {MULTIPLIERS: {"lib": "a_first:One"}})
    package("b_second", TABLE + "One = [make('b')]", {MULTIPLIERS: {"lib": "b_second:One"}})
    assert [one.name for one in components.load_library("lib")] == ["a"]
    assert "b_second 0.1: a_first brings that name too" in caplog.text


PASS = """
from hawx_onnx.passes import Pass, PassResult
class Bad(Pass):
    name = "bad"
    def call(self, state):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise KeyError('w')", "failed: KeyError: 'w'"),
        ("state.model.graph.name = 'x'; return PassResult(state, True)", "not a copy"),
    ],
)
def test_a_pass_that_fails_is_blamed(package, root, body, reason):
    package("badpass", PASS.format(body=body), {PASSES: {"bad": "badpass:Bad"}})
    with pytest.raises(ConfigError) as caught:
        prepared(root, passes=("bad",))
    assert reason in str(caught.value) and "badpass 0.1" in str(caught.value)


def test_unknown_names_get_close_ones(acme, root):
    model = root / "models" / "lenet5" / "lenet5.onnx"
    for call, near in (
        (lambda: load_target("acme-edg"), "acme-edge"),
        (lambda: hawx_onnx.analyze(model, passes="acme-prun"), "acme-prune"),
        (lambda: components.load_library("acmee"), "'acme'"),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert near in str(caught.value)


def test_doctor_lists_plug_ins(acme, package):
    package("broken", "import nothing_like_it", {PASSES: {"bad": "broken:One"}})
    code = f"import sys; sys.path.insert(0, {str(acme)!r})\nfrom hawx_onnx.cli.main import main\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "raise SystemExit(main(['doctor']))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in ("4 multipliers (acme-hawx 1.0)", "pass after canonicalize", "temporal target"):
        assert word in done.stdout
    assert "left out" in done.stdout
    assert "warning: left out: plug-in 'bad' of broken 0.1: cannot be imported" in done.stderr
