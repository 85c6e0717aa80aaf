"""What a dataset looks like on disk: names, codecs, shards, manifests, descriptions."""
