"""Evaluations on a real scheduler and two worker processes: the same results, whoever dies."""

from __future__ import annotations

import dataclasses
import itertools
import time

import numpy as np
import pytest

from hawx_onnx import errors
from hawx_onnx.preparation import prepare
from hawx_onnx.remote_runs import RemoteRuns, block_scores
from hawx_onnx.runtime.cluster import Cluster
from hawx_onnx.search import Limits, Measurer
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

SETTINGS = Settings(
    candidates=("mul8s_exact", "mul8s_trunc2", "mul8s_trunc4"),
    validation_samples=600,
    score_samples=32,
    operand_aware_power=False,
    jobs=1,
)


@pytest.fixture(scope="module")
def prepared(root):
    return prepare(root / "models/lenet5/lenet5.onnx", SETTINGS, compensated=True)


@pytest.fixture(scope="module")
def processes(dask_cluster, tmp_path_factory):
    with dask_cluster.processes(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def cluster(processes):
    cluster = Cluster(processes.address)
    yield cluster
    cluster.close()


class Slow:
    """Nine batches of made-up scores: the more is approximated, the fewer are right."""

    sizes, block = (50,) * 9, 64

    def __init__(self, threads=1):
        self.asked = 0

    def prepare(self, choices):
        pass

    def expect(self, choices, batches):
        pass

    def scores(self, choice, batch):
        self.asked += 1
        time.sleep(0.01)
        draws = np.random.default_rng([batch, 0]).random(self.sizes[batch])
        return draws < 0.95 - 0.06 * sum(choice)

    def forget(self, batch):
        pass


@pytest.fixture(scope="module")
def problem(prepared):
    return Searcher(prepared, SETTINGS).problem


def measured(network, problem, stop, choices):
    """Scores of the samples of each choice that were run, and how many there were."""
    measurer = Measurer(network, problem, Limits(early_stop=stop))
    found = measurer.measure_all(choices)
    return [one.scores.tobytes() for one in found], measurer.samples_run


def some_choices(problem):
    return list(itertools.product(range(3), repeat=len(problem.workloads)))[::9]


@pytest.mark.parametrize("stop", [False, True])
def test_choices_are_given_up_as_they_are_here(problem, cluster, stop):
    choices = some_choices(problem)
    wanted, run = measured(Slow(), problem, stop, choices)
    assert (run < len(choices) * sum(Slow.sizes)) == stop
    remote = RemoteRuns(Slow(), Slow, cluster)
    assert measured(remote, problem, stop, choices) == (wanted, run)
    # One after the other: batches are sent out ahead that may not be wanted.
    alone = [measured(remote, problem, stop, [choice]) for choice in choices[::5]]
    assert alone == [measured(Slow(), problem, stop, [choice]) for choice in choices[::5]]


def test_a_killed_worker_loses_nothing(problem, dask_cluster, tmp_path):
    choices = some_choices(problem)
    wanted = measured(Slow(), problem, True, choices)
    with dask_cluster.processes(tmp_path) as processes:
        cluster = Cluster(processes.address)
        remote, victim, held = RemoteRuns(Slow(), Slow, cluster), processes.workers["worker-1"], []

        def scores(choice, batch, asked=remote.scores):
            if any(choice) and not held:
                held.extend(kill_at_work(cluster, victim))
            return asked(choice, batch)

        remote.scores = scores
        found = measured(remote, problem, True, choices)
        assert held and victim.wait(timeout=60) != 0
        assert cluster.count == 1
        cluster.close()
    assert found == wanted


def kill_at_work(cluster, victim):
    """Kills a worker process if tasks are with it, and tells which."""
    workers = cluster._client.scheduler_info(-1)["workers"]
    (address,) = (at for at, worker in workers.items() if worker["name"] == "worker-1")
    held = cluster._client.processing([address])[address]
    if held:
        victim.kill()
    return held


def test_the_whole_search_is_the_local_one(prepared, cluster):
    settings = dataclasses.replace(SETTINGS, max_evaluations=6)
    results = [Searcher(prepared, settings, workers=place).run("hawx") for place in (None, cluster)]
    points = [[dataclasses.astuple(point) for point in result.points] for result in results]
    assert points[0] == points[1]
    assert results[0].evaluations == results[1].evaluations == 6
    measured = [point for point in results[0].points if point.measured_accuracy is not None]
    assert len(measured) == 7


def test_errors_of_a_worker_are_told_as_here(prepared, cluster):
    def broken(threads):
        raise errors.ModelError("is broken", where="there", mend="mend it")

    name = cluster.hold(broken)
    with pytest.raises(errors.ModelError, match="is broken") as caught:
        cluster.result(cluster.submit(name, "run", block_scores, 0, [(0,)]))
    assert (caught.value.where, caught.value.mend) == ("there", "mend it")

    def odd(threads):
        raise KeyError("odd")

    with pytest.raises(errors.LibraryError, match="KeyError: 'odd'"):
        cluster.result(cluster.submit(cluster.hold(odd), "run", block_scores, 0, [(0,)]))


def test_a_network_is_sent_once_and_made_once_for_each_run(cluster):
    class Counting:
        made = 0

        def __init__(self, threads):
            type(self).made += 1
            self.threads = threads

        def prepare(self, choices):
            pass

        def scores(self, choice, batch):
            return np.array([type(self).made, self.threads, batch, *choice])

        def forget(self, batch):
            pass

    name = cluster.hold(Counting)
    assert cluster.hold(Counting) == name

    def ask(run):
        futures = [cluster.submit(name, run, block_scores, batch, [(7,)]) for batch in range(8)]
        return np.array([cluster.result(future) for future in futures])[:, 0]

    first, second = ask("one"), ask("two")
    assert set(first[:, 0]) == {1}
    assert set(second[:, 0]) <= {1, 2}
    # As many threads as the worker may use.
    assert set(first[:, 1]) == {1}
    assert first[:, 2].tolist() == list(range(8))
