"""Scores of compensated layers: what folding leaves of each multiplier, layer and channel."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, exact_table
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.shared_folds import shared_folds
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.predictors.assignment_features import AssignmentFeatures

pytestmark = pytest.mark.usefixtures("library")
SIGNED = exact_table(Encoding.SIGNED)


@pytest.fixture(scope="module")
def state(kit, residual, table_of):
    """The residual network, a multiplier that is off by 9, and one whose error grows besides."""
    multipliers = (
        components.exact(Encoding.SIGNED),
        table_of("shifted", SIGNED + 9),
        table_of("grown", SIGNED + SIGNED // 8 + 20),
    )
    x = kit.samples(residual, 60)
    return Calibrate(1)(kit.prepare(residual, multipliers, x).replace(dataset=kit.dataset(x)))


@pytest.fixture(scope="module")
def scored(state, library):
    """The sensitivity with and without folding."""
    folds = shared_folds(state, 1)
    return tuple(Score(40, 1, folds=one)(state).sensitivity for one in (folds, None))


def outputs(state, x):
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    return probe.outputs(state.assignment, x)


def test_responses_are_those_of_single_folded_layers(state, scored):
    folded, plain = scored
    x = state.dataset.validation.x[:40]
    assert folded.baseline.tobytes() == plain.baseline.tobytes()
    differ = 0
    for row, layer in enumerate(folded.layers):
        for column, name in enumerate(folded.multipliers):
            one = FoldBias(threads=1)(state.replace(assignment=Assignment.of({layer: name})))
            wanted = outputs(one, x) - folded.baseline
            assert folded.responses[row, column].tobytes() == wanted.tobytes()
            differ += not np.array_equal(wanted, plain.responses[row, column])
    assert differ == 8
    # A constant error is no error any more.
    assert not folded.responses[:, 1].any() and plain.responses[:, 1].any(axis=(1, 2)).all()
    assert folded.folded == ("a", "b", "c", "d") and plain.folded == ()
    told = {"pass": "fold-bias", "layers": ["a", "b", "c", "d"], "samples": 60}
    assert folded.to_dict()["compensation"] == told
    assert plain.to_dict()["compensation"] is None


def test_channels_are_scored_as_folding_leaves_them(scored):
    folded, plain = scored
    for layer in folded.layers:
        assert folded.filters[layer].method == "gradient"
        assert not folded.filters[layer].output_mse[:2].any()
        assert plain.filters[layer].output_mse[1].all()
    total = [
        sum(score.output_mse[2].sum() for score in one.filters.values()) for one in (folded, plain)
    ]
    assert 0 < total[0] < 0.5 * total[1]


def test_shares_of_layers_without_a_derivative_leave_the_mean_out(kit, table_of):
    model = kit.model(
        """net (float[N,2,4,4] x) => (float[N,3,4,4] y) {
            a = Conv(x, w)
            y = LpNormalization<axis=1>(a)
        }""",
        names=("a", "y"),
        w=kit.normal(3, 2, 1, 1),
    )
    grown = table_of("grown", SIGNED + SIGNED // 8 + np.arange(256) // 2)
    multipliers = (components.exact(Encoding.SIGNED), grown)
    state = Calibrate(1)(kit.prepare(model, multipliers, kit.samples(model, 30)))
    folded = Score(10, 1, folds=shared_folds(state, 1))(state).sensitivity
    assert folded.filters["a"].method == "measured"
    score = folded.operator["a"]
    power, whole = (score.mean_squares(one)[1] * score.output_scale**2 for one in (True, False))
    share = folded.filters["a"].output_mse[1] / folded.output_mse()[0, 1]
    np.testing.assert_allclose(share, power / power.sum())
    assert np.abs(whole / whole.sum() - share).max() > 1e-3


def test_predictions_follow(state, scored):
    plain = scored[1]
    shifted = (1, 1, 1, 1)
    surrogates = [ResponseSurrogate(one) for one in scored]
    assert surrogates[0].accuracy(shifted) == surrogates[0].accuracy((0, 0, 0, 0))
    assert surrogates[0].accuracy(shifted) == pytest.approx(1)
    assert np.square(surrogates[1].outputs(shifted) - plain.baseline).mean() > 0
    rows = [AssignmentFeatures(one) for one in scored]
    place = rows[0].names.index("sum_relative_rms")
    values = [one.matrix([shifted, (2, 2, 2, 2)])[:, place] for one in rows]
    assert values[0][0] == pytest.approx(0, abs=1e-12) and values[1][0] > 1e-3
    assert 0 < values[0][1] < values[1][1]
