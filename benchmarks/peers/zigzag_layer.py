"""Runs ZigZag on matrix products. Started by the Python of ZigZag's own environment.

Reads a JSON list of {"m", "n", "k", "rows", "cols", "dataflow", "buffers_kb", "sram_pj_per_byte",
"dram_bytes_per_cycle", "dram_pj_per_byte"} from stdin: m output positions, n filters, k products
per output, buffers of activations, weights, results. Writes one JSON line for each to stdout: what
ZigZag tells of its mapping of least energy.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

import yaml
from zigzag.api import get_hardware_performance_zigzag
from zigzag.datatypes import LayerOperand
from zigzag.mapping.data_movement import DataDirection, DataMoveAttr

SUM_BITS = 32
ATTRIBUTES = (
    DataMoveAttr.DATA_TRANS_AMOUNT_PER_PERIOD,
    DataMoveAttr.DATA_PRECISION,
    DataMoveAttr.DATA_TRANS_PERIOD_COUNT,
)
OPERANDS = {"ifmap": "I", "filter": "W", "ofmap": "O"}


def port(number: int, kind: str, bits: int, *allocation: str) -> dict:
    """A port that moves from one byte to so many bits in a cycle."""
    return {
        "name": f"{'rw' if kind == 'read_write' else kind[0]}_port_{number}",
        "type": kind,
        "bandwidth_min": 8,
        "bandwidth_max": bits,
        "allocation": list(allocation),
    }


def memory(size: int, pj_per_byte: float, operands: str, ports: list, served: list) -> dict:
    """A memory; its energy is told for whole words of its first port that reads or writes."""
    price = {}
    for kind in ("read", "write"):
        bits = next(one["bandwidth_max"] for one in ports if kind in one["type"])
        price[f"{kind[0]}_cost"] = pj_per_byte * bits / 8
    return {
        "size": size,
        **price,
        "area": 0.0,
        "latency": 1,
        "operands": operands.split(),
        "ports": ports,
        "served_dimensions": served,
    }


def sums_ports(bits: int) -> list:
    """Ports of a memory of results, each way its own."""
    ways = (("read", "tl"), ("read", "th"), ("write", "fh"), ("write", "fl"))
    return [port(i, kind, bits, f"O, {way}") for i, (kind, way) in enumerate(ways, 1)]


def operand_ports(bits: int, filled: int, operand: str) -> list:
    """Ports of a memory of operands: out to the array, in from DRAM."""
    return [port(1, "read", bits, f"{operand}, tl"), port(2, "write", filled, f"{operand}, fh")]


def accelerator(case: dict) -> dict:
    """The array: registers for what stays in it, a buffer for each operand, DRAM."""
    rows, cols = case["rows"], case["cols"]
    every, wide = ["D1", "D2"], 8 * case["dram_bytes_per_cycle"]
    activations, weights, results = (1024 * 8 * size for size in case["buffers_kb"])
    pj = case["sram_pj_per_byte"]
    if case["dataflow"] == "output-stationary":
        stays = memory(SUM_BITS, 0.0, "O", sums_ports(SUM_BITS), [])
        reads, sums = (8 * rows, 8 * cols), SUM_BITS * rows * cols
    else:
        stays = memory(8, 0.0, "I2", operand_ports(8, 8, "I2"), [])
        reads, sums = (8 * rows, 8 * rows * cols), SUM_BITS * cols
    inputs, filters = operand_ports(reads[0], wide, "I1"), operand_ports(reads[1], wide, "I2")
    dram = [port(1, "read_write", wide, "I1, tl", "I2, tl", "O, tl", "O, fl")]
    return {
        "name": "array",
        "operational_array": {
            "unit_energy": 0.0,
            "unit_area": 1.0,
            "dimensions": every,
            "sizes": [rows, cols],
        },
        # From the array outwards: ZigZag goes by the order.
        "memories": {
            "in_array": stays,
            "ifmap": memory(activations, pj[0], "I1", inputs, every),
            "filter": memory(weights, pj[1], "I2", filters, every),
            "ofmap": memory(results, pj[2], "O", sums_ports(sums), every),
            "dram": memory(1 << 40, case["dram_pj_per_byte"], "I1 I2 O", dram, every),
        },
    }


def workload(case: dict) -> list:
    """The product as a fully connected layer: B positions, K filters, C products."""
    return [
        {
            "id": 0,
            "name": "product",
            "operator_type": "Gemm",
            "equation": "O[b][k]+=I[b][c]*W[c][k]",
            "loop_dims": ["B", "C", "K"],
            "loop_sizes": [case["m"], case["k"], case["n"]],
            "operand_precision": {"O": SUM_BITS, "O_final": 8, "W": 8, "I": 8},
            "operand_source": {"I": 0, "W": 0},
        }
    ]


def mapping(case: dict) -> list:
    """What lies on rows and columns; the loop over what moves is the innermost."""
    if case["dataflow"] == "output-stationary":
        on_rows, inner, size = "B", "C", "k"
    else:
        on_rows, inner, size = "C", "B", "m"
    return [
        {
            "name": "default",
            "spatial_mapping": {"D1": [f"{on_rows}, {case['rows']}"], "D2": [f"K, {case['cols']}"]},
            # A loop of one step is none.
            "temporal_ordering": [[inner, "*"]] if case[size] > 1 else [],
            "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
        }
    ]


def evaluate(case: dict) -> dict:
    """ZigZag's answer for one layer."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, make in (("workload", workload), ("array", accelerator), ("mapping", mapping)):
            files.append(str(Path(folder) / f"{name}.yaml"))
            Path(files[-1]).write_text(yaml.safe_dump(make(case), sort_keys=False))
        _, _, found = get_hardware_performance_zigzag(
            *files, opt="energy", dump_folder=folder, loma_show_progress_bar=False
        )
    told = found[0][1][0][0]
    return {
        "cycles": int(told.ideal_temporal_cycle),
        "latency": int(told.latency_total2),
        "utilization": float(told.mac_spatial_utilization),
        **_accesses(told),
    }


def _accesses(told) -> dict:  # noqa: ANN001 - ZigZag is not here to be imported
    """Bytes and picojoules at the buffers and at the DRAM."""
    result = {}
    for name, letter in OPERANDS.items():
        operand = LayerOperand(letter)
        for level, at in (("sram", -2), ("dram", -1)):
            place = len(told.mem_energy_breakdown[operand]) + at
            result[f"{name}_{level}_bytes"] = _moved_bytes(told, operand, place)
            energy = told.mem_energy_breakdown[operand][place]
            result[f"{level}_pj"] = result.get(f"{level}_pj", 0.0) + float(energy)
    return result


def _moved_bytes(told, operand: LayerOperand, place: int) -> float:  # noqa: ANN001 - likewise
    """What a memory reads and writes, in bytes; ZigZag's own counts are of whole words."""
    moved = told.mapping.unit_mem_data_movement[operand][place]
    amount, bits, periods = (moved.get_attribute(kind) for kind in ATTRIBUTES)
    units = told.mapping.spatial_mapping.unit_count[operand][place + 1]
    ways = (amount.get(way) * bits.get(way) * periods.get(way) for way in DataDirection)
    return float(sum(ways) * units / 8)


def main() -> None:
    """Answers line by line, so that a long run can be followed."""
    for case in json.load(sys.stdin):
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            told = evaluate(case)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main()
