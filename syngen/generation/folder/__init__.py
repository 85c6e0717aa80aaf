"""The folder of a dataset while it is made: what belongs to it, what stays, how it grows."""
