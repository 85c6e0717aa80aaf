"""The command line: a thin translation of the library."""
