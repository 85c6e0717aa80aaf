"""The audit of a recipe of tones: whether every factor can be heard, everywhere on the grid."""
