"""``--cluster`` and ``--workers``: the files of a local run; an address where nobody answers."""

from __future__ import annotations

import signal
import sys
import time

import pytest
import run_files

from hawx_onnx.runtime import cluster as cluster_module
from hawx_onnx.runtime.cluster import Cluster

QUICK = ("--candidates", "mul8s_trunc3,mul8s_trunc2", "--max-evaluations", "5", "--jobs", "1")
QUICK = (*QUICK, "--score-samples", "32", "--no-map-weights", "--no-rescale")


@pytest.fixture(scope="module")
def local(cli, lenet, tmp_path_factory):
    """The files of a local run."""
    out = tmp_path_factory.mktemp("local")
    cli("optimize", lenet, "-o", out, *QUICK).check()
    return out


def assert_same_files(here, there):
    """All files of a run are those of another one, times apart."""
    assert {path.name for path in here.iterdir()} == {path.name for path in there.iterdir()}
    assert run_files.content(here) == run_files.content(there)
    assert (here / "run.yaml").read_bytes() == (there / "run.yaml").read_bytes()


@pytest.fixture
def kill_while_scoring(monkeypatch):
    """Has a worker killed as soon as layers are with it to be scored; tells which."""
    killed = []
    submit = Cluster.submit

    def kill(process, name):
        def watched(cluster, held, run, function, *args):
            scoring = function.__name__ == "layer_changes" and not killed
            if scoring:
                process.send_signal(signal.SIGSTOP)  # what it is given stays with it
            task = submit(cluster, held, run, function, *args)
            until = time.monotonic() + 2
            while scoring and not killed and time.monotonic() < until:
                workers = cluster._client.scheduler_info(-1)["workers"]
                at = [address for address, one in workers.items() if one["name"] == name]
                killed.extend(cluster._client.processing(at)[at[0]])
                time.sleep(0.05)
            if scoring:
                process.send_signal(signal.SIGKILL if killed else signal.SIGCONT)
            return task

        killed.clear()
        monkeypatch.setattr(Cluster, "submit", watched)
        return killed

    return kill


def test_files_are_those_of_a_local_run_whoever_is_killed(
    cli, lenet, local, tmp_path, dask_cluster, kill_while_scoring, monkeypatch
) -> None:
    there, later, told = tmp_path / "there", tmp_path / "later", tmp_path / "cluster"
    told.mkdir()
    with dask_cluster.processes(told) as processes:
        place = ("--cluster", processes.address)
        killed = kill_while_scoring(processes.workers["worker-1"], "worker-1")
        cli("optimize", lenet, "-o", there, *QUICK, *place).check()
        assert killed
        assert processes.workers["worker-1"].wait(timeout=60) == -signal.SIGKILL
        assert_same_files(local, there)
        # Nobody is left: the run goes on from its journal, without a cluster.
        monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
        monkeypatch.setattr(cluster_module, "LOOK", 0.2)
        killed = kill_while_scoring(processes.workers["worker-0"], "worker-0")
        lost = cli("optimize", lenet, "-o", later, *QUICK, *place)
        lost.refused(4, "has had no worker for 1 s", "--resume")
        assert killed
    cli("optimize", lenet, "-o", later, *QUICK, "--resume").check()
    assert_same_files(local, later)


def test_files_of_worker_processes_are_those_of_one(cli, lenet, local, tmp_path) -> None:
    cli("optimize", lenet, "-o", tmp_path, *QUICK, "--workers", "2").check()
    assert_same_files(local, tmp_path)


def test_a_cluster_and_processes_are_not_taken_together(cli, lenet, tmp_path) -> None:
    both = ("--workers", "2", "--cluster", "tcp://host:1")
    told = cli("optimize", lenet, "-o", tmp_path, *both)
    told.refused(2, "--workers: a cluster has workers of its own")


@pytest.mark.parametrize("verb", ["optimize", "explore", "analyze"])
def test_a_dead_address_ends_the_command_first(cli, lenet, tmp_path, verb, monkeypatch) -> None:
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    out = tmp_path / "out"
    place = ("--cluster", "tcp://127.0.0.1:1")
    if verb != "optimize":
        monkeypatch.setattr(cluster_module, "REACH", 0.5)
    told = cli(verb, lenet, "-o", out, *QUICK[:2], *place)
    told.refused(2, "--cluster tcp://127.0.0.1:1: no Dask scheduler answers within ")
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
