"""Reaching a cluster: dead addresses, missing workers, other versions."""

from __future__ import annotations

import signal
import socket
import time

import pytest

from hawx_onnx.errors import ConfigError, LibraryError
from hawx_onnx.remote_runs import block_scores
from hawx_onnx.runtime import cluster as cluster_module
from hawx_onnx.runtime.cluster import Cluster
from hawx_onnx.runtime.cluster_versions import differences, versions


@pytest.fixture(scope="module")
def processes(dask_cluster, tmp_path_factory):
    with dask_cluster.processes(tmp_path_factory.mktemp("cluster"), workers=1) as found:
        yield found


@pytest.fixture
def deaf():
    """A port where nobody is let in, or nobody answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        yield listening


@pytest.mark.parametrize("answers", [False, True])
def test_a_dead_address_is_told_within_seconds(deaf, answers):
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    if answers:
        deaf.listen()
    address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
    begun = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        Cluster(address)
    # On a busy machine the import of Dask alone takes some.
    assert time.monotonic() - begun < cluster_module.REACH + 10
    assert str(caught.value).splitlines() == [
        f"--cluster {address}: no Dask scheduler answers within 5 s",
        "  start one with `dask scheduler`, or leave the flag out to run on this machine",
    ]


def test_other_versions_are_refused(processes, monkeypatch):
    here = versions()
    monkeypatch.setattr(cluster_module, "versions", lambda: {**here, "onnxruntime": "0.1"})
    with pytest.raises(LibraryError) as caught:
        Cluster(processes.address)
    assert f"a worker has onnxruntime {here['onnxruntime']}, 0.1 here" in str(caught.value)
    assert caught.value.where.startswith("tcp://127.0.0.1:")


def test_a_worker_that_joins_later_is_asked_as_well(processes, monkeypatch):
    cluster = Cluster(processes.address)
    monkeypatch.setattr(cluster_module, "versions", lambda: {**versions(), "onnx": "0.1"})
    with pytest.raises(LibraryError, match=r"a worker has onnx .*, 0\.1 here"):
        cluster.result(cluster.submit(cluster.hold(print), "run", block_scores, 0, [(0,)]))
    cluster.close()


def test_differences_name_what_differs():
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == [
        "b 2, 3 here",
        "c missing, 4 here",
    ]


def test_a_cluster_without_workers_is_told(dask_cluster, processes, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
    monkeypatch.setattr(cluster_module, "LOOK", 0.2)
    nobody = pytest.raises(ConfigError, match="the scheduler has no worker")
    with dask_cluster.processes(tmp_path, workers=0) as empty, nobody:
        Cluster(empty.address)
    # All are lost in the middle.
    cluster = Cluster(processes.address)
    (worker,) = processes.workers.values()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    with pytest.raises(LibraryError, match="has had no worker for 1 s") as caught:
        cluster.result(cluster.submit("hawx", "run", block_scores, 0, [(0,)]))
    assert "--resume" in caught.value.mend
    # And now the scheduler.
    future = cluster.submit("hawx", "run", block_scores, 0, [(1,)])
    processes.scheduler.kill()
    processes.scheduler.wait()
    with pytest.raises(LibraryError, match="was lost"):
        cluster.result(future)
    cluster.close()
