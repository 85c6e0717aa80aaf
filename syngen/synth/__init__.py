"""Synthesizers: values in, waveforms out; and the join of a recipe with its synthesizer."""
