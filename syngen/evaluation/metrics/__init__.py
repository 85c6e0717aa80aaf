"""Metrics of disentanglement, one module a family, and what they share."""
