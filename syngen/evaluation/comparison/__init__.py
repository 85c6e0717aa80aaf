"""Two encoders compared: on the same rows, or over training seeds."""
