"""What a plan will take, before a byte is written: a few observations, rendered in memory."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass

from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer
from syngen.storage.shards import END

__all__ = ["Estimate", "estimate_plan"]

_N_MEASURED = 200


@dataclass(frozen=True)
class Estimate:
    """What a plan will take.

    Attributes
    ----------
    observations, shards : int
    hours : float
        Of audio.
    bytes : int
        Of the shards, measured on a few observations.
    cpu_s : float
        CPU time of rendering and encoding everything, from the same measurement.
    splits : dict of str to int
    """

    observations: int
    shards: int
    hours: float
    bytes: int
    cpu_s: float
    splits: dict[str, int]


def estimate_plan(plan: Plan) -> Estimate:
    """Render and encode some observations in memory, and multiply."""
    resolved = plan.resolved
    first = plan.shards[0]
    indices = plan.indices(first)[:_N_MEASURED]
    worker = ShardRenderer(plan)
    buffer = io.BytesIO()
    started = time.process_time()
    n_samples = worker.write_sample(buffer, first, indices)
    cpu_s = time.process_time() - started
    scale = resolved.size / len(indices)
    n_bytes = buffer.tell() - len(END)
    return Estimate(
        observations=resolved.size,
        shards=len(plan.shards),
        hours=n_samples * scale / resolved.audio.sample_rate / 3600.0,
        bytes=round(n_bytes * scale) + len(END) * len(plan.shards),
        cpu_s=cpu_s * scale,
        splits=resolved.rows.split_sizes,
    )
