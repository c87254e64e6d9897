"""Fakes: multipliers and periphery of a technology with round figures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hawx_onnx.hardware import LayerWorkload, technology

TECHNOLOGY = "test-node"


@dataclass(frozen=True)
class Figures:
    area_um2: float
    energy_fj: float
    leakage_nw: float
    delay_ns: float = 1.0
    technology: str = TECHNOLOGY


@dataclass(frozen=True, eq=False)
class FakeMultiplier:
    name: str
    cost: Figures | None


@pytest.fixture(autouse=True)
def _fake_periphery(monkeypatch):
    """An adder of n bits costs n of everything, a register 2 n; other technologies have none."""

    def costing(each):
        def cost(bits, name):
            return Figures(*[each * bits] * 3) if name == TECHNOLOGY else None

        return cost

    monkeypatch.setattr(technology, "_adder_cost", costing(1.0))
    monkeypatch.setattr(technology, "_register_cost", costing(2.0))


@pytest.fixture
def exact():
    return FakeMultiplier("exact", Figures(400.0, 300.0, 8000.0))


@pytest.fixture
def cheap():
    return FakeMultiplier("cheap", Figures(250.0, 160.0, 5000.0))


@pytest.fixture
def cheapest():
    return FakeMultiplier("cheapest", Figures(100.0, 40.0, 2000.0))


@pytest.fixture
def foreign():
    return FakeMultiplier("foreign", Figures(250.0, 160.0, 5000.0, technology="other-node"))


@pytest.fixture
def lenet():
    return (
        LayerWorkload("conv1", "Conv", 28 * 28, 6, 25),
        LayerWorkload("conv2", "Conv", 10 * 10, 16, 150),
        LayerWorkload("fc1", "Gemm", 1, 120, 400),
        LayerWorkload("fc2", "Gemm", 1, 84, 120),
        LayerWorkload("fc3", "Gemm", 1, 10, 84),
    )


@pytest.fixture
def network(lenet):
    """LeNet-5 with a depthwise and a grouped layer."""
    return (
        *lenet,
        LayerWorkload("depthwise", "Conv", 49, 32, 9, groups=32),
        LayerWorkload("grouped", "Conv", 49, 64, 72, groups=4),
    )
