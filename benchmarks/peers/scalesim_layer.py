"""Runs SCALE-Sim on matrix products. Started by the Python of SCALE-Sim's own environment.

Reads a JSON list of {"m", "n", "k", "rows", "cols", "dataflow"} from stdin: m output positions, n
filters, k products per output. Writes one JSON line for each to stdout, with SCALE-Sim's compute
cycles without stalls, and how often its array reads and writes the SRAM (bytes of 8-bit words).
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from scalesim.layout_utils import layouts
from scalesim.scale_config import scale_config
from scalesim.single_layer_sim import single_layer_sim
from scalesim.topology_utils import topologies

BUFFER_KB = 1024


def simulate(case: dict) -> dict:
    """The whole simulation of one layer, as SCALE-Sim's reports tell it."""
    config = scale_config()
    offsets = [0, 10_000_000, 20_000_000]
    arch = [case["rows"], case["cols"], BUFFER_KB, BUFFER_KB, BUFFER_KB, *offsets]
    config.update_from_list(["layer", *arch, case["dataflow"], "CALC", [], "", ""])
    topology = topologies()
    # As its reader of matrix products does: rows of the input are images of one line.
    shape = [case["m"], case["k"], 1, case["k"], 1, case["n"], 1, 1, 1, 1]
    topology.append_topo_arrays("layer", ["layer", *shape])
    topology.num_layers, topology.topo_load_flag = 1, True
    layer = single_layer_sim()
    layer.set_params(0, config, topology, layouts(), verbose=False)
    layer.run()
    layer.calc_report_data()
    _, cycles, stalls, *_ = layer.get_compute_report_items()
    return {
        "cycles": cycles - stalls,
        "ifmap_reads": layer.ifmap_sram_reads,
        "filter_reads": layer.filter_sram_reads,
        "ofmap_writes": layer.ofmap_sram_writes,
    }


def main() -> None:
    """Answers line by line, so that a long run can be followed."""
    for case in json.load(sys.stdin):
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            told = simulate(case)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
