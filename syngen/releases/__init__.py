"""Releases: built, checked and compared; found, downloaded safely, and made again where links are dead."""
