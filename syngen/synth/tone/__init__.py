"""Tones: timbre, amplitude, frequency and what else a tone can have."""
