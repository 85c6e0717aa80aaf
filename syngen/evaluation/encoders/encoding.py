"""Run an encoder over a dataset: one row of codes for each observation, checked, and whose they are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from syngen._threads import single_threaded
from syngen._typing import ProgressUpdate
from syngen._values import check_whole
from syngen.errors import ParameterError
from syngen.evaluation.codes.arrays import array_of
from syngen.evaluation.codes.codes import Codes, Selection
from syngen.evaluation.encoders.networks import is_module, load_torchscript, module_encoder
from syngen.evaluation.encoders.reference import (
    ENCODERS,
    ReferenceEncoder,
    encoded,
    find_encoder,
)
from syngen.evaluation.encoders.transforms import batch_transform
from syngen.identities import Identities
from syngen.io.files import local_path

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Float32Array, FloatArray, IntArray, Progress

__all__ = ["encode", "pooled"]

Encoding: TypeAlias = Callable[["DatasetView", "IntArray"], "FloatArray"]
"""From a dataset and positions to codes of shape (n, d)."""


def encode(
    encoder: Any,
    dataset: DatasetView,
    *,
    feature: Any = None,
    batch_size: int = 64,
    split: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Codes:
    """Encode the observations of a dataset.

    Parameters
    ----------
    encoder : str, Path, torch module, object or callable
        Name of a reference encoder; path of a TorchScript file, which runs the code that is in it; a torch
        module; an object with ``transform`` or ``encode``; or any callable. Each takes a batch, float32
        of shape (n, n_samples), and returns codes of shape (n, d), or (n, d, n_frames), of which mean
        and standard deviation over time become 2 d codes. Observations of natural length come one by one,
        n = 1. What torch modules take: see `syngen.evaluation.encoders.networks.module_encoder`.
    dataset : DatasetView
    feature : Feature, torch module or callable, optional
        What encoders see instead of waveforms: see `syngen.evaluation.encoders.transforms.batch_transform`.
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
        With the dataset's fingerprint and rows, and what identifies each observation.

    Raises
    ------
    ParameterError
        If an option or the encoder cannot be used, or what it returns is not one finite row of numbers for
        each observation, always of one width.
    FactorError
        If there is no such split.
    MissingExtraError
        If the encoder needs torch and it is not installed.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> encode(lambda x: abs(x).max(axis=1), ds, limit=10)
    <Codes '<lambda>': 10 rows of 1 codes>
    """
    batch_size = check_whole("batch_size", batch_size, 1)
    limit = None if limit is None else check_whole("limit", limit, 1)
    view = dataset if split is None else dataset.select(split=split)
    n = len(view) if limit is None else min(len(view), limit)
    if not n:
        raise ParameterError("there are no observations to encode; choose other rows")
    found: list[FloatArray] = []
    identities: list[Identities] = []
    audio_s = 0.0
    transform = None if feature is None else batch_transform(feature, sample_rate=dataset.sample_rate)
    with _opened(encoder, dataset, transform) as (name, encoding):
        for start in range(0, n, batch_size):
            positions = np.arange(start, min(n, start + batch_size))
            identities.append(view.identities(positions))
            try:
                codes = encoding(view, positions)
            except Exception as error:
                rows = view.rows[positions]
                error.add_note(f"while {name} encoded rows {rows[0]} to {rows[-1]}")
                raise
            _check(codes, view.rows[positions], found, name)
            _check_unchanged(identities[-1], view, positions)
            found.append(codes)
            if progress is not None:
                audio_s += len(positions) * view.n_samples / view.sample_rate
                progress(ProgressUpdate(start + len(positions), n, audio_s))
    return Codes(
        np.concatenate(found),
        np.asarray(view.rows[:n], dtype=np.int64),
        dataset.fingerprint,
        name,
        Identities.concatenated(identities),
        Selection(view.selected_splits, n if n < len(view) else None),
    )


@contextmanager
def _opened(
    encoder: Any, dataset: DatasetView, transform: Callable[[Any], Any] | None
) -> Iterator[tuple[str, Encoding]]:
    """Give the name of an encoder, and what it does, ready to work."""
    if isinstance(encoder, (str, Path)):
        name, encoder = _named(encoder)
    else:
        name = str(getattr(encoder, "name", None) or getattr(encoder, "__name__", type(encoder).__name__))
    if isinstance(encoder, ReferenceEncoder):
        if transform is not None:
            raise ParameterError(f"{name} computes what it needs of waveforms; leave feature out")
        with single_threaded():
            encoder.fit(dataset)
        yield name, single_threaded()(encoder.encode)
    elif is_module(encoder):
        with module_encoder(encoder) as run:
            yield name, _batchwise(run, transform)
    else:
        yield name, _batchwise(_function_of(encoder), transform)


def _named(encoder: str | Path) -> tuple[str, Any]:
    if isinstance(encoder, str) and encoder in ENCODERS:
        return encoder, find_encoder(encoder)
    path = local_path(encoder)
    if path.is_file():
        return path.name, load_torchscript(path)
    if len(path.parts) > 1 or path.suffix:
        raise ParameterError(f"no file {path}; give a TorchScript file, or one of {', '.join(ENCODERS)}")
    return str(encoder), find_encoder(str(encoder))


def _function_of(encoder: Any) -> Callable[[Any], Any]:
    if isinstance(encoder, type):
        raise ParameterError(f"the encoder is the class {encoder.__name__}; give an object of it")
    for method in ("transform", "encode") if not hasattr(encoder, "columns") else ():  # no table
        if callable(getattr(encoder, method, None)):
            return getattr(encoder, method)  # type: ignore[no-any-return]
    if callable(encoder):
        return encoder  # type: ignore[no-any-return]
    raise ParameterError(
        f"the encoder is a {type(encoder).__name__}; give a name ({', '.join(ENCODERS)}), a path, a "
        "callable, a torch module, or an object with transform or encode"
    )


def _batchwise(run: Callable[[Any], Any], transform: Callable[[Any], Any] | None) -> Encoding:
    def codes_of(waveforms: Float32Array) -> FloatArray:
        seen = waveforms if transform is None else transform(waveforms)
        return pooled(run(seen), len(waveforms))

    def encoding(dataset: DatasetView, positions: IntArray) -> FloatArray:
        return encoded(dataset, positions, codes_of)

    return encoding


def pooled(output: Any, n: int) -> FloatArray:
    """Return the output of an encoder as codes; time is pooled by mean and standard deviation.

    Parameters
    ----------
    output : array_like, shape (n,), (n, d) or (n, d, n_frames)
        NumPy array, torch tensor or nested lists of numbers.
    n : int
        Observations in the batch.

    Returns
    -------
    ndarray of float64, shape (n, d) or (n, 2 d)

    Raises
    ------
    ParameterError
        If it has another shape, or is something else.

    Examples
    --------
    >>> import numpy as np
    >>> pooled(np.array([[[1.0, 3.0], [5.0, 5.0]]]), 1).tolist()
    [[2.0, 5.0, 1.0, 0.0]]
    """
    if isinstance(output, (tuple, dict)):
        raise ParameterError(
            f"the encoder returned a {type(output).__name__} of {len(output)}; wrap it in a function that "
            "returns one array, as in lambda x: model(x)[0]"
        )
    if hasattr(output, "detach"):
        output = output.detach()
        with contextlib.suppress(RuntimeError):  # of a tensor without data, which is refused below
            output = output.cpu()
    elif hasattr(output, "toarray"):  # a sparse matrix
        output = output.toarray()
    values = array_of("the codes that the encoder returned", output)
    if values.dtype.kind not in "fiub":
        raise ParameterError(f"the encoder returned {type(output).__name__} of {values.dtype}, not numbers")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim not in (2, 3) or len(values) != n or not values.shape[1:] or 0 in values.shape:
        raise ParameterError(
            f"the encoder returned an array of shape {np.shape(output)} for {n} observations; ({n}, d) or "
            f"({n}, d, n_frames) is needed"
        )
    values = values.astype(np.float64)
    if values.ndim == 2:
        return values
    return np.concatenate([values.mean(axis=2), values.std(axis=2)], axis=1)


def _check_unchanged(before: Identities, view: DatasetView, positions: IntArray) -> None:
    """Refuse files that were replaced while they were encoded: whose codes these are is not known."""
    if not view.identities(positions).is_same_sequence(before):
        rows = view.rows[positions]
        raise ParameterError(
            f"audio files of rows {rows[0]} to {rows[-1]} changed while they were encoded; encode again"
        )


def _check(codes: FloatArray, rows: IntArray, before: list[FloatArray], name: str) -> None:
    if before and codes.shape[1] != before[0].shape[1]:
        raise ParameterError(
            f"{name} returned {codes.shape[1]} codes for row {rows[0]} and {before[0].shape[1]} before; "
            "the number must not depend on the length"
        )
    wrong = ~np.isfinite(codes)
    if wrong.any():
        row, code = np.argwhere(wrong)[0].tolist()
        raise ParameterError(
            f"{name} returned {codes[row, code]} as code {code} of row {rows[row]} "
            f"({int(wrong.sum())} such values in this batch); an encoder must return finite numbers"
        )
