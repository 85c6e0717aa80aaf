"""syngen: synthetic audio datasets with known generative factors."""
