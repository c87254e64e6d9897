"""A pass of Olive that runs ``hawx_onnx.optimize``.

Olive finds it through a package configuration that ``hawx-onnx olive-config`` writes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import hawx_onnx
from hawx_onnx.errors import BudgetError, ConfigError, LibraryError
from hawx_onnx.settings import Settings

try:
    from olive.exception import OlivePassError
    from olive.model import ONNXModelHandler
    from olive.model.utils import resolve_onnx_path
    from olive.passes import Pass
    from olive.passes.pass_config import PassConfigParam
except ImportError as error:
    raise LibraryError(
        f"Olive cannot be imported: {error}", mend="pip install 'hawx-onnx[olive]'"
    ) from error

if TYPE_CHECKING:
    from olive.hardware import AcceleratorSpec
    from olive.passes.pass_config import BasePassConfig

MODEL = "model.onnx"


class HawxApproximate(Pass):  # type: ignore[misc]
    """Chooses approximate multipliers for the layers of an ONNX model and rewrites it.

    Its options are those of ``hawx-onnx optimize``, with underscores: ``data``, ``target``,
    ``max_accuracy_drop`` and so on. The model carries portable bodies, so Olive's own evaluation
    runs it; the other files of ``optimize`` lie beside it as additional files.
    """

    @classmethod
    def _default_config(cls, accelerator_spec: AcceleratorSpec) -> dict[str, PassConfigParam]:
        """The options, from the one table that flags and configuration files share."""
        return {
            item.name: PassConfigParam(
                type_=_type(item), default_value=_default(item), description=item.metadata["text"]
            )
            for item in dataclasses.fields(Settings)
        }

    def _run_for_config(
        self, model: ONNXModelHandler, config: BasePassConfig, output_model_path: str
    ) -> ONNXModelHandler:
        """Optimises one model.

        Raises:
            ConfigError: The model is no ONNX file, or an option is wrong.
            OlivePassError: No assignment meets the budget: Olive leaves the model out.
        """
        if not isinstance(model, ONNXModelHandler):
            raise ConfigError(
                f"takes an ONNX model, not {type(model).__name__}",
                where=type(self).__name__,
                mend="put OnnxConversion before it",
            )
        output = Path(resolve_onnx_path(output_model_path, MODEL))
        given = config.model_dump(include={item.name for item in dataclasses.fields(Settings)})
        values = {name: value for name, value in given.items() if value is not None}
        try:
            hawx_onnx.optimize(model.model_path, output=output.parent, **values)
        except BudgetError as error:
            raise OlivePassError(str(error)) from error
        return ONNXModelHandler(
            model_path=str(output.parent),
            onnx_file_name=MODEL,
            model_attributes={
                **(model.model_attributes or {}),
                "additional_files": _reports(output.parent),
            },
        )


def _reports(folder: Path) -> list[str]:
    """The files beside the model that a reader of the result wants."""
    names = ("assignment.json", "report.json", "report.html", "pareto.csv", "run.yaml")
    return [str(folder / name) for name in names if (folder / name).is_file()]


def _type(item: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - a type, or an optional one
    """The type of an option for Olive, which checks values by it."""
    kind = item.metadata["kind"]
    if item.default is dataclasses.MISSING:
        return list[str]
    return Optional[kind] if item.default is None else kind  # noqa: UP045 - made at run time


def _default(item: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - options have different types
    if item.default is not dataclasses.MISSING:
        return item.default
    assert item.default_factory is not dataclasses.MISSING
    return list(item.default_factory())
