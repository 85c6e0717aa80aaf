"""Whether a dataset is what it says: every byte proven, every damage named, and what can be is repaired."""
