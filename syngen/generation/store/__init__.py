"""Generation below the URL of an object store."""
