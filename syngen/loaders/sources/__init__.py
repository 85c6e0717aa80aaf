"""Where the observations of a dataset come from: shards, a synthesizer, files, an object store."""
