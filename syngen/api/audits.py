"""Audits of recipes and of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syngen._values import check_whole
from syngen.api.datasets import load
from syngen.resolving.load import load_recipe

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.auditing.leakage.report import LeakageAudit
    from syngen.auditing.recovery import DatasetAudit
    from syngen.auditing.speech.report import SpeechAudit
    from syngen.auditing.tone.audit import RecipeAudit
    from syngen.loaders.dataset import FactorDataset
    from syngen.resolving.load import RecipeLike

__all__ = ["audit_dataset", "audit_leakage", "audit_recipe"]


def audit_recipe(
    recipe: RecipeLike, *, contexts: int = 1_000, seed: int = 0, progress: Progress | None = None
) -> RecipeAudit | SpeechAudit:
    """Measure whether every factor of a recipe can be heard, whatever the other factors are.

    In random contexts and in corners of the grid, the change that one level of a factor makes is compared
    with a threshold and with a new draw of the nuisances; a probe is trained at the hardest corner of each
    factor; timbres are compared with one another; silence, clipping and offsets are counted.

    Of speech, a part of the grid is rendered; speakers, genders, texts and styles are learned from
    measurements and asked of unseen speakers and texts; styles are described by level, pitch, pace and
    long-term spectrum.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`. Its synthesizer must be ``tone`` or speak.
    contexts : int
        Random contexts, and as many corners; of speech, a sixth of the most observations.
    seed : int
        Of the contexts and of the probes.
    progress : callable, optional
        Called with a `ProgressUpdate` after each context.

    Returns
    -------
    RecipeAudit or SpeechAudit
        With ``.passed``, ``.problems`` and ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If `contexts` or `seed` is not a whole number, or too small.
    RecipeError
        If the recipe has problems.
    EngineError
        If its synthesizer has no descriptors.
    """
    from syngen.auditing.speech.audit import audit_speech
    from syngen.auditing.tone.audit import audit

    contexts, seed = check_whole("contexts", contexts, 1), check_whole("seed", seed, 0)
    resolved = load_recipe(recipe)
    if resolved.synthesizer.speaks:
        return audit_speech(resolved, contexts=contexts, seed=seed, progress=progress)
    return audit(resolved, contexts=contexts, seed=seed, progress=progress)


def audit_dataset(dataset: str | Path | FactorDataset, *, n: int = 4_000, seed: int = 0) -> DatasetAudit:
    """Measure how well the factors of a dataset can be recovered from its audio, on held-out rows.

    Boosted trees and a linear model learn every factor from a log-mel spectrogram; what they reach on
    the test split bounds how informative a representation of such a spectrogram can be expected to be.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, or a dataset; a rendered one will do. It must have the splits train and test.
    n : int
        Rows of the split train to learn from, at most; a quarter as many of the split test are scored.
    seed : int
        Of the choice of rows and of the trees.

    Returns
    -------
    DatasetAudit
        With ``.passed``, ``.problems`` and ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If there is no such folder, or too few rows.
    ManifestError
        If the folder holds no finished dataset.
    """
    from syngen.auditing.recovery import recover

    n, seed = check_whole("n", n, 1), check_whole("seed", seed, 0)
    opened = load(dataset) if isinstance(dataset, (str, Path)) else dataset
    return recover(opened, n=n, seed=seed)


def audit_leakage(
    data: RecipeLike | FactorDataset, *, n: int = 2_000, seed: int = 0, progress: Progress | None = None
) -> LeakageAudit:
    """Ask what should know nothing of the factors for them: silence, and what is drawn.

    A linear probe is asked for every factor, and every derived one, by

    - the silence before speech, in its pauses and after it, of tones before the onset. Only color and shape
      are looked at, the level is removed. Of speech, the texts asked about are not those learned from, nor
      are the speakers where the text is asked for;
    - every nuisance;
    - every other factor, unless the recipe ties the two by correlations or conditions.

    The audit fails where a probe is right in more than .03 more of the observations than chance, and that
    is significant after Holm's correction of all tests: 5 % of audits of data without a leak fail at most.
    What the length, the level and the size of a file tell alone is reported and never judged.

    Parameters
    ----------
    data : str, Path, mapping, ResolvedRecipe or FactorDataset
        A dataset: a folder that exists, a URL, or one that was opened. Or a recipe, as `load_recipe` takes
        it, whose observations are rendered; of one with too few, more by the seeds after its own.
    n : int
        Observations to probe, 2,000 or more, chosen at random. Up to three times as many are looked at
        where that brings as many with silence before speech, or with pauses.
    seed : int
        Of the choice of observations, and of the folds.
    progress : callable, optional
        Called with a `ProgressUpdate` about observations.

    Returns
    -------
    LeakageAudit
        With ``.passed``, ``.problems``, ``.tests`` and ``.to_markdown()``. Where nothing can be judged,
        ``.verdict`` says so and ``.passed`` is False.

    Raises
    ------
    ParameterError
        If fewer than 2,000 observations are asked for, or a dataset has fewer, or `seed` is negative.
    RecipeError
        If a recipe has problems.
    ManifestError
        If a folder holds no finished dataset.
    """
    from syngen.auditing.leakage.audit import audit_observations

    n, seed = check_whole("n", n, 1), check_whole("seed", seed, 0)
    return audit_observations(_draws(data, n), n=n, seed=seed, progress=progress)


def _draws(data: RecipeLike | FactorDataset, n: int) -> list[FactorDataset]:
    from syngen.auditing.leakage.audit import MOST_LOOKED_AT
    from syngen.auditing.leakage.draws import draws_of
    from syngen.io.files import is_url, local_path
    from syngen.loaders.dataset import FactorDataset

    if isinstance(data, FactorDataset):
        return [data]
    if isinstance(data, (str, Path)) and (is_url(data) or local_path(data).is_dir()):
        return [load(data)]
    return draws_of(load_recipe(data), MOST_LOOKED_AT * n)
