"""Measures the bridge against references in the same run: `scripts/bench`."""
