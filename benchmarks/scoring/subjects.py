"""Networks to score, with samples in two disjoint halves: one for scoring, one held out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hawx_onnx import components, models
from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import PassState
from hawx_onnx.preparation import quantized_state
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

SHARED = Path(__file__).resolve().parents[3] / "shared"
TABLES = SHARED / "evoapprox" / "tables.npz"
BUILT_IN = ("mul8s_trunc2", "mul8s_bam_h2_v5", "mul8sm_mitchell", "mul8sm_drum4")
TWO = ("mul8s_trunc2", "mul8s_trunc3")
RANGES = 512  # samples that quantisation takes its ranges from


@dataclass(frozen=True)
class Subject:
    """A network and its data.

    Attributes:
        name: What it is called in results.
        path: The ONNX file.
        data: Files of samples, all of them put together; empty for the shipped network's own.
        preprocessing: Of these samples.
        parts: Parts of the benchmark that it is measured in; all if empty.
    """

    name: str
    path: Path
    data: tuple[Path, ...] = ()
    preprocessing: dict[str, object] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    def serves(self, part: str) -> bool:
        """Whether it is measured in a part of the benchmark."""
        return not self.parts or part in self.parts

    @property
    def there(self) -> bool:
        """Whether its files are."""
        return all(path.is_file() for path in (self.path, *self.data))


def subjects() -> tuple[Subject, ...]:
    """Every network, whether its files are there or not; the shipped one first."""
    files, data = SHARED / "data" / "models", SHARED / "data"
    mnist = {"resize": [32, 32], "scale": 255.0, "mean": [0.1307], "std": [0.3081]}
    cifar = {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    return (
        Subject("LeNet-5, digits", models.reference("lenet5").path),
        Subject(
            "LeNet-5, MNIST",
            files / "lenet5_mnist_pytorch_fp32.onnx",
            (data / "mnist_train_5k.npz", data / "mnist_test.npz"),
            mnist,
        ),
        Subject(
            "ResNet-20",
            files / "resnet20_cifar10_fp32.onnx",
            (data / "cifar10_train_5k.npz", data / "cifar10_test_5k.npz"),
            cifar,
        ),
        # The form of the noise of rounding was found on the networks above, not on this one.
        Subject(
            "VGG-11",
            files / "vgg11_cifar10_fp32.onnx",
            (data / "cifar10_train_5k.npz", data / "cifar10_test_5k.npz"),
            {"scale": 255.0, "mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]},
            ("channels",),
        ),
    )


def multipliers(
    names: tuple[str, ...] = BUILT_IN, *, signed: bool = True
) -> tuple[Multiplier, ...]:
    """The exact multiplier, built-in ones, and EvoApproxLib's signed ones where they are there."""
    shelf: tuple[str, ...] = ("builtin",)
    if signed and TABLES.is_file():
        shelf = (*shelf, str(TABLES))
        with np.load(TABLES) as found:
            names = (*(name for name in found if name.startswith("mul8s")), *names)
    chosen = components.resolve(list(names), shelf)
    exact = components.exact_for(chosen, shelf[1:])
    return (exact, *(m for m in chosen if not m.is_exact))


def halves(subject: Subject, most: int | None = None) -> Dataset:
    """Samples for scoring as the calibration split, others held out as the validation split.

    Files of training and of test samples are mixed: the network knows the former, and codes of
    both differ a little, which is no matter of the score.

    Args:
        subject: The network.
        most: Samples of each half; all if None.
    """
    source = load_model(subject.path)
    if subject.data:
        prepare = Preprocessing.from_dict(subject.preprocessing)
        spec, stored = model_input(source), [np.load(path) for path in subject.data]
        x = np.concatenate([prepare.apply(part["x"], spec) for part in stored])
        y = np.concatenate([part["y"] for part in stored])
    else:
        splits = load_data(source, Settings(validation_samples=10**6)).splits
        x = np.concatenate([split.x for split in splits])
        y = np.concatenate([split.y for split in splits if split.y is not None])
    order = np.random.default_rng(0).permutation(len(x))
    half = min(len(x) // 2, most or len(x))
    first, second = order[:half], order[-half:]
    held_out = Split("validation", x[second], y[second])
    return Dataset(subject.name, Split("calibration", x[first], y[first]), held_out, held_out, "")


def state_of(subject: Subject, data: Dataset, chosen: tuple[Multiplier, ...]) -> PassState:
    """The quantised network with its candidates; ranges come from scoring samples."""
    few = Split("calibration", data.calibration.x[:RANGES], None)
    source = load_model(subject.path)
    state = quantized_state(source, replace(data, calibration=few), chosen, lambda text: None)
    return state.replace(dataset=data)
