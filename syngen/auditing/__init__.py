"""Audits: whether factors can be heard, and how well datasets let them be recovered."""
