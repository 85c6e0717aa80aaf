"""What a dataset holds: counts of levels and of pairs of levels, dependence, loudness, lengths, pitch."""
