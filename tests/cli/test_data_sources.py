"""Runs on image files and generators, held against the same data in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

FLAGS = ("--candidates", "mul8s_trunc2", "--jobs", "1", "--no-operand-aware-power")
PREPROCESSING = "resize: 32\nscale: 16\nmean: 0.3046\nstd: 0.3238\n"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some digits as an archive, as image files with a table of labels, and from a generator."""
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    from hawx_onnx.models.lenet5.data import digits_splits

    folder = tmp_path_factory.mktemp("digits")
    x, y = (part[:240] for part in digits_splits()["validation"])
    np.savez(folder / "digits.npz", x=x.astype(np.uint8), y=y)
    (folder / "images").mkdir()
    lines = []
    for place, (values, label) in enumerate(zip(x, y, strict=True)):
        image.fromarray(values.astype(np.uint8)).save(folder / "images" / f"{place:03}.png")
        lines.append(f"{place:03}.png,{label}\n")
    (folder / "images" / "labels.csv").write_text("".join(lines))
    (folder / "p.yaml").write_text(PREPROCESSING)
    (folder / "my_digits.py").write_text(
        "import numpy as np\n"
        "def one_by_one():\n"
        "    with np.load('digits.npz') as data:\n"
        "        yield from zip(data['x'], data['y'])\n"
    )
    return folder


@pytest.mark.parametrize("source", ["images", "my_digits:one_by_one"])
def test_streamed_runs_give_what_runs_in_memory_give(
    cli: Callable, lenet: Path, digits: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(digits)
    command = ("explore", lenet, "--preprocess", "p.yaml", *FLAGS, "--max-evaluations", "5")
    stored, streamed = (
        cli(*command, "--data", data, "--json").check().json for data in ("digits.npz", source)
    )
    accuracies = [
        [point["measured_accuracy"] for point in found["methods"][0]["points"]]
        for found in (stored, streamed)
    ]
    assert accuracies[0] == accuracies[1] and len(accuracies[0]) > 5
    assert stored["baseline_accuracy"] == streamed["baseline_accuracy"] > 0.8


def test_optimize_on_images(cli: Callable, lenet: Path, digits: Path, tmp_path: Path) -> None:
    command = ("optimize", lenet, "--preprocess", digits / "p.yaml", *FLAGS, "-o", tmp_path)
    done = cli(*command, "--data", digits / "images", "--max-evaluations", "3", "--json").check()
    assert done.json["data"]["note"].startswith("240 images of images; 48 calibration")
    assert done.json["selected"]["samples"] == 96
    # Nothing of it is measured anew: fingerprints of streamed data are those of its content.
    again = cli(
        *command, "--data", digits / "images", "--max-evaluations", "3", "--json", "--resume"
    )
    assert again.check().json["selected"]["accuracy"] == done.json["selected"]["accuracy"]
