"""Graph passes, one per file, and the pipeline that they make up.

``DEFAULT_PIPELINE`` is the whole way of ``hawx-onnx optimize``; search and compensation stand
between ``Score`` and ``Rewrite``: of ``MapWeights``, ``Rescale`` and ``FoldBias`` those that gain.
"""

from __future__ import annotations

from hawx_onnx.passes.base import (
    Candidate,
    LeftAlone,
    Pass,
    PassRecord,
    PassResult,
    PassState,
    run_passes,
)
from hawx_onnx.passes.calibrate import Calibrate
from hawx_onnx.passes.canonicalize import Canonicalize
from hawx_onnx.passes.correct_bias import CorrectBias
from hawx_onnx.passes.find_candidates import FindCandidates
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.lower_qdq import LowerQdq
from hawx_onnx.passes.map_weights import MapWeights
from hawx_onnx.passes.match_codes import MatchCodes
from hawx_onnx.passes.open_batch import OpenBatch
from hawx_onnx.passes.quantize import Quantize
from hawx_onnx.passes.rescale import Rescale
from hawx_onnx.passes.rewrite import Rewrite
from hawx_onnx.passes.score import Score
from hawx_onnx.passes.static_form import StaticForm
from hawx_onnx.passes.verify import Verify

DEFAULT_PIPELINE: tuple[type[Pass], ...] = (
    StaticForm,
    Canonicalize,
    Quantize,
    LowerQdq,
    MatchCodes,
    OpenBatch,
    FindCandidates,
    CorrectBias,
    Calibrate,
    Score,
    Rewrite,
    Verify,
)

__all__ = [
    "DEFAULT_PIPELINE",
    "Calibrate",
    "Candidate",
    "Canonicalize",
    "CorrectBias",
    "FindCandidates",
    "FoldBias",
    "LeftAlone",
    "LowerQdq",
    "MapWeights",
    "MatchCodes",
    "OpenBatch",
    "Pass",
    "PassRecord",
    "PassResult",
    "PassState",
    "Quantize",
    "Rescale",
    "Rewrite",
    "Score",
    "StaticForm",
    "Verify",
    "run_passes",
]
