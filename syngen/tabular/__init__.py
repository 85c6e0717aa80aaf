"""Tables of anybody's: files and frames of any kind as Arrow columns, and columns as plain values."""
