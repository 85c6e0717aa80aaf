"""Datasets in the formats of other tools: one module for each, all of the same shape."""
