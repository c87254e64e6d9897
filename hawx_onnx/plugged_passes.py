"""Passes of plug-ins, and where they stand between our own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hawx_onnx.errors import ConfigError, HawxError
from hawx_onnx.names import close_names
from hawx_onnx.passes import (
    Canonicalize,
    LowerQdq,
    MatchCodes,
    OpenBatch,
    Pass,
    PassState,
    Quantize,
    StaticForm,
)
from hawx_onnx.plugins import PASSES, Plugin, imported, installed

PLACES = tuple(
    one.name for one in (StaticForm, Canonicalize, Quantize, LowerQdq, MatchCodes, OpenBatch)
)
"""Values of ``Pass.after``: the passes that one of a plug-in can follow."""


@dataclass(frozen=True)
class PluggedPass:
    """A pass and the plug-in that brings it."""

    plugin: Plugin
    inner: Pass

    def __call__(self, state: PassState) -> PassState:
        """Runs the pass; what goes wrong in it is told as the plug-in's fault."""
        try:
            result = self.inner(state)
        except HawxError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise self.plugin.refusal(f"failed: {type(error).__name__}: {reason}") from error
        if result.model is state.model and result.records[-1].modified:
            raise self.plugin.refusal("edited the model that it was given, not a copy")
        return result


def plugged_passes(names: Iterable[str]) -> tuple[PluggedPass, ...]:
    """Returns passes of installed plug-ins, in the order of their names here.

    Args:
        names: Names in the entry-point group ``hawx_onnx.passes``; repetitions are dropped.

    Raises:
        ConfigError: No plug-in offers the name, or what it offers is no pass.
    """
    wanted = tuple(dict.fromkeys(names))
    known = installed(PASSES) if wanted else {}
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"no installed plug-in offers a pass {name!r}",
                where="--passes",
                mend=f"{close_names(name, known)}; `hawx-onnx doctor` lists what is installed",
            )
    return tuple(PluggedPass(known[name], pass_of(known[name])) for name in wanted)


def pass_of(plugin: Plugin) -> Pass:
    """Returns the pass of a plug-in, made anew.

    Raises:
        ConfigError: It cannot be imported or made, or is no pass.
    """
    made = imported(plugin)
    if not (isinstance(made, type) and issubclass(made, Pass)):
        raise plugin.refusal("is no subclass of hawx_onnx.passes.Pass")
    try:
        one = made()
    except Exception as error:
        raise plugin.refusal(f"cannot be made without arguments: {error}") from error
    if not one.name:
        raise plugin.refusal("has no name")
    if one.after not in PLACES:
        raise plugin.refusal(f"runs after {one.after!r}, which is none of {', '.join(PLACES)}")
    return one
