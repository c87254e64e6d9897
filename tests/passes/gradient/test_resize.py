"""The rule of Resize, against finite differences; see `Case` in conftest.py."""

from __future__ import annotations

import numpy as np
import pytest


def case(node, **rest):
    return {"node": node, **rest}


def i64(*values):
    return np.array(values, np.int64)


CASES = [
    case("Resize(x, , s)", x=(1, 2, 3, 4), constants={"s": np.array([1, 1, 2, 2], np.float32)}),
    case(
        'Resize<coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, , s)',
        x=(1, 2, 3, 4),
        constants={"s": np.array([1, 1, 2, 3], np.float32)},
    ),
    case(
        'Resize<coordinate_transformation_mode="half_pixel">(x, , , s)',
        x=(1, 2, 5, 4),
        constants={"s": i64(1, 2, 3, 7)},
    ),
    case('Resize<mode="linear">(x, , , s)', x=(1, 2, 3, 4), constants={"s": i64(1, 2, 5, 4)}),
    case(
        'Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , , s)',
        x=(1, 2, 3, 4),
        constants={"s": i64(1, 2, 5, 7)},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(differences, case):
    differences.check(**case)
