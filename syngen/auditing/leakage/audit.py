"""The audit of leakage: what should know nothing of the factors is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded
from syngen.auditing.leakage.observations import Heard, Known, Pool, hear, known_of
from syngen.auditing.leakage.probing import basis_of, probe_classes
from syngen.auditing.leakage.report import LeakageAudit, LeakageTest, Revealed
from syngen.auditing.leakage.silence import Silence, gather
from syngen.auditing.leakage.variables import Target, stated_groups, targets_of, ties
from syngen.errors import ParameterError
from syngen.evaluation.significance import holm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen._typing import DatasetView, FloatArray, IntArray, Progress

__all__ = ["MIN_OBSERVATIONS", "MOST_LOOKED_AT", "audit_observations"]

MIN_OBSERVATIONS = 2_000
"""Fewer cannot tell .03 above chance from luck: with as many, two standard errors are .02 or less."""
MOST_LOOKED_AT = 3
"""Where silence of some kind is short, as many times the observations asked for are looked at."""
_MIN_SHARE = 10
_SPARE = 1.1


@dataclass(frozen=True, eq=False)
class _Question:
    """Something that should know nothing, and a factor that it is asked for."""

    source: str
    target: Target
    features: FloatArray
    rows: IntArray
    groups: IntArray


@single_threaded()
def audit_observations(
    draws: Sequence[DatasetView],
    *,
    n: int,
    seed: int,
    progress: Progress | None = None,
    min_observations: int = MIN_OBSERVATIONS,
) -> LeakageAudit:
    """Ask silence, nuisances and independent factors for the factors.

    Parameters
    ----------
    draws : sequence of DatasetView
        A dataset, and more of the same grid if it has too few observations: its recipe with other seeds.
    n : int
        Observations to probe. Where a third of them or more have some kind of silence, more are looked at
        until so many have it.
    seed : int
        Of the choice of observations, and of the folds.
    progress : callable, optional
        Called with a `ProgressUpdate` about observations.
    min_observations : int
        Fewest observations.

    Raises
    ------
    ParameterError
        If fewer observations are asked for, or are there.
    """
    if n < min_observations:
        raise ParameterError(
            f"n is {n:,}; at least {min_observations:,} observations are needed to tell a leak from luck"
        )
    rng = np.random.default_rng(seed)
    pool = Pool(draws, MOST_LOOKED_AT * n, rng)
    if len(pool) < min_observations:
        hint = ". Audit the recipe that it was made of: what lacks is drawn with other seeds"
        raise ParameterError(
            f"{draws[0].name} has {len(pool):,} observations; at least {min_observations:,} are needed to "
            f"tell a leak from luck{'' if draws[0].recipe is None else hint}"
        )
    heard = Heard()
    hear(heard, pool, n, progress)
    hear(heard, pool, _enough(heard, n), progress)
    known = known_of(heard, pool)
    targets = targets_of(draws[0], known.levels)
    silences, too_little = _silences(heard, min_observations)
    stated = stated_groups((draws[0].recipe or {}).get("sampling") or {})
    of_pairs, why_not = _pair_questions(draws[0], known, targets, stated, min_observations)
    questions = [
        *_silence_questions(draws[0], known, targets, silences),
        *_nuisance_questions(known, targets),
        *of_pairs,
    ]
    return LeakageAudit(
        dataset=draws[0].name,
        seed=seed,
        n_observations=len(heard),
        n_draws=len(np.unique(pool.draw[: len(heard)])),
        tests=_tests(questions, len(heard), rng),
        revealed=tuple(_revealed(heard, known, targets, silences, rng)),
        stated=tuple(
            f"{a.name} and {b.name}" for a, b in _factor_pairs(targets) if ties(stated, a.name, b.name)
        ),
        unprobed=(*too_little, *why_not),
    )


def _enough(heard: Heard, n: int) -> int:
    """Return how many observations to hear so that `n` have each kind of silence, where possible."""
    shares = [sum(len(own) > 0 for own in frames.values()) / len(heard) for frames in heard.frames.values()]
    totals = [_SPARE * n / share for share in shares if 0.0 < share < 1.0]
    return int(max([float(n), *(total for total in totals if total <= MOST_LOOKED_AT * n)]))


def _silences(heard: Heard, min_rows: int) -> tuple[list[Silence], list[str]]:
    """Return what is measured in each kind of silence, and a line for each of which there is too little."""
    if heard.no_silence:
        return [], [f"silence: {heard.no_silence}"]
    silences, too_little = [], []
    for name, frames in heard.frames.items():
        found = gather(name, frames, min_rows=min_rows // _MIN_SHARE)
        if found is None:
            n_some = sum(len(own) > 0 for own in frames.values())
            too_little.append(
                f"silence {name}: only {n_some:,} of {len(heard):,} observations have 8 ms of it"
            )
        else:
            silences.append(found)
    return silences, too_little


def _silence_questions(
    dataset: DatasetView, known: Known, targets: Sequence[Target], silences: Sequence[Silence]
) -> Iterator[_Question]:
    for silence in silences:
        for target in targets:
            # a leak must hold for texts that were not learned from; that of a text, for speakers
            unseen = "text" if target.factor != "text" else "speaker"
            is_known = dataset.is_spoken and unseen in dataset.grid.names
            groups = known.levels[:, dataset.grid.position(unseen)] if is_known else known.indices
            if len(np.unique(groups[silence.rows])) < 2:
                groups = np.arange(len(groups))
            yield _Question(
                f"silence {silence.name}", target, silence.features, silence.rows, groups[silence.rows]
            )


def _nuisance_questions(known: Known, targets: Sequence[Target]) -> Iterator[_Question]:
    rows = np.arange(len(known.indices))
    for name, values in known.nuisances.items():
        features = basis_of(values)
        for target in targets:
            yield _Question(name, target, features, rows, rows)


def _factor_pairs(targets: Sequence[Target]) -> Iterator[tuple[Target, Target]]:
    """Yield pairs of factors, that with more classes first."""
    for pair in combinations([target for target in targets if not target.is_derived], 2):
        few, many = sorted(pair, key=lambda target: target.n_classes)
        yield many, few


def _pair_questions(
    dataset: DatasetView,
    known: Known,
    targets: Sequence[Target],
    stated: Sequence[frozenset[str]],
    min_rows: int,
) -> tuple[list[_Question], list[str]]:
    """Return pairs of factors that the recipe lets vary independently, or a line that says why none."""
    rows = np.arange(known.n_first)  # other seeds may draw the same points again
    if dataset.recipe is None:
        return [], ["pairs of factors: no recipe says which of them are independent"]
    if dataset.selected_splits:
        return [], ["pairs of factors: a split may be one that holds combinations out"]
    if len(rows) < min_rows:
        return [], [f"pairs of factors: {len(rows):,} grid points, and {min_rows:,} are needed"]
    return [
        _Question(many.name, few, basis_of([str(label) for label in many.labels[rows]]), rows, rows)
        for many, few in _factor_pairs(targets)
        if not ties(list(stated), many.name, few.name)
    ], []


def _tests(
    questions: Sequence[_Question], n_observations: int, rng: np.random.Generator
) -> tuple[LeakageTest, ...]:
    asked = [(q, q.target.labels[q.rows]) for q in questions]
    asked = [(q, labels) for q, labels in asked if len(np.unique(labels)) > 1]
    scores = [probe_classes(q.features, labels, q.groups, rng) for q, labels in asked]
    corrected = holm([score.p for score in scores])
    return tuple(
        LeakageTest(
            source=q.source,
            factor=q.target.name,
            n_levels=len(np.unique(labels)),
            n_left_out=n_observations - score.n if q.source.startswith("silence") else 0,
            score=score,
            p_holm=p,
        )
        for (q, labels), score, p in zip(asked, scores, corrected, strict=True)
    )


def _revealed(
    heard: Heard,
    known: Known,
    targets: Sequence[Target],
    silences: Sequence[Silence],
    rng: np.random.Generator,
) -> Iterator[Revealed]:
    everything = np.arange(len(heard))
    measures: list[tuple[str, ArrayLike, IntArray]] = [
        ("length", heard.n_samples, everything),
        ("level", heard.level_db, everything),
        (f"file size ({known.file_kind})", known.file_size, everything),
        *((f"level {silence.name}", silence.level_db, silence.rows) for silence in silences),
    ]
    for target in targets:
        for measure, values, rows in measures:
            labels = target.labels[rows]
            if len(np.unique(np.asarray(values))) > 1 and len(np.unique(labels)) > 1:
                score = probe_classes(basis_of(values), labels, rows, rng)
                yield Revealed(measure, target.name, target.n_classes, score)
