"""Linear probes: what of the factors a linear model reads off codes, on groups that it has not seen.

The protocol: codes are standardised by the rows of train only; a logistic regression is fitted whose C is
chosen by cross-validation inside train (above 100 classes a ridge classifier, for continuous factors a
ridge regression); five folds are split by groups, so that what is tested is a combination that was not
learned: a speaker saying other texts, a style of other speakers, the gender of other speakers. Beside the
score stand chance and the score of the same probe on shuffled labels.

References
----------
Brima et al.: "Learning Disentangled Speech Representations" (arXiv 2311.03389), whose framework for
SynSpeech is linear probing and disentanglement metrics.
J. Hewitt, P. Liang: "Designing and Interpreting Probes with Control Tasks", EMNLP 2019, on the control.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded
from syngen._values import check_whole
from syngen.errors import FactorError, ParameterError, suggestion
from syngen.evaluation.codes.arrays import array_of, check_distinct_columns
from syngen.evaluation.codes.codes import Codes
from syngen.evaluation.codes.frames import ALIGNED, aligned_rows
from syngen.evaluation.codes.joining import Joined, ManifestRows, join
from syngen.evaluation.codes.matrix import code_matrix
from syngen.evaluation.probes.folds import group_folds, is_constant_within
from syngen.evaluation.probes.models import MODELS, fit_target, model_for
from syngen.evaluation.probes.report import ProbeReport, ProbeResult
from syngen.evaluation.probes.targets import Columns, Target, group_numbers, read_target
from syngen.evaluation.probes.trials import IdentityVerificationResult, verify_unseen

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from syngen._typing import DatasetView, FloatArray, IntArray

__all__ = ["MODELS", "probe"]

_INNER_FOLDS = 3
_TINY = 1e-12
_LARGE = 1e100


def probe(
    codes: Codes | ArrayLike,
    manifest: pd.DataFrame | DatasetView,
    *,
    target: str | Sequence[str] = "all",
    group_by: str | Sequence[str] | None = None,
    identities: str | Sequence[str] | None = None,
    model: str = "logistic",
    folds: int = 5,
    seed: int = 0,
    common: bool = False,
) -> ProbeReport:
    """Probe codes for factors, by default for all.

    Parameters
    ----------
    codes : Codes or array_like, shape (n, d)
        What an encoder made of the rows.
    manifest : DataFrame or DatasetView
        The manifest of the rows, as ``ds.manifest``, or the dataset itself. `Codes` are joined with it by
        what identifies an observation; arrays are in its order.
    target : str or sequence of str
        Factors, derived factors or any other columns; ``"all"``: every factor and derived factor.
    group_by : str or sequence of str, optional
        Columns whose combinations are kept together, so that those tested are unseen. By default: text for
        speaker, speaker for text and style, its own factor for a derived one (speaker for gender), and for
        any other the other factor with the most levels. ``"index"`` splits at random. With ``"all"``, a
        target that is in `group_by`, or that derives from a factor, keeps its default.
    identities : str or sequence of str, optional
        Targets that name speakers, singers, instruments: whether two rows are of one that is not in train
        is measured too, as equal error rate. By default speaker, and every factor that is nominal and has
        two levels or more for each fold.
    model : {"logistic", "ridge"}
        For classes; above 100 classes it is always ridge. Numbers are always predicted by ridge regression.
    folds : int
        At least 2, at most the number of groups.
    seed : int
        Of the folds and of the shuffled labels.
    common : bool
        Whether observations that `Codes` do not have are left out.

    Returns
    -------
    ProbeReport
        A mapping from target to result, with ``.frame``, ``.to_json()`` and ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If codes and manifest do not belong together, or observations have no codes; if codes are not
        finite, there are fewer groups than folds, or an option is unknown.
    FactorError
        If there is no such column, or it has one value only.

    Notes
    -----
    The kind of a factor is what the manifest says; in one that does not say (read without syngen), numbers
    that are not all whole are continuous. Of continuous factors the levels are predicted: equal steps on
    the recipe's own scale. A column that is no factor is predicted if it holds numbers with more than ten
    different values. The inner folds are three, by the same groups.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> report = probe(ds.levels, ds.manifest, target="frequency")
    >>> round(report.r2, 3), report["frequency"].group_by
    (1.0, ('amplitude',))
    """
    if model not in MODELS:
        raise ParameterError(f"model {model!r}{suggestion(model, MODELS)}; there are {', '.join(MODELS)}")
    folds, seed = check_whole("folds", folds, 2), check_whole("seed", seed, 0)
    targets = _names("target", target)
    notes: tuple[str, ...] = ()
    if not isinstance(codes, Codes) or codes.identities is None:
        manifest, was_moved = aligned_rows(codes, manifest, names=("codes", "manifest"))
        notes = (ALIGNED,) if was_moved else ()
    joined = _joined(codes, manifest, common=common)
    frame, values = joined.observations.manifest, _within_reach(code_matrix(joined.values)[0])
    columns = Columns.of(frame)
    asked = None if group_by is None else _names("group_by", group_by)
    named = None if identities is None else _names("identities", identities)
    is_all = targets == ("all",) and "all" not in frame.columns
    for name in named or ():
        if name not in (columns.names if is_all else targets):
            raise FactorError(f"identities has {name!r}, which is not probed; add it to target")
    probing = _Probing(values, frame, columns, model, folds, seed, named)
    report = ProbeReport(
        results=(),
        n_rows=values.shape[0],
        n_codes=values.shape[1],
        n_folds=folds,
        seed=seed,
        encoder=codes.encoder if isinstance(codes, Codes) else "",
        fingerprint=_fingerprint(codes, frame),
        n_left_out=joined.n_left_out,
        notes=(*notes, joined.note) if joined.note else notes,
    )
    if not is_all:
        return replace(report, results=tuple(probing.result(name, asked) for name in targets))
    results, skipped = [], {}
    for name in columns.names:
        groups = None if name in columns.derived or name in (asked or ()) else asked
        try:
            results.append(probing.result(name, groups))
        except (FactorError, _TooFewGroupsError) as error:
            skipped[name] = str(error)
    if not results:
        reasons = "; ".join(skipped.values()) or "the manifest has no factors (columns with _level)"
        raise ParameterError(f"no target can be probed: {reasons}")
    return replace(report, results=tuple(results), skipped=skipped)


def _names(what: str, given: object) -> tuple[str, ...]:
    """Return one name or several, each once."""
    if not isinstance(given, Iterable):
        raise ParameterError(f"{what} is {given!r}; the name of a column is needed, or several")
    names = (given,) if isinstance(given, str) else tuple(given)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ParameterError(f"{what} names {wrong[0]!r}; the name of a column is needed")
    if not names:
        raise ParameterError(f"{what} names no column; leave it out for the default")
    return tuple(dict.fromkeys(names))


def _within_reach(values: FloatArray) -> FloatArray:
    """Scale columns whose squares would overflow; probes standardise codes anyway."""
    found: FloatArray = values / np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0) / _LARGE)
    return found


class _TooFewGroupsError(ParameterError):
    """A target that these groups do not allow."""


def _fingerprint(codes: object, manifest: pd.DataFrame) -> str:
    return str(getattr(codes, "fingerprint", "") or manifest.attrs.get("fingerprint", ""))


def _joined(
    codes: Codes | ArrayLike, manifest: pd.DataFrame | DatasetView, *, common: bool
) -> Joined[ManifestRows | DatasetView]:
    """Return codes and the observations that they are of."""
    import pandas as pd

    if isinstance(manifest, pd.DataFrame):
        check_distinct_columns("the manifest", manifest.columns)
        names = [str(name) for name in manifest.columns]
        named = manifest if names == list(manifest.columns) else manifest.set_axis(names, axis=1)
        observations: ManifestRows | DatasetView = ManifestRows(named)
    elif hasattr(manifest, "identities"):
        observations = manifest
    else:
        raise ParameterError(
            f"the manifest is a {type(manifest).__name__}; give a DataFrame, as ds.manifest, or the dataset"
        )
    joined = join(codes, observations, common=common)
    n = len(np.atleast_1d(array_of("codes", joined.values)))
    if n != len(joined.observations):
        raise ParameterError(
            f"{n} rows of codes and {len(observations)} of the manifest; one per observation is needed, in "
            "the same order: select the manifest's rows first"
        )
    return joined


@dataclass(frozen=True)
class _Scores:
    """What the folds gave."""

    by_fold: list[float]
    balanced: list[float]
    recall: dict[str, float]
    strengths: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.by_fold))

    @property
    def sd(self) -> float:
        return float(np.std(self.by_fold))


@dataclass(frozen=True)
class _Probing:
    """Codes and the manifest of their rows, and how they are probed."""

    values: FloatArray
    manifest: pd.DataFrame
    columns: Columns
    model: str
    n_folds: int
    seed: int
    identities: tuple[str, ...] | None = None

    def result(self, name: str, group_by: Sequence[str] | None) -> ProbeResult:
        """Probe one target."""
        target = read_target(self.manifest, self.columns, name)
        is_default = group_by is None
        if group_by is None:
            default = self.columns.default_group(name)
            group_by = () if default is None else (default,)
        if group_by or not is_default:
            groups, n_groups = group_numbers(self.manifest, self.columns, group_by)
        else:  # the only factor has nothing to be grouped by
            groups, n_groups = np.arange(len(self.values)), len(self.values)
        self._check_groups(target, group_by, groups, n_groups)
        rng = np.random.default_rng([self.seed, 0])
        labels = None if target.is_continuous else target.labels
        folds = group_folds(groups, self.n_folds, rng, labels=labels)
        shuffled = _shuffled(target, np.random.default_rng([self.seed, 1]))
        with single_threaded():
            scores = self._scores(target, groups, folds)
            control = self._scores(shuffled, groups, folds)
            verification = self._verification(target)
        is_number = target.is_continuous
        counts = np.bincount(target.labels)
        chance = None if is_number else float(counts.max() / counts.sum())
        accuracy = None if is_number else scores.mean
        return ProbeResult(
            target=name,
            group_by=tuple(group_by),
            model=model_for(target, self.model),
            n_levels=target.n_levels,
            n_groups=n_groups,
            accuracy=accuracy,
            accuracy_sd=None if is_number else scores.sd,
            balanced_accuracy=None if is_number else float(np.mean(scores.balanced)),
            balanced_accuracy_sd=None if is_number else float(np.std(scores.balanced)),
            chance=chance,
            chance_uniform=None if is_number else 1.0 / target.n_levels,
            normalized=None if accuracy is None or chance is None else (accuracy - chance) / (1.0 - chance),
            r2=scores.mean if is_number else None,
            r2_sd=scores.sd if is_number else None,
            control=control.mean,
            control_sd=control.sd,
            recall=scores.recall,
            folds=tuple(scores.by_fold),
            strengths=tuple(scores.strengths),
            verification=verification,
            notes=tuple(self._notes(target, group_by, groups, folds, verification)),
        )

    def _check_groups(
        self, target: Target, group_by: Sequence[str], groups: IntArray, n_groups: int
    ) -> None:
        by = " x ".join(group_by) or "row"
        if n_groups < self.n_folds:
            remedy = f"take folds={n_groups} or fewer, or" if n_groups > 1 else "take more rows, or"
            raise _TooFewGroupsError(
                f"target {target.name!r} is tested on unseen values of {by}, of which these rows have "
                f"{n_groups}; {self.n_folds} folds need as many: {remedy} another group_by"
            )
        if not target.is_continuous and is_constant_within(groups, target.labels):
            raise _TooFewGroupsError(
                f"target {target.name!r} in groups of {by}: each class is in one group only, so none could "
                "be both learned and tested; take another group_by"
            )

    def _notes(
        self,
        target: Target,
        group_by: Sequence[str],
        groups: IntArray,
        folds: IntArray,
        verification: IdentityVerificationResult | None,
    ) -> list[str]:
        found = []
        if verification is None and target.name in (self.identities or ()):
            found.append("no equal error rate: no two rows of one have different contents")
        source = self.columns.derived.get(target.name)
        if source is not None:
            sources, _ = group_numbers(self.manifest, self.columns, (source,))
            if not is_constant_within(folds, sources):
                found.append(
                    f"rows of one {source} are in train and in test, so that recognising {source}s is "
                    f"enough; group_by={source!r} asks for {target.name} itself"
                )
        if not target.is_continuous:
            pairs = np.unique(np.stack([target.labels, folds]), axis=1)
            n_folds_of_class = np.bincount(pairs[0], minlength=target.n_levels)
            n_alone = int(np.sum(n_folds_of_class == 1))
            if n_alone:
                found.append(
                    f"{n_alone} of {target.n_levels} classes are in one fold only; they are not in train "
                    "when they are tested, and always missed"
                )
        if len(np.unique(groups)) < 2 * self.n_folds and not target.is_continuous:
            by = " x ".join(group_by) or "row"
            found.append(f"only {len(np.unique(groups))} groups of {by}: the spread over folds is large")
        return found

    def _scores(self, target: Target, groups: IntArray, folds: IntArray) -> _Scores:
        by_fold, balanced, strengths = [], [], []
        hits, totals = np.zeros(target.n_levels), np.zeros(target.n_levels)
        for fold in range(self.n_folds):
            train, test = folds != fold, folds == fold
            centre, scale = self.values[train].mean(axis=0), self.values[train].std(axis=0)
            # a constant code is rounding noise at best, and is not blown up
            used = scale > _TINY * np.maximum(np.abs(centre), _TINY)
            x = (self.values[:, used] - centre[used]) / scale[used]
            inner_rng = np.random.default_rng([self.seed, 2, fold])
            labels = None if target.is_continuous else target.labels[train]
            n_inner = min(_INNER_FOLDS, len(np.unique(groups[train])))
            inner = group_folds(groups[train], n_inner, inner_rng, labels=labels)
            fitted = fit_target(target, x[train], train, inner, model=self.model)
            strengths.append(fitted.strength)
            scores = fitted.scores(x[test])
            if target.numbers is not None:
                by_fold.append(_r2(scores[:, 0], target.numbers[test]))
                continue
            truth = target.labels[test]
            found = np.argmax(scores, axis=1) == truth
            fold_totals = np.bincount(truth, minlength=target.n_levels)
            fold_hits = np.bincount(truth[found], minlength=target.n_levels)
            hits, totals = hits + fold_hits, totals + fold_totals
            present = fold_totals > 0
            by_fold.append(float(found.mean()))
            balanced.append(float(np.mean(fold_hits[present] / fold_totals[present])))
        rates = (hits / np.maximum(totals, 1)).tolist()
        recall = dict(zip(target.classes, rates, strict=True)) if target.classes else {}
        return _Scores(by_fold, balanced, recall, strengths)

    def _verification(self, target: Target) -> IdentityVerificationResult | None:
        """Return equal error rates for unseen levels, if the target names identities."""
        has_enough = target.n_levels >= 2 * self.n_folds and not target.is_continuous
        if self.identities is None:
            is_identity = target.name == "speaker" or self.columns.kinds.get(target.name) == "nominal"
            if not is_identity or not has_enough:
                return None
        elif target.name not in self.identities:
            return None
        elif not has_enough:
            levels = "numbers" if target.is_continuous else f"{target.n_levels} levels"
            raise ParameterError(
                f"identities has {target.name!r}, which has {levels}; pairs of unseen ones need classes, "
                f"{2 * self.n_folds} with {self.n_folds} folds"
            )
        rng = np.random.default_rng([self.seed, 3])
        folds = group_folds(target.labels, self.n_folds, rng)
        default = self.columns.default_group(target.name)
        if default is None:
            contents = np.arange(len(folds))
        else:
            contents, _ = group_numbers(self.manifest, self.columns, (default,))
        return verify_unseen(self.values, target.labels, contents, folds, rng)


def _shuffled(target: Target, rng: np.random.Generator) -> Target:
    order = rng.permutation(len(target.labels))
    numbers = None if target.numbers is None else target.numbers[order]
    return replace(target, labels=target.labels[order], numbers=numbers)


def _r2(found: FloatArray, truth: FloatArray) -> float:
    spread = float(np.sum((truth - truth.mean()) ** 2))
    error = float(np.sum((found - truth) ** 2))
    if spread <= _TINY:
        return 1.0 if error <= _TINY else 0.0
    return 1.0 - error / spread
