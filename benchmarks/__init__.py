"""Measures shoebox beside its peers: `python -m benchmarks`."""
