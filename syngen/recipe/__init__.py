"""Recipes: their schema, how their text is read, and those that are shipped. Data only."""
