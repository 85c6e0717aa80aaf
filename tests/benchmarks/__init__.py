"""Measurements and figures, run by hand: ``python -m tests.benchmarks.NAME``."""
