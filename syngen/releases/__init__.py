"""Releases: the documents with which a dataset is published, their check, and what differs in two."""
