"""What a command shows while it runs and at its end."""

from __future__ import annotations

import logging

import pytest

from hawx_onnx.cli import console
from hawx_onnx.cli.console import Ui, duration
from hawx_onnx.cli.main import main


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.7, "1 h 0 min"),
        (7620, "2 h 7 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_what_is_left_follows_from_what_was_measured(clock):
    ui = Ui()
    ui.measure(10)
    ui.step("searching")
    for _ in range(4):
        clock[0] += 30
        ui.tick()
    assert ui._told() == "4 of 10 measured, 3 min 0 s left"
    ui.step("searching again")
    clock[0] += 5
    ui.tick()
    assert ui._told() == "1 of 10 measured, 45 s left"
    ui.measure(None)
    assert ui._told() == "1 measured"


@pytest.mark.parametrize(("code", "status"), [(0, "done"), (1, "ended with exit code 1")])
def test_the_last_line_tells_status_and_how_to_repeat(clock, caplog, code, status):
    ui = Ui(command="hawx-onnx optimize m.onnx")
    with caplog.at_level(logging.INFO, "hawx_onnx"):
        ui.step("searching")
        ui.tick()
        clock[0] += 61
        ui.finish(code)
    wanted = f"{status} in 1 min 1 s, 1 assignment measured; to repeat: hawx-onnx optimize m.onnx"
    assert caplog.messages[-1] == wanted


def test_a_command_without_steps_has_no_last_line(caplog):
    with caplog.at_level(logging.INFO, "hawx_onnx"):
        Ui(command="hawx-onnx doctor").finish(0)
    assert not caplog.messages


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_an_interrupted_run_tells_how_to_go_on(monkeypatch, capsys, tmp_path, resume):
    from hawx_onnx.cli import optimize

    def stopped(args, ui):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimize, "run", stopped)
    assert main(["optimize", "m.onnx", "-o", str(tmp_path), *resume]) == 130
    told = f"hawx-onnx optimize m.onnx -o {tmp_path} --resume"
    assert capsys.readouterr().err == f"interrupted\n  to go on: {told}\n"


def test_what_writes_nothing_down_cannot_go_on(monkeypatch, capsys):
    from hawx_onnx.cli import explore

    def stopped(args, ui):
        raise KeyboardInterrupt

    monkeypatch.setattr(explore, "run", stopped)
    assert main(["explore", "m.onnx"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
