"""Releases: finding them, downloading them safely, and making them again where every link is dead."""
