"""Encoders, and running one over a dataset."""
