"""``--cluster``: the files of a local run; an address where nobody answers."""

from __future__ import annotations

import json
import sys

import pytest

QUICK = ("--candidates", "mul8s_trunc3,mul8s_trunc2", "--max-evaluations", "5", "--jobs", "1")
QUICK = (*QUICK, "--score-samples", "32", "--no-map-weights", "--no-rescale")
SAME = ("model.onnx", "assignment.json", "pareto.csv")


def test_files_are_those_of_a_local_run(cli, lenet, tmp_path, dask_cluster) -> None:
    here, there, told = tmp_path / "here", tmp_path / "there", tmp_path / "cluster"
    told.mkdir()
    cli("optimize", lenet, "-o", here, *QUICK).check()
    with dask_cluster.processes(told) as processes:
        place = ("--cluster", processes.address)
        cli("optimize", lenet, "-o", there, *QUICK, *place).check()
    for name in SAME:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    # How to repeat it names no cluster, which may be gone by then.
    assert (here / "run.yaml").read_text() == (there / "run.yaml").read_text()
    reports = [json.loads((folder / "report.json").read_text()) for folder in (here, there)]
    for key in ("command", "selected", "baseline", "layers", "warnings"):
        assert reports[0][key] == reports[1][key], key


@pytest.mark.parametrize("verb", ["optimize", "explore"])
def test_a_dead_address_ends_the_command_first(cli, lenet, tmp_path, verb) -> None:
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    out = tmp_path / "out"
    place = ("--cluster", "tcp://127.0.0.1:1")
    told = cli(verb, lenet, "-o", out, *QUICK[:4], *place)
    told.refused(2, "--cluster tcp://127.0.0.1:1: no Dask scheduler answers within 5 s")
    assert not list(tmp_path.rglob("*.sqlite"))


def test_dask_that_is_not_installed_is_named(cli, lenet, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = cli("optimize", lenet, "-o", tmp_path, "--cluster", "tcp://127.0.0.1:1")
    told.refused(2, "--cluster: needs Dask", "pip install 'hawx-onnx[dask]'")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8786", "tcp://host", "tcp://host:0", "http://host:1", "tcp://a b:1", ""]
)
def test_what_is_no_address_is_refused(cli, lenet, tmp_path, address) -> None:
    told = cli("optimize", lenet, "-o", tmp_path, "--cluster", address)
    told.refused(2, "--cluster", "is no address of a Dask scheduler", "tcp://HOST:PORT")
