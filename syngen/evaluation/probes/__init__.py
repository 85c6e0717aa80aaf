"""Linear probes on groups that they have not seen."""
