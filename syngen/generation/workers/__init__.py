"""Who makes shards: processes, executors, clusters, members of job arrays; and the scheduler over them."""
