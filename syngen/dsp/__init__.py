"""Pure functions of arrays that the synthesizers are made of."""
