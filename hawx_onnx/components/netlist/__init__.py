"""Combinational netlists: gate networks, their simulation, and where they come from."""

from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.simulation import multiplication_table, simulate

__all__ = ["Gate", "GateNetwork", "Output", "Port", "multiplication_table", "simulate"]
