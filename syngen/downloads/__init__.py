"""Releases fetched: whole, in part, in another codec, or made again where every mirror is lost."""
