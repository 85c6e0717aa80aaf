"""Spectra and pictures, for whoever shows or measures sound: one room for all of them."""
