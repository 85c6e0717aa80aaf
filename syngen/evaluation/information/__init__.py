"""Mutual information between codes and factors, and what it is counted on."""
