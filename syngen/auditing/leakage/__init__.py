"""Audits of what should know nothing of the factors: silence, and what is drawn."""
