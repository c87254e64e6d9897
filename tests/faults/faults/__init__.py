"""Faults in runs of ``optimize``: killed, interrupted, without space, beside clocks that jump."""
