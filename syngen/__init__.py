"""syngen: synthetic audio datasets with known generative factors.

>>> import syngen
>>> ds = syngen.render("syntone-tiny")
>>> ds[0].sample_rate
16000

Everything public is here; nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

_MODULES = {
    "syngen.api": (
        "audit_dataset",
        "audit_recipe",
        "check_release",
        "compare_releases",
        "download",
        "encode",
        "estimate",
        "evaluate",
        "expand",
        "export",
        "from_manifest",
        "generate",
        "load",
        "load_recipe",
        "probe",
        "release",
        "render",
        "repair",
        "verify",
        "voices",
    ),
    "syngen.errors": (
        "DownloadError",
        "DownloadIncompleteError",
        "DownloadMismatchError",
        "EngineError",
        "FactorError",
        "GenerationIncompleteError",
        "Issue",
        "ManifestError",
        "MissingExtraError",
        "ParameterError",
        "PlanMismatchError",
        "PositionError",
        "RecipeError",
        "ShardError",
        "StoreAccessError",
        "StoreError",
        "SyngenError",
        "VerificationError",
    ),
    "syngen._typing": ("ProgressUpdate",),
    "syngen.evaluation.codes.codes": ("Codes",),
    "syngen.evaluation.probes.report": ("ProbeReport",),
    "syngen.evaluation.scores": ("Scores",),
    "syngen.factors": ("Factor", "FactorGrid"),
    "syngen.loaders.dataset": ("FactorDataset",),
    "syngen.downloads.request": ("DownloadReport",),
    "syngen.figures.features": ("MFCC", "LogMel", "Spectrogram"),
    "syngen.loaders.observation": ("Observation",),
    "syngen.synth.plugin": ("FactorSpec", "SettingSpec", "Synthesizer"),
    "syngen.synth.speech.engines.base": ("Voice",),
    "syngen.synth.tone.timbres": ("Timbre",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_FORMER_NAMES = {"rehearse": "estimate"}  # kept until syngen 0.3

# files of the distribution "syngen" (synthetic tables), which installs into a folder of the same name
_STRANGERS = ("infer.py", "sdk.py")
if any(os.path.isfile(os.path.join(folder, name)) for folder in __path__ for name in _STRANGERS):  # noqa: PTH113, PTH118
    warnings.warn(
        "another package named 'syngen' (synthetic tables) is installed over syngen-audio: run "
        "'pip uninstall --yes syngen syngen-audio', then 'pip install syngen-audio'",
        stacklevel=2,
    )

__all__ = sorted(_HOMES)  # noqa: PLE0605  # checked against the stub by a test


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from syngen._version import version

        return version()
    if name in _FORMER_NAMES:
        present = _FORMER_NAMES[name]
        warnings.warn(
            f"syngen.{name} is called syngen.{present} since syngen 0.2; the old name goes with 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        return __getattr__(present)
    if name not in _HOMES:
        raise AttributeError(f"module 'syngen' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
