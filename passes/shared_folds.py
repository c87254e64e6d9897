"""Biases folded for many choices, what choices have in common computed once.

What a layer's bias has to make up for depends on the multipliers of this layer and of those before
it. Choices with a common beginning have the biases of that beginning in common, and the
activations of the calibration samples behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.passes.base import Candidate, PassState
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layer_constants import BIAS, LayerConstants, layer_constants
from hawx_onnx.passes.layer_outputs import ExactOutputs
from hawx_onnx.passes.layerwise import DEFAULT_SAMPLES, approximated_only, calibration_samples
from hawx_onnx.passes.stages import Stages, Walk

Choice = tuple[int | tuple[int, ...], ...]
# Constants of a layer by their place among its inputs.
Constants = Mapping[int, np.ndarray]
CACHE_BYTES = 256 * 2**20
CACHE_SHARE = 8  # of the memory limit


class SharedFolds:
    """Folds biases for choices as the pass ``FoldBias`` does for an assignment, bit for bit.

    There are two sessions for each layer, made when they are first needed, and each holds all
    tables: 256 KiB for each multiplier.

    Args:
        model: Int8 model.
        candidates: Nodes that take a multiplier, in graph order.
        multipliers: Candidates; index 0 is the exact one.
        x: Calibration samples that biases are folded on.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        cache_bytes: Most bytes of activations to keep.
        share: Compute once what choices have in common; otherwise every choice is folded by itself.

    Attributes:
        x: The calibration samples.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        x: np.ndarray,
        threads: int = 0,
        cache_bytes: int = CACHE_BYTES,
        *,
        share: bool = True,
    ) -> None:
        self.x = x
        self._network = _Network(model, tuple(candidates), tuple(multipliers), x, threads)
        self._cache_bytes, self._share = cache_bytes, share
        self._known: dict[Hashable, Constants] = {}
        self._walks: OrderedDict[Choice, Walk] = OrderedDict()

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose biases can be folded, in graph order."""
        return tuple(self._network.treated)

    @property
    def exact(self) -> ExactOutputs:
        """Outputs of the exact network that biases are fitted to."""
        return self._network.exact

    def fresh(self, *, share: bool = True, threads: int | None = None) -> SharedFolds:
        """Folds of the same network that know nothing yet; ``threads`` as these if None."""
        other = SharedFolds.__new__(SharedFolds)
        other.x, other._network = self.x, self._network
        if threads is not None and threads != self._network.threads:
            own = self._network
            made_of = (own.model, own.candidates, own.multipliers, self.x, threads)
            other._network = _Network(*made_of)
        other._cache_bytes, other._share = self._cache_bytes, share
        other._known, other._walks = {}, OrderedDict()
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process knows nothing yet: sessions do not travel."""
        network = self._network
        made_of = (network.model, network.candidates, network.multipliers, self.x, network.threads)
        return partial(SharedFolds, share=self._share), (*made_of, self._cache_bytes)

    def constants(self, choice: Choice) -> dict[str, Constants]:
        """What folding makes of the layers' constants.

        Args:
            choice: Multiplier index of each candidate, or of each of its output channels; of the
                first candidates alone, if later ones do not matter.

        Returns:
            Layer -> place among its inputs -> values, where any differ from the model's.
        """
        wanted = [depth for depth in range(len(choice)) if self._is_folded(choice, depth)]
        new = [depth for depth in wanted if self._key(choice, depth) not in self._known]
        if new:
            self._fold(choice, range(new[0], wanted[-1] + 1))
        names = [self._network.candidates[depth].name for depth in wanted]
        found = [self._known[self._key(choice, depth)] for depth in wanted]
        return {name: one for name, one in zip(names, found, strict=True) if one}

    def single(self, layer: str) -> np.ndarray:
        """Biases of a layer under each multiplier, everything else exact: int32 [T, channels].

        Channels do not depend on each other: one that is approximated alone has the bias that it
        has here.
        """
        network = self._network
        names = [candidate.name for candidate in network.candidates]
        depth = names.index(layer)
        own, rows = network.constants[layer].bias, []
        for index in range(len(network.multipliers)):
            choice = (*(0,) * depth, index)
            rows.append(self.constants(choice).get(layer, {}).get(BIAS, own))
        return np.stack(rows)

    def forget_activations(self) -> None:
        """Frees the activations; what was folded stays known."""
        self._walks.clear()

    def _key(self, choice: Choice, depth: int) -> Hashable:
        """What the fold of a layer is known by."""
        return choice[: depth + 1] if self._share else (choice, depth)

    def _is_folded(self, choice: Choice, depth: int) -> bool:
        name = self._network.candidates[depth].name
        return name in self._network.treated and bool(np.any(choice[depth]))

    def _fold(self, choice: Choice, depths: range) -> None:
        """Walks on from a beginning whose folds are known and folds layer by layer."""
        walk = self._walk_to(choice[: depths.start])
        for depth in depths:
            index = self._network.index(choice, depth)
            if self._is_folded(choice, depth):
                self._known[self._key(choice, depth)] = self._network.fold(walk, depth, index)
            if depth + 1 < depths.stop:
                self._advance(walk, choice, depth)

    def _walk_to(self, beginning: Choice) -> Walk:
        """A walk through a beginning whose folds are known."""
        depths = range(len(beginning), -1, -1)
        # The shortest is asked for last: most choices share it, so that it leaves last.
        kept = [depth for depth in depths if self._touch(beginning[:depth])]
        if kept:
            walk, start = self._walks[beginning[: kept[0]]].fork(), kept[0]
        else:
            walk, start = Walk(self._network.stages, self.x), 0
            self._keep((), walk)
        for depth in range(start, len(beginning)):
            self._advance(walk, beginning, depth)
        return walk

    def _advance(self, walk: Walk, choice: Choice, depth: int) -> None:
        folded = self._known.get(self._key(choice, depth))
        walk.advance(self._network.index(choice, depth), folded)
        self._keep(choice[: depth + 1], walk)

    def _touch(self, beginning: Choice) -> bool:
        if beginning not in self._walks:
            return False
        self._walks.move_to_end(beginning)
        return True

    def _keep(self, beginning: Choice, walk: Walk) -> None:
        """Keeps a walk, unless it alone is too large; the one not used for longest gives way."""
        if not self._share or walk.nbytes > self._cache_bytes:
            return
        self._walks[beginning] = walk.fork()
        # Tensors that walks have in common count for each of them.
        while sum(kept.nbytes for kept in self._walks.values()) > self._cache_bytes:
            self._walks.popitem(last=False)


class _Network:
    """The network cut into layers, and what its layers put out when exact."""

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: tuple[Candidate, ...],
        multipliers: tuple[Multiplier, ...],
        x: np.ndarray,
        threads: int,
    ) -> None:
        self.model, self._x, self.threads = model, x, threads
        self.candidates, self.multipliers = candidates, multipliers
        self.constants = layer_constants(model, {c.name: c.channels for c in candidates})
        why_not = FoldBias().why_not
        self.treated: dict[str, LayerConstants] = {
            name: known for name, known in self.constants.items() if not why_not(known)
        }

    @cached_property
    def stages(self) -> Stages:
        """The network."""
        return Stages(self.model, self.candidates, self.multipliers, self.threads)

    @cached_property
    def exact(self) -> ExactOutputs:
        """Outputs of the exact network."""
        exact, stages = self.multipliers[0], self.stages
        return ExactOutputs(self.model, self.candidates, exact, self._x, self.threads, stages)

    def index(self, choice: Choice, depth: int) -> np.ndarray:
        """Tables of a layer's channels: int32 [channels]."""
        channels = self.candidates[depth].channels
        return np.ascontiguousarray(np.broadcast_to(np.array(choice[depth], np.int32), channels))

    def fold(self, walk: Walk, depth: int, index: np.ndarray) -> Constants:
        """What folding makes of the next layer of a walk."""
        candidate = self.candidates[depth]
        known = self.constants[candidate.name]
        outputs = self.exact.against(candidate, known, walk.accumulators(index))
        return approximated_only(FoldBias().fit(outputs, known), known, index > 0)


def fresh_folds(folds: SharedFolds, threads: int) -> SharedFolds:
    """Makes what workers hold: folds of the same network for other threads."""
    return folds.fresh(threads=threads)


def shared_folds(
    state: PassState, threads: int = 0, memory_limit: int | None = None
) -> SharedFolds | None:
    """Folds of a state's model on its calibration samples; None where no layer can be folded.

    Args:
        state: Int8 model, candidates, multipliers and data.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        memory_limit: Bytes that the process may hold; None for any number.
    """
    x = calibration_samples(state, DEFAULT_SAMPLES, threads, memory_limit)
    cache = CACHE_BYTES if memory_limit is None else memory_limit // CACHE_SHARE
    cache = min(CACHE_BYTES, cache)
    folds = SharedFolds(state.model, state.candidates, state.multipliers, x, threads, cache)
    return folds if folds.layers else None
