from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest

from hawx_onnx.report.checks import check_schema

RULES = "known-tables: true\nmax-opset: 99\ndeterministic-bytes: true\n"


@pytest.fixture(scope="module")
def model(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rewritten LeNet-5."""
    import onnx

    import hawx_onnx

    path = tmp_path_factory.mktemp("check") / "model.onnx"
    name = next(node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv")
    hawx_onnx.apply(lenet, {name: "mul8s_trunc2"}, path, jobs=1)
    return path


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture(autouse=True)
def _no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_rules_that_hold_end_with_0(cli, model: Path, rules: Path) -> None:
    done = cli("check", model, "--rules", rules).check()
    assert done.out.splitlines()[-1] == "all 3 checks hold"
    assert done.err == ""


def test_a_rule_that_does_not_hold_ends_with_1(cli, model: Path, rules: Path) -> None:
    rules.write_text(RULES + "max-ir-version: 1\n")
    done = cli("check", model, "--rules", rules).check(1)
    assert "FAIL  HAWX503 max-ir-version: IR version 8, at most 1 asked for" in done.out
    assert done.err == ""


def test_baseline_and_default_rule(cli, model: Path, lenet: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "baseline.json"
    done = cli("check", lenet, "--write-baseline", path).check()
    assert str(path) in done.out
    held = cli("check", model, "--baseline", path, "--jobs", "1", "--json").check().json
    assert held["baseline"]["kind"] == "baseline"
    (result,) = held["results"]
    assert (result["id"], result["limit"], result["status"]) == ("HAWX101", 0.01, "passed")
    portable = cli("check", model, "--baseline", path, "--portable", "--json").check().json
    assert portable["results"] == held["results"]


def test_the_json_document(cli, model: Path, rules: Path) -> None:
    document = cli("check", model, "--rules", rules, "--json").check().json
    jsonschema.validate(document, check_schema())
    assert cli("check", model, "--rules", rules, "--format", "json").json == document
    assert document["rules"] == str(rules)
    assert list(document["models"][0]) == ["path", "sha256"]


def test_several_formats_of_one_run(cli, model: Path, rules: Path, tmp_path: Path) -> None:
    names = {"sarif": "a.sarif", "junit": "b.xml", "text": "c.txt"}
    words = [f"--format={word}={tmp_path / name}" for word, name in names.items()]
    document = cli("check", model, "--rules", rules, *words, "--json").check().json
    assert document["passed"]
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert Xml.parse(tmp_path / "b.xml").getroot().tag == "testsuites"
    assert "all 3 checks hold" in (tmp_path / "c.txt").read_text()


def test_output_takes_the_format_that_names_no_file(cli, model, rules, tmp_path: Path) -> None:
    out = tmp_path / "check.sarif"
    done = cli("check", model, "--rules", rules, "--format", "sarif", "-o", out).check()
    assert json.loads(out.read_text())["version"] == "2.1.0"
    assert "all 3 checks hold" in done.out


def test_github_writes_a_summary_too(cli, model, rules, tmp_path: Path, monkeypatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    rules.write_text(RULES + "max-ir-version: 1\n")
    done = cli("check", model, "--rules", rules, "--format", "github").check(1)
    assert done.out.count("::error ") == 1
    text = summary.read_text()
    assert text.startswith("before\n### hawx-onnx check")
    assert "HAWX503" in text
    cli("check", model, "--rules", rules).check(1)
    assert summary.read_text() == text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "xml"), ("no format 'xml'", "known names: text")),
        (("--format", "sarf"), ("no format 'sarf'", "did you mean sarif?")),
        (("--format", "sarif="), ("names no file",)),
        (("--format", "sarif=a", "--format", "sarif=b"), ("sarif is given twice",)),
        (("--format", "sarif", "--format", "junit"), ("cannot both go to stdout",)),
        (("--format", "github", "--json"), ("cannot both go to stdout",)),
        (("--split", "tset"), ("invalid choice",)),
        (("--baseline", "none.onnx"), ("no rule max-accuracy-drop looks at it",)),
    ],
)
def test_flags_that_are_wrong(cli, model: Path, rules: Path, words, told) -> None:
    cli("check", model, "--rules", rules, *words).refused(2, *told)


def test_no_rules_and_no_baseline(cli, model: Path) -> None:
    cli("check", model).refused(2, "no rule to check", "--baseline")


def test_a_baseline_is_written_in_a_run_of_its_own(cli, model, rules, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    cli("check", model, "--rules", rules, "--write-baseline", path).refused(2, "--rules")
    cli("check", model, model, "--write-baseline", path).refused(2, "a second model")
    assert not path.exists()


def test_rules_that_are_misspelt_tell_line_and_close_names(cli, model, rules: Path) -> None:
    rules.write_text("known-tables: true\n\nmax-powr: 3\n")
    told = (f"{rules}:3", "no rule 'max-powr'", "did you mean max-power")
    cli("check", model, "--rules", rules).refused(2, *told)


def test_an_error_stands_in_the_documents_too(cli, model, rules: Path, tmp_path: Path) -> None:
    rules.write_text("known-tables: true\n\nmax-powr: 3\n")
    sarif, junit = tmp_path / "a.sarif", tmp_path / "b.xml"
    words = (f"--format=sarif={sarif}", f"--format=junit={junit}", "--json")
    done = cli("check", model, "--rules", rules, *words).check(2)
    assert done.err.startswith("error: ")
    document = done.json
    jsonschema.validate(document, check_schema())
    (result,) = document["results"]
    assert (result["id"], result["status"]) == ("HAWX001", "error")
    assert result["location"] == {"file": str(rules), "line": 3, "nodes": []}
    assert (document["passed"], document["exit_code"]) == (False, 2)
    run = json.loads(sarif.read_text())["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 3}
    assert Xml.parse(junit).getroot().attrib["errors"] == "1"


def test_the_model_has_to_be_there(cli, rules: Path) -> None:
    cli("check", "missing.onnx", "--rules", rules).refused(3, "missing.onnx", "no such file")
    done = cli("check", "missing.onnx", "--rules", rules, "--format", "github").check(3)
    assert "::error file=missing.onnx,title=HAWX002 inputs::" in done.out


def test_names_in_errors_start_no_line_of_their_own(cli, lenet, rules, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(lenet)
    model.graph.node[0].name = "conv\n::stop-commands::x\r##[add-mask]y\x1b[2J"
    model.graph.node[0].input[0] = "missing"
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    done = cli("check", path, "--rules", rules).refused(3, "reads the tensor missing", "\\x1b[2J")
    assert all(line.startswith(("error: ", "  ")) for line in done.err.splitlines())
    assert "##[" not in done.err
    for line in cli("check", path, "--rules", rules, "--format", "github").out.splitlines():
        assert line.startswith(("model ", "file ", "  ", "failed: ", f"::error file={path},"))


def test_data_has_to_be_there(cli, model: Path, rules: Path) -> None:
    rules.write_text("min-accuracy: 0.5\n")
    cli("check", model, "--rules", rules, "--data", "none.npz").refused(3, "none.npz")
    cli("check", model, "--rules", rules, "--data", "synthetic").refused(2, "labelled samples")


def test_errors_of_a_rule_reach_stderr(cli, lenet: Path, rules: Path) -> None:
    done = cli("check", lenet, "--rules", rules).check(3)
    assert "ERROR HAWX303 known-tables" in done.out
    assert done.err.startswith("error: ")
    assert "no ai.hawx node" in done.err
    assert len(done.err.splitlines()) == 2


def test_files_are_tried_before_anything_is_measured(cli, model, rules, tmp_path: Path) -> None:
    done = cli("check", model, "--rules", rules, "-o", tmp_path).check(2)
    assert "is a folder" in done.err
    assert done.out == ""


def test_options_from_a_configuration_file(cli, model: Path, rules: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"rules: {rules}\nformat: [json]\ntarget: spatial\n")
    assert cli("check", model, "--config", config).check().json["rules"] == str(rules)
