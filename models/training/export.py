"""From a trained torch module to one ONNX file, held against the module."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from torch import nn

from hawx_onnx.errors import LibraryError

OPSET = 17
_TOLERANCE = 1e-3


def export(network: nn.Module, image: tuple[int, int, int], name: str) -> onnx.ModelProto:
    """Returns the network as ONNX: ``input`` float32 [N, C, H, W] to ``logits`` [N, classes].

    torch's TorchScript exporter folds batch normalisation into the convolutions and names each node
    after its module, which makes reports readable; the newer exporter numbers the nodes.

    Args:
        network: The module in evaluation mode, on the processor.
        image: Channels, height and width.
        name: Kept in the metadata key ``hawx.recipe``.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(2, *image),),
            buffer,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    model.graph.name = name
    helper.set_model_props(model, {"hawx.recipe": name})
    onnx.checker.check_model(model, full_check=True)
    return model


def check_agreement(network: nn.Module, path: Path, x: np.ndarray) -> None:
    """Runs the ONNX file and the module on the same images.

    Args:
        network: The module in evaluation mode, on the processor.
        path: The ONNX file.
        x: Images as the network takes them, float32 [N, C, H, W].

    Raises:
        LibraryError: If the logits differ by more than rounding.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"input": x})
    with torch.no_grad():
        wanted = network(torch.from_numpy(x)).numpy()
    difference = float(np.abs(found - wanted).max())
    if not difference <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        raise LibraryError(
            f"onnxruntime's logits differ from torch's by {difference:.3g}",
            where=str(path),
            mend="export with another release of torch",
        )
