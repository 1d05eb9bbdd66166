"""Bottlenecks: what happens to the code, and what it costs; one file each."""
