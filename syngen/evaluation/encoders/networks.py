"""Torch modules and TorchScript files as encoders. torch is imported when one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import require
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import Float32Array

__all__ = ["is_module", "load_torchscript", "module_encoder", "module_function"]

_RATIO = 3  # position of the ratio of samples to frames among the parameters of an exported method


def is_module(thing: object) -> bool:
    """Return whether a thing is a torch module; torch is not imported to find out."""
    import sys

    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def load_torchscript(path: Path) -> Any:
    """Open a TorchScript file on the CPU. The file brings its own code: open none that you do not trust.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    ParameterError
        If it is no TorchScript file.
    """
    torch: Any = require("torch", extra="torch")
    try:
        # an open file, because torch takes only names in UTF-8
        with _jit_allowed(), open(path, "rb") as file:
            return torch.jit.load(file, map_location="cpu")
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ParameterError(
            f"{path} is no TorchScript file ({reason}); export the encoder with torch.jit.save"
        ) from error


@contextmanager
def _jit_allowed() -> Iterator[None]:
    """Keep quiet about TorchScript being deprecated: exported models are what they are."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        yield


@contextmanager
def module_encoder(module: Any) -> Iterator[Callable[[Float32Array], Any]]:
    """Give a function of batches that runs a module: in evaluation mode, without gradients, on its device.

    A module with a method ``encode`` is asked for that, any other is called. Batches have shape
    (n, 1, n_samples) where the method is ``encode`` (the convention of exported RAVE models) or the first
    layer is a convolution of one channel, and (n, n_samples) for a plain call and where the first layer is
    a linear one. Where a module says how many samples make a frame (``encode_params``, as RAVE does), a
    waveform is filled up with zeros to a whole number of frames. Features, (n, n_bands, n_frames), come as
    they are, and as pictures, (n, 1, n_bands, n_frames), where the first layer is a convolution of those.

    Parameters
    ----------
    module : torch.nn.Module
        Its training mode is restored afterwards.

    Raises
    ------
    ParameterError
        If its weights are of another type than float32 and it fails.
    """
    torch: Any = require("torch", extra="torch")
    has_encode = callable(getattr(module, "encode", None))
    method = module.encode if has_encode else module
    has_channel = _has_channel(module, by_default=has_encode)
    sees_pictures = _first_layer(module) == "Conv2d"
    multiple = _samples_per_frame(module)
    first = next(iter(module.parameters()), None)
    device = "cpu" if first is None else first.device

    def encode(batch: Float32Array) -> Any:
        is_waveform = batch.ndim == 2
        missing = -batch.shape[1] % multiple if is_waveform else 0
        filled = np.pad(batch, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(batch)
        x = torch.from_numpy(filled).to(device)
        is_split = has_channel if is_waveform else sees_pictures and x.ndim == 3
        try:
            with torch.inference_mode():
                found = method(x[:, None] if is_split else x)
        except RuntimeError as error:
            kind = _other_precision(module, torch)
            if kind is None:
                raise
            raise ParameterError(
                f"the module has weights of {kind} and does not take float32 ({error}); give module.float()"
            ) from error
        return found.float().cpu().numpy() if isinstance(found, torch.Tensor) else found

    was_training = module.training
    module.eval()
    try:
        yield encode
    finally:
        module.train(was_training)


def module_function(module: Any) -> Callable[[Float32Array], Any]:
    """Return a function of arrays that calls a module, without gradients, on its device.

    Parameters
    ----------
    module : torch.nn.Module
        In the mode that it is in.
    """
    torch: Any = require("torch", extra="torch")
    first = next(iter([*module.parameters(), *module.buffers()]), None)
    device = "cpu" if first is None else first.device

    def called(array: Float32Array) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(np.array(array)).to(device))

    return called


def _other_precision(module: Any, torch: Any) -> str | None:
    """Return a floating type of weights that is not the one of waveforms."""
    kinds = {each.dtype for each in module.parameters() if each.is_floating_point()} - {torch.float32}
    return str(next(iter(kinds))).removeprefix("torch.") if kinds else None


def _has_channel(module: Any, *, by_default: bool) -> bool:
    """Return whether a module takes (n, 1, n_samples), by its first layer with weights."""
    first = _first_layer(module)
    return by_default if first not in ("Linear", "Conv1d") else first == "Conv1d"


def _first_layer(module: Any) -> str:
    """Return what the first layer with weights is; empty where it is none of the usual ones."""
    names = (getattr(layer, "original_name", type(layer).__name__) for layer in module.modules())
    return next((name for name in names if name in ("Linear", "Conv1d", "Conv2d")), "")


def _samples_per_frame(module: Any) -> int:
    found = getattr(module, "encode_params", None)
    if found is None:
        return 1
    numbers = np.asarray(found.cpu() if hasattr(found, "cpu") else found).reshape(-1)
    return max(1, int(numbers[_RATIO])) if len(numbers) > _RATIO else 1
