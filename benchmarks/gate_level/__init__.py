"""What the benchmark of hardware costs needs: designs mapped to gates, simulated and priced."""
