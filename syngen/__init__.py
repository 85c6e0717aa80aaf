"""syngen: synthetic audio datasets with known generative factors.

>>> import syngen
>>> ds = syngen.render("syntone-tiny")
>>> ds[0].sample_rate
16000

Everything public is here; nothing heavy is imported before it is used.
"""

from __future__ import annotations

import os
import warnings

import lazy_loader

_FORMER_NAMES = {"rehearse": "estimate"}  # kept until syngen 0.3

# files of the distribution "syngen" (synthetic tables), which installs into a folder of the same name
_STRANGERS = ("infer.py", "sdk.py")
if any(os.path.isfile(os.path.join(folder, name)) for folder in __path__ for name in _STRANGERS):  # noqa: PTH113, PTH118
    warnings.warn(
        "another package named 'syngen' (synthetic tables) is installed over syngen-audio: run "
        "'pip uninstall --yes syngen syngen-audio', then 'pip install syngen-audio'",
        stacklevel=2,
    )

_load, _, __all__ = lazy_loader.attach_stub(__name__, __file__)  # the names are those of the stub


def __getattr__(name: str) -> object:  # not Any: `typing` would take longer than all the rest
    if name == "__version__":
        from syngen._distribution import version

        return version()
    if name in _FORMER_NAMES:
        present = _FORMER_NAMES[name]
        warnings.warn(
            f"syngen.{name} is called syngen.{present} since syngen 0.2; the old name goes with 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        return __getattr__(present)
    if name not in __all__:
        raise AttributeError(f"module 'syngen' has no attribute {name!r}")
    return _load(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
