from __future__ import annotations

from xml.etree import ElementTree as Xml

from hawx_onnx.report.checks import junit_xml

# What readers of JUnit files know: element -> (attributes it needs, others, children).
COUNTS = {"tests", "failures", "errors", "skipped"}
KNOWN = {
    "testsuites": ({"name", *COUNTS}, set(), {"testsuite"}),
    "testsuite": ({"name", *COUNTS}, set(), {"testcase"}),
    "testcase": ({"name", "classname"}, {"file", "line"}, {"failure", "error", "system-out"}),
    "failure": ({"message", "type"}, set(), set()),
    "error": ({"message", "type"}, set(), set()),
    "system-out": (set(), set(), set()),
}


def check_structure(node: Xml.Element) -> None:
    needed, others, children = KNOWN[node.tag]
    assert needed <= set(node.attrib) <= needed | others, node.attrib
    for child in node:
        assert child.tag in children
        check_structure(child)
    if needed >= COUNTS:
        cases = list(node.iter("testcase"))
        found = {"tests": len(cases), "skipped": 0}
        for key, tag in (("failures", "failure"), ("errors", "error")):
            found[key] = sum(case.find(tag) is not None for case in cases)
        assert {key: int(node.attrib[key]) for key in COUNTS} == found


def test_the_structure_is_one_that_readers_know(hostile, good) -> None:
    for report in (hostile, good):
        root = Xml.fromstring(junit_xml(report).encode("utf-8"))
        assert root.tag == "testsuites"
        check_structure(root)


def test_results_are_told(hostile) -> None:
    root = Xml.fromstring(junit_xml(hostile).encode("utf-8"))
    assert {k: root.attrib[k] for k in COUNTS} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
    }
    suites = root.findall("testsuite")
    assert [suite.attrib["name"] for suite in suites][1] == "rules.yaml"
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert names == ["HAWX201 max-power", "HAWX301 allowed-multipliers", "HAWX001 rules-file"]
    assert suites[1].find("testcase").attrib["line"] == "3"


def test_names_stay_texts(hostile, names, printable) -> None:
    text = junit_xml(hostile)
    assert printable(text)
    assert "<script" not in text
    (failure,) = Xml.fromstring(text.encode("utf-8")).iter("failure")
    lines = failure.text.splitlines()
    assert len(lines) == 2 + len(names)
    assert "a & b < c > \"d\" 'e'" in lines


def test_passed_rules_are_passed_tests(good) -> None:
    root = Xml.fromstring(junit_xml(good).encode("utf-8"))
    assert (root.attrib["failures"], root.attrib["errors"]) == ("0", "0")
    assert [node.text for node in root.iter("system-out")] == ["fine", "fine"]
