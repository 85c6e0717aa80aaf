"""Where a dataset is made: in a folder, or below the URL of an object store."""
