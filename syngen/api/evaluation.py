"""Codes of a dataset, and how well its factors are told from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.api.datasets import load, opened
from syngen.errors import ParameterError, suggestion

if TYPE_CHECKING:
    from typing import Never

    import pandas as pd
    from numpy.typing import ArrayLike

    from syngen._typing import Progress
    from syngen.evaluation.codes.codes import Codes
    from syngen.evaluation.probes.report import ProbeReport
    from syngen.evaluation.scores import Scores
    from syngen.loaders.dataset import FactorDataset

__all__ = ["encode", "evaluate", "probe"]


def evaluate(
    codes: ArrayLike | Codes,
    factors: ArrayLike | FactorDataset,
    *,
    factor_names: Sequence[str] | None = None,
    factor_kinds: str | Sequence[str] | Mapping[str, str] | None = None,
    metrics: str | Iterable[str] = "core",
    n_bins: int = 20,
    binning: str | None = None,
    n_samples: int | None = 10_000,
    test_size: float = 0.2,
    active: str = "null",
    seed: int = 0,
    compat: str | None = None,
    intervals: bool = False,
    dci_model: str | None = None,
    n_resamples: int = 200,
    n_refits: int = 20,
    common: bool = False,
    **unknown: Never,
) -> Scores:
    """Score a representation against the factors that made the observations.

    Parameters
    ----------
    codes : array_like of float, shape (n, n_codes), DataFrame or Codes
        What an encoder made of each observation.
    factors : array_like, shape (n, n_factors), DataFrame or FactorDataset
        Levels or values of the same observations. Texts are nominal. Of a dataset the grid says names
        and kinds. `Codes` are joined with a dataset by what identifies an observation, whatever its row;
        arrays are in its order. Codes of a split, or of the first so many, go with the whole dataset: the
        others are left out, and the scores say so.
    factor_names : sequence of str, optional
    factor_kinds : str, sequence or mapping by name, optional
        ``nominal``, ``ordinal`` or ``continuous``: one for all, one for each column, or by name, as
        ``ds.grid.kinds``, which also names the columns of a plain array. By default texts, truth values,
        dates and categories are nominal, whole numbers and ordered categories ordinal, other numbers
        continuous; whole numbers that codes tell apart in another order are asked about in the warnings.
    metrics : str or iterable of str
        ``core`` (what to report: MIG, adjusted MIG, SAP, DCI with its chance, InfoMEC, and how many codes
        are active), ``model_free`` (what is fast), ``all``, or names of metrics and families (``gaps``,
        ``dci``, ``infomec``, ``votes``). With `compat`, ``core`` is what needs no model.
    n_bins : int
        Bins of a code, and of a continuous factor. Columns with few values keep them: with n / 20 at most,
        or with as many as bins or levels of a factor. Fewer bins than a factor's entropy needs are a
        warning.
    binning : {"quantile", "width"}, optional
        Bins of equal count, which neither monotone maps nor wild rows change, or of equal width. By default
        of equal count, with `compat` of equal width.
    n_samples : int or None
        Rows to use at most, drawn by `seed`; None uses all.
    test_size : float
        Share of the rows that models are scored on.
    active : {"null", "all"}
        Which codes count in means over codes: those that know more of a factor than the luckiest of all
        codes does in 95 % of 200 shuffles, or all that vary.
    seed : int
        Of every random choice.
    compat : {"disentanglement_lib", "ubisoft"}, optional
        Reproduce the numbers of a reference implementation, with its conventions and its faults. Test
        rows are then the last ones.
    intervals : bool
        Whether to give each score but counts a 95 % interval, from random halves of the rows.
    dci_model : {"forest", "gbt", "lasso"}, optional
        By default forest; with `compat` that of the reference, gbt or lasso. gbt takes minutes.
    n_resamples, n_refits : int
        Halves for `intervals`: for metrics that need no model, and for those that are fitted again to each.
    common : bool
        Whether observations of the dataset that `Codes` do not have are left out, and counted in
        ``.metadata["left_out"]``. They are refused otherwise.
    **unknown
        Refused, with the nearest keyword.

    Returns
    -------
    Scores
        A mapping from metric to number, with ``.factors``, ``.codes``, ``.mi``, ``.nmi``, ``.factor_mi``,
        ``.importance``, ``.warnings``, ``.metadata``, ``.to_json()``, ``.to_markdown()`` and ``.plot()``. A
        score that has no value is NaN and has its reason in ``.undefined``; what a mean leaves out is in
        ``.left_out``.

    Raises
    ------
    ParameterError
        If arrays do not fit each other, hold NaN or infinity, or an option is unknown; if codes are of
        another dataset, do not say which observations they are of, or lack some.

    Warns
    -----
    UserWarning
        If the arrays look swapped. What else should be known of them is in ``.warnings`` of the scores.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> scores = syngen.evaluate(ds.levels, ds)
    >>> round(scores["mig"], 3), scores["n_active"]
    (1.0, 3.0)
    """
    from syngen.evaluation.suite import compute_scores

    options: dict[str, Any] = {
        "factor_names": factor_names,
        "factor_kinds": factor_kinds,
        "metrics": metrics,
        "n_bins": n_bins,
        "binning": binning,
        "n_samples": n_samples,
        "test_size": test_size,
        "active": active,
        "seed": seed,
        "compat": compat,
        "intervals": intervals,
        "dci_model": dci_model,
        "n_resamples": n_resamples,
        "n_refits": n_refits,
        "common": common,
    }
    for name in unknown:
        raise ParameterError(
            f"evaluate has no option {name!r}{suggestion(name, options)}; there are {', '.join(options)}"
        )
    return compute_scores(codes, factors, **options)


def encode(
    encoder: Any,
    dataset: str | Path | FactorDataset,
    *,
    feature: Any = None,
    batch_size: int = 64,
    split: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Codes:
    """Encode the observations of a dataset: a row of codes for each.

    Parameters
    ----------
    encoder : str, Path, torch module, object or callable
        A name: ``factors`` (the levels themselves), ``random``, ``pca-logmel`` or ``mfcc``, which need no
        training. A path of a TorchScript file with a method ``encode``, such as an exported RAVE model; it
        runs the code that is in it, so give none that you do not trust. A torch module. An object with
        ``transform``, as scikit-learn's, or ``encode``. Or any callable. They take float32 of shape
        (n, n_samples), torch modules and files with ``encode`` (n, 1, n_samples), and return (n, d) or
        (n, d, n_frames); of frames mean and standard deviation are taken. Observations that differ in
        length come one by one.
    dataset : str, Path or FactorDataset
        Folder, or a dataset loaded or rendered.
    feature : LogMel, MFCC, Spectrogram, torch module or callable, optional
        What the encoder sees instead of waveforms, as ``transform`` of `to_torch`: a feature, of shape (n,
        n_bands, n_frames), or what a function makes of each waveform, (n, ...). Torch modules that begin
        with a two-dimensional convolution see (n, 1, n_bands, n_frames). Not for encoders by name.
    batch_size : int
        Observations at a time.
    split : str, optional
        Only this split.
    limit : int, optional
        At most so many, from the front.
    progress : callable, optional
        Called with a `ProgressUpdate` after each batch.

    Returns
    -------
    Codes
        With ``.values``, ``.rows``, ``.fingerprint``, ``.encoder`` and ``.identities``: what identifies
        each observation. `evaluate` and `probe` join it by that with any part or view of the dataset, and
        refuse it for another.

    Raises
    ------
    ParameterError
        If the encoder cannot be used, or what it returns is not one finite row of numbers for each
        observation, always of one width.
    FactorError
        If there is no such split.
    MissingExtraError
        If the encoder needs torch and it is not installed.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> syngen.encode("mfcc", ds, split="test")
    <Codes 'mfcc': 43 rows of 40 codes>
    """
    from syngen.evaluation.encoders.encoding import encode as run_encoder

    return run_encoder(
        encoder,
        opened(dataset),
        feature=feature,
        batch_size=batch_size,
        split=split,
        limit=limit,
        progress=progress,
    )


def probe(
    codes: str | Path | ArrayLike | Codes,
    manifest: str | Path | pd.DataFrame | FactorDataset,
    *,
    target: str | Sequence[str] = "all",
    group_by: str | Sequence[str] | None = None,
    identities: str | Sequence[str] | None = None,
    model: str = "logistic",
    folds: int = 5,
    seed: int = 0,
    common: bool = False,
) -> ProbeReport:
    """Measure what a linear model reads off codes, on groups of rows that it has not seen.

    Codes are standardised by the rows of train; a logistic regression has its C chosen by cross-validation
    inside train; continuous factors are predicted by ridge regression. Every fold is tested on unseen
    groups: a speaker on other texts, a style on other speakers, gender on other speakers always. The same
    probe on shuffled labels is the control.

    Parameters
    ----------
    codes : Codes or array_like, shape (n, d), or path
        From `encode`, in memory or in a file.
    manifest : DataFrame, FactorDataset or path
        Of the same observations: ``ds.manifest``, the dataset or its folder; of audio files of your own the
        dataset. `Codes` are joined with it as `evaluate` does; arrays are in its order.
    target : str or sequence of str
        Factors, derived factors or any other columns of the manifest; by default, ``"all"``, every factor
        and derived factor.
    group_by : str or sequence of str, optional
        Columns whose combinations are kept together. By default text for speaker, speaker for text and
        style, its own factor for a derived one, and else the other factor with the most levels. ``"index"``
        splits at random.
    identities : str or sequence of str, optional
        Targets that name speakers, singers, instruments: for them the equal error rate is measured of
        telling whether two rows are of one, of those that are not in train. By default speaker, and every
        nominal factor that has two levels or more for each fold.
    model : {"logistic", "ridge"}
        For classes; above 100 classes it is always ridge.
    folds : int
        At least 2, at most the number of groups.
    seed : int
        Of folds and shuffled labels.
    common : bool
        Whether observations that `Codes` do not have are left out, and counted in ``.n_left_out``. They are
        refused otherwise.

    Returns
    -------
    ProbeReport
        A mapping from target to ``.accuracy``, ``.balanced_accuracy``, ``.chance``, ``.normalized``,
        ``.r2``, ``.control``, ``.recall``, ``.eer`` and more; with ``.frame``, ``.to_json()`` and
        ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If codes and manifest do not belong together, or observations have no codes; if codes are not
        finite, there are fewer groups than folds, or an option is unknown.
    FactorError
        If there is no such column, or it has one value only.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> report = syngen.probe(syngen.encode("mfcc", ds), ds, target="timbre")
    >>> report.accuracy > 0.7, abs(report.control - report.chance) < 0.15
    (True, True)
    """
    from syngen.evaluation.codes.codes import read_codes
    from syngen.evaluation.probes.probing import probe as run_probe

    if isinstance(codes, (str, Path)):
        codes = read_codes(codes)
    if isinstance(manifest, (str, Path)):
        manifest = load(manifest)
    return run_probe(
        codes,
        manifest,
        target=target,
        group_by=group_by,
        identities=identities,
        model=model,
        folds=folds,
        seed=seed,
        common=common,
    )
