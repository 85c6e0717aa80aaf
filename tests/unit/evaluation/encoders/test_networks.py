"""Torch modules and TorchScript files as encoders."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.loaders.dataset import FactorDataset

torch: Any = pytest.importorskip("torch", reason="the extra torch is not installed")


class Exported(torch.nn.Module):
    """What an exported RAVE model looks like: (n, 1, samples) to (n, d, frames), 64 samples a frame."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.bands = torch.nn.Parameter(torch.randn(4, 64, generator=generator) / 64)
        self.register_buffer("encode_params", torch.tensor([1, 1, 4, 64]))

    @torch.jit.export
    def encode(self, x):  # type: ignore[no-untyped-def]
        assert x.dim() == 3
        assert x.size(1) == 1
        frames = x.reshape(x.size(0), -1, 64)  # fails unless there is a whole number of frames
        return torch.matmul(frames, self.bands.t()).transpose(1, 2)

    def forward(self, x):  # type: ignore[no-untyped-def]
        return x


class Convolved(torch.nn.Module):
    """A plain module that begins with a convolution; dropout tells training from evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Conv1d(1, 3, 64, stride=32), torch.nn.Dropout(0.5), torch.nn.ReLU()
        )

    def forward(self, x):  # type: ignore[no-untyped-def]
        assert not torch.is_grad_enabled()
        return self.net(x)


@pytest.fixture(scope="module")
def tones() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("torchscript") / "small.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; exported models are not
        torch.jit.save(torch.jit.script(Exported()), str(path))
    return path


def test_a_torchscript_file_encodes_as_its_module_does(exported: Path, tones: FactorDataset) -> None:
    codes = syngen.encode(exported, tones, limit=10, batch_size=4)
    assert codes.values.shape == (10, 8)
    assert codes.encoder == "small.ts"
    padded = np.pad(tones.batch(np.arange(10)), ((0, 0), (0, 32)))  # 4000 samples are 62.5 frames
    with torch.inference_mode():
        frames = Exported().encode(torch.from_numpy(padded)[:, None]).numpy().astype(float)
    expected = np.hstack([frames.mean(axis=2), frames.std(axis=2)])
    np.testing.assert_allclose(codes.values, expected, atol=1e-6)
    by_text = syngen.encode(str(exported), tones, limit=10)
    by_module = syngen.encode(Exported(), tones, limit=10)
    np.testing.assert_allclose(by_text.values, by_module.values, atol=1e-6)
    assert by_module.encoder == "Exported"


@pytest.mark.slow
def test_speech_of_any_length_fits_an_exported_model(exported: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra speech is not installed")
    codes = syngen.encode(exported, syngen.render("synspeech-tiny"), limit=5)
    assert codes.values.shape == (5, 8)


def test_modules_are_evaluated_without_gradients_and_left_as_they_were(tones: FactorDataset) -> None:
    module = Convolved()
    module.train()
    first, second = (syngen.encode(module, tones, limit=9).values for _ in range(2))
    assert (first == second).all()
    assert first.shape == (9, 6)
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_the_first_layer_decides_whether_there_is_a_channel(tones: FactorDataset) -> None:
    linear = torch.nn.Sequential(torch.nn.Linear(4000, 5), torch.nn.Tanh())
    assert syngen.encode(linear, tones, limit=3).values.shape == (3, 5)
    convolution = torch.nn.Conv1d(1, 2, 100)
    assert syngen.encode(convolution, tones, limit=3).values.shape == (3, 4)


def test_the_errors_of_modules_carry_the_rows(tones: FactorDataset) -> None:
    wrong = torch.nn.Linear(7, 2)
    with pytest.raises(RuntimeError) as caught:
        syngen.encode(wrong, tones, limit=3)
    assert caught.value.__notes__ == ["while Linear encoded rows 0 to 2"]


def test_tensors_of_a_callable_are_codes(tones: FactorDataset) -> None:
    codes = syngen.encode(lambda x: torch.from_numpy(x).abs().amax(dim=1).requires_grad_(), tones, limit=4)
    np.testing.assert_allclose(codes.values[:, 0], abs(tones.batch(np.arange(4))).max(axis=1))


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 broken"])
def test_files_that_hold_no_model_are_refused(content: bytes, tones: FactorDataset, tmp_path: Path) -> None:
    path = tmp_path / "model.ts"
    path.write_bytes(content)
    with pytest.raises(syngen.ParameterError, match=r"model.ts is no TorchScript file \("):
        syngen.encode(path, tones)
