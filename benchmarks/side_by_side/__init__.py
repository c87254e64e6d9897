"""What the benchmarks of kernels and networks share: operators side by side, taking turns."""
