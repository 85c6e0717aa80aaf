"""Datasets as researchers use them: by row, by value, by factor; stored or rendered."""
