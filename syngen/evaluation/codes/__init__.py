"""Codes as files and in memory, and which observation each row is of."""
