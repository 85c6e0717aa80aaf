"""What factors and settings declare, against what is heard: ``python -m tests.benchmarks.declared``."""
