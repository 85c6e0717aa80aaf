"""What an encoder sees instead of waveforms: a feature, or what any function makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError
from syngen.evaluation.encoders.networks import is_module, module_function
from syngen.figures.features import Feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import Float32Array

__all__ = ["batch_transform"]


def batch_transform(transform: Any, *, sample_rate: int) -> Callable[[Float32Array], NDArray[Any]]:
    """Return a function of batches of waveforms.

    Parameters
    ----------
    transform : Feature, torch module or callable
        What `to_torch` and `batches` take too: a feature, or a function of one waveform, float32 of shape
        (n_samples,). Torch modules, as those of torchaudio, are given tensors.
    sample_rate : int
        Of the waveforms, in Hz.

    Returns
    -------
    callable
        From float32, shape (n, n_samples), to numbers of shape (n, ...).

    Raises
    ------
    ParameterError
        If it is nothing of this; by the function, if results are no numbers or differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> batch_transform(lambda x: x[::2], sample_rate=8_000)(np.ones((3, 10), dtype=np.float32)).shape
    (3, 5)
    """
    if isinstance(transform, Feature):
        return transform.for_rate(sample_rate)
    if isinstance(transform, type) or not callable(transform):
        raise ParameterError(
            f"feature is {transform!r}; give syngen.LogMel(), syngen.MFCC() or syngen.Spectrogram(), or a "
            "function of one waveform"
        )
    called = module_function(transform) if is_module(transform) else transform

    def transformed(waveforms: Float32Array) -> NDArray[Any]:
        made = [_numbers(called(waveform)) for waveform in waveforms]
        shapes = {each.shape for each in made}
        if len(shapes) > 1:
            raise ParameterError(
                f"the transform returned arrays of shapes {', '.join(map(str, sorted(shapes)))} for "
                "waveforms of one length; one shape is needed"
            )
        return np.stack(made)

    return transformed


def _numbers(made: Any) -> NDArray[Any]:
    if hasattr(made, "detach"):
        made = made.detach().cpu()
        made = made.float() if made.is_floating_point() else made
    array = np.asarray(made)
    if array.dtype.kind not in "fiub" or not array.ndim:
        raise ParameterError(
            f"the transform returned {type(made).__name__} of {array.dtype} and shape {array.shape}; an "
            "array of numbers is needed"
        )
    return array.astype(np.float32) if array.dtype != np.float32 else array
