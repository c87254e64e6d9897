"""Area, delay and energy of all built-in multipliers, by two yosys: native and WebAssembly.

Releases of yosys order nets differently, which must not show in the figures. Prints the largest
relative difference of each; ends with status 1 where one exceeds 2 %.

    python benchmarks/yosys_agreement.py [--quick] [--liberty FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from hawx_onnx import components
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.components.synthesis import cell_library, characterize
from hawx_onnx.errors import LibraryError

FIELDS = ("area_um2", "delay_ns", "energy_fj", "leakage_nw")
LIMIT = 0.02


def main() -> int:
    """Compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="every twelfth multiplier")
    parser.add_argument("--liberty", metavar="FILE", help="cells of a technology")
    args = parser.parse_args()
    library = cell_library(args.liberty)
    try:
        both = find_yosys(), find_yosys("yowasp")
    except LibraryError as error:
        print(f"left out: {error}")
        return 0
    if both[0].version == both[1].version:
        print("left out: there is no native yosys")
        return 0
    names = components.names()[:: 12 if args.quick else 1]
    worst = dict.fromkeys(FIELDS, (0.0, ""))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        native, package = (
            list(
                pool.map(
                    lambda name, yosys=yosys: (
                        characterize(components.builtin_network(name), library, yosys=yosys).cost
                    ),
                    names,
                )
            )
            for yosys in both
        )
    for name, one, other in zip(names, native, package, strict=True):
        for field in FIELDS:
            ours, theirs = getattr(one, field), getattr(other, field)
            worst[field] = max(worst[field], (abs(theirs / ours - 1), name))
    print(f"{len(names)} multipliers, {library.name}: {both[0].version} and {both[1].version}")
    for field, (difference, name) in worst.items():
        print(f"{field:12} differs by at most {100 * difference:.3f} % {name and f'({name})'}")
    return int(any(difference > LIMIT for difference, _ in worst.values()))


if __name__ == "__main__":
    sys.exit(main())
