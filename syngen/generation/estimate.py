"""What a plan will take, before a byte is written: a few observations, rendered in memory."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass

from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer
from syngen.storage.shards import END

__all__ = ["Estimate", "Sample", "estimate_plan", "sample"]

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


@dataclass(frozen=True)
class Sample:
    """What a few observations took.

    Attributes
    ----------
    n_rows, n_bytes : int
        Observations, and what they fill of a shard.
    n_samples : int
        Samples of audio.
    cpu_s : float
        CPU time of rendering and encoding them.
    """

    n_rows: int
    n_bytes: int
    n_samples: int
    cpu_s: float


def sample(plan: Plan, n_rows: int) -> Sample:
    """Render and encode in memory the first observations of a plan, at most so many."""
    first = plan.shards[0]
    n_rows = min(n_rows, first.n_rows)
    indices = plan.resolved.rows.indices(first.split, first.start, first.start + n_rows)
    worker = ShardRenderer(plan)
    buffer = io.BytesIO()
    started = time.process_time()
    n_samples = worker.write_sample(buffer, first, indices)
    cpu_s = time.process_time() - started
    return Sample(n_rows, buffer.tell() - len(END), n_samples, cpu_s)


def estimate_plan(plan: Plan) -> Estimate:
    """Render and encode some observations in memory, and multiply."""
    resolved = plan.resolved
    found = sample(plan, _N_MEASURED)
    scale = resolved.size / found.n_rows
    return Estimate(
        observations=resolved.size,
        shards=len(plan.shards),
        hours=found.n_samples * scale / resolved.audio.sample_rate / 3600.0,
        bytes=round(found.n_bytes * scale) + len(END) * len(plan.shards),
        cpu_s=found.cpu_s * scale,
        splits=resolved.rows.split_sizes,
    )
