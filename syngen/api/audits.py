"""Audits of recipes and of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syngen.api.datasets import load
from syngen.resolving.load import load_recipe

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.auditing.recovery import DatasetAudit
    from syngen.auditing.speech.report import SpeechAudit
    from syngen.auditing.tone.audit import RecipeAudit
    from syngen.loaders.dataset import FactorDataset
    from syngen.resolving.load import RecipeLike

__all__ = ["audit_dataset", "audit_recipe"]


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
    RecipeError
        If the recipe has problems.
    EngineError
        If its synthesizer has no descriptors.
    """
    from syngen.auditing.speech.audit import audit_speech
    from syngen.auditing.tone.audit import audit

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

    opened = load(dataset) if isinstance(dataset, (str, Path)) else dataset
    return recover(opened, n=n, seed=seed)
