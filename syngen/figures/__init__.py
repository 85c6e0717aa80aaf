"""Spectra, mel bands and tables, for whoever shows or measures sound: one room for all of them."""
