"""The built-in digits data set, with its fixed splits."""

from __future__ import annotations

from hawx_onnx.frontend.sources import RawData, RawPart


def load() -> RawData:
    """Returns scikit-learn's digits, float32 [N, 8, 8] with values 0..16, already split."""
    from hawx_onnx.models.lenet5.data import digits_splits

    splits = digits_splits()
    parts = {
        name: RawPart(*splits[name], x_where=f"digits, {name} split")
        for name in ("calibration", "validation", "test")
    }
    return RawData(
        name="digits",
        note="scikit-learn digits (UCI Optical Recognition of Handwritten Digits), fixed splits",
        parts=parts,
    )
