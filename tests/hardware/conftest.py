"""Fakes: multipliers and periphery of a technology with round figures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hawx_onnx.components.used_bits import UsedBits
from hawx_onnx.hardware import LayerWorkload

TECHNOLOGY = "test-node"


class FakePeriphery:
    """Of n bits an adder costs n of everything, a register 2 n, gates n / 8, a multiplexer n / 4.

    An adder that accumulates takes the energy n / 2, a register the share of bits that change more.
    """

    technology = TECHNOLOGY

    def adder(self, bits):
        return Figures(*[1.0 * bits] * 3)

    def accumulator(self, bits):
        return Figures(1.0 * bits, bits / 2, 1.0 * bits)

    def register(self, bits, activity=0.5):
        return Figures(2.0 * bits, (1.0 + 2 * activity) * bits, 2.0 * bits)

    def gate(self, bits):
        return Figures(*[bits / 8] * 3)

    def multiplexer(self, bits):
        return Figures(*[bits / 4] * 3)


PERIPHERY = FakePeriphery()


@dataclass(frozen=True)
class Figures:
    """Figures of a multiplier; other technologies have no periphery."""

    area_um2: float
    energy_fj: float
    leakage_nw: float
    delay_ns: float = 1.0
    technology: str = TECHNOLOGY
    periphery: FakePeriphery | None = PERIPHERY
    bits: UsedBits | None = None


@dataclass(frozen=True, eq=False)
class FakeMultiplier:
    name: str
    cost: Figures | None


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
