"""Objectives and limits that do not fit the target's fabric."""

from __future__ import annotations

from collections.abc import Sequence

from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import Target
from hawx_onnx.hardware.fpga import check_luts
from hawx_onnx.hardware.loading import fpga_names
from hawx_onnx.hardware.technology import figures_of
from hawx_onnx.settings import Settings


def check_fabric(settings: Settings, target: Target, multipliers: Sequence[Multiplier]) -> None:
    """Refuses look-up tables on an ASIC and square micrometres on an FPGA.

    Args:
        settings: Objectives and limits.
        target: The accelerator.
        multipliers: The candidates, the exact one too.

    Raises:
        ConfigError: An objective or limit does not fit the target, or the look-up tables of a
            multiplier are asked for and not known.
    """
    asked = {f"--objective {name}": name for name in settings.objective}
    asked |= {"--max-area": "area"} if settings.max_area is not None else {}
    asked |= {"--max-luts": "luts"} if settings.max_luts is not None else {}
    for flag, name in asked.items():
        if name == "luts" and target.fabric == "asic":
            raise ConfigError(
                f"target {target.name} is an ASIC, which has no look-up tables",
                where=flag,
                mend=f"take {flag.replace('luts', 'area').split()[0]} "
                f"{'area' if ' ' in flag else 'UM2'}, or an FPGA: "
                f"--target {', '.join(fpga_names())}, or a file with `fabric: fpga`",
            )
        if name == "area" and target.fabric == "fpga":
            raise ConfigError(
                f"target {target.name} is an FPGA, whose area is counted in look-up tables",
                where=flag,
                mend=f"take {flag.replace('area', 'luts')}{'' if ' ' in flag else ' N'}, or a "
                "target with `fabric: asic` for um2 of standard cells",
            )
    if "luts" in asked.values():
        check_luts(target.name, target.fabric, figures_of(multipliers))
