"""Tables: their columns, arrays and files."""
