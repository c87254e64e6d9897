"""Passes of other toolchains that run ours; the core imports none of them."""
