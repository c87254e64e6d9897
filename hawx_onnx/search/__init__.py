"""The assignment problem: which multiplier for which layer, and the methods that solve it."""

from __future__ import annotations

from hawx_onnx.search.exhaustive import search_exhaustive
from hawx_onnx.search.hawx import search_hawx
from hawx_onnx.search.measurer import Limits, Measurer
from hawx_onnx.search.nsga2 import search_nsga2
from hawx_onnx.search.problem import Budget, Problem
from hawx_onnx.search.random_search import search_random
from hawx_onnx.search.result import Point, SearchResult, select

METHODS = {
    "hawx": search_hawx,
    "exhaustive": search_exhaustive,
    "random": search_random,
    "nsga2": search_nsga2,
}

__all__ = [
    "METHODS",
    "Budget",
    "Limits",
    "Measurer",
    "Point",
    "Problem",
    "SearchResult",
    "search_exhaustive",
    "search_hawx",
    "search_nsga2",
    "search_random",
    "select",
]
