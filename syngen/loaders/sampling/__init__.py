"""What is drawn from a dataset by factor: traversals, pairs, interventions."""
