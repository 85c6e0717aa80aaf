"""From a recipe to a dataset on disk: plan, workers, resume, verification."""
