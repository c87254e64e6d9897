"""What the benchmark of sensitivities is made of: networks, fidelity and cost."""
