"""Conversions between the units of components (fJ, nW) and of networks (uJ, mW)."""

from __future__ import annotations


def femto_to_micro(energy_fj: float) -> float:
    """Returns femtojoules as microjoules."""
    return energy_fj * 1e-9


def leakage_energy_uj(leakage_nw: float, cycles: int, frequency_mhz: float) -> float:
    """Returns the energy in microjoules that a static power draws over some clock cycles.

    Args:
        leakage_nw: Static power in nanowatts.
        cycles: Clock cycles.
        frequency_mhz: Clock in megahertz; cycles / MHz are microseconds.
    """
    return leakage_nw * 1e-9 * (cycles / frequency_mhz)


def mean_power_mw(energy_uj: float, cycles: int, frequency_mhz: float) -> float:
    """Returns the mean power in milliwatts of an energy spent over some clock cycles.

    Args:
        energy_uj: Energy in microjoules.
        cycles: Clock cycles; 0 counts as 1, the shortest time that a clock can tell.
        frequency_mhz: Clock in megahertz.
    """
    return energy_uj / (max(cycles, 1) / frequency_mhz) * 1e3
