"""What scoring found: the operator level is found when it is asked for."""

from __future__ import annotations

import pickle

import numpy as np

from hawx_onnx.sensitivity import OperatorLevel, OperatorScore

SCORE = OperatorScore(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.ones(3), 1.0)


def test_the_operator_level_is_found_once_and_only_if_asked_for():
    calls = []

    def find():
        calls.append(1)
        return {"a": SCORE, "b": SCORE}

    level = OperatorLevel(("a", "b"), find)
    assert (list(level), len(level), "a" in list(level)) == (["a", "b"], 2, True)
    assert calls == []
    assert level.seconds == 0
    assert level["a"] is SCORE
    assert level.get("b") is SCORE
    assert level.get("c") is None
    assert calls == [1]
    assert level.seconds > 0


def test_a_stored_operator_level_holds_its_scores():
    stored = pickle.loads(pickle.dumps(OperatorLevel(("a",), lambda: {"a": SCORE})))
    np.testing.assert_array_equal(stored["a"].mean, SCORE.mean)
