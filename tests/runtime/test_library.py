"""Sessions where the custom-op library is not installed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hawx_onnx.errors import LibraryError
from hawx_onnx.runtime import library


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves no place where the library could be found."""
    monkeypatch.delenv(library.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(library, "_FILE_NAME", "libnowhere.so")
    library._tell_of_portable_bodies.cache_clear()


@pytest.mark.usefixtures("not_installed")
def test_a_plain_warning_tells_of_portable_bodies_once(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = root / "models/lenet5/lenet5.onnx"
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert library.create_session(model, threads=1) is not None
    (record,) = caplog.records
    assert "not installed" in record.message
    assert "portable bodies" in record.message


@pytest.mark.usefixtures("not_installed")
def test_a_session_that_asks_for_the_library_is_refused(root: Path) -> None:
    with pytest.raises(LibraryError, match="not installed"):
        library.create_session(root / "models/lenet5/lenet5.onnx", use_library=True)


@pytest.mark.usefixtures("not_installed")
def test_who_wants_none_is_not_warned(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        library.create_session(root / "models/lenet5/lenet5.onnx", threads=1, use_library=False)
    assert not caplog.records


def test_a_run_without_the_library_gives_the_same_bytes(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    import hawx_onnx

    try:
        library.get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    model = root / "models/lenet5/lenet5.onnx"
    options = {"candidates": "mul8s_trunc2", "max_evaluations": 2, "score_samples": 32, "jobs": 1}
    fast = hawx_onnx.optimize(model, **options)
    request.getfixturevalue("not_installed")
    slow = hawx_onnx.optimize(model, **options)
    assert fast.report["candidates"][1]["kernel"]
    assert slow.report["candidates"][1]["kernel"] is None
    assert slow.assignment == fast.assignment
    assert slow.model.SerializeToString() == fast.model.SerializeToString()
    slow.save(tmp_path)
    evaluated = hawx_onnx.evaluate(tmp_path / "model.onnx", data="digits")
    assert evaluated["path"] == "portable"
    assert evaluated["accuracy"] == slow.report["selected"]["accuracy"]
