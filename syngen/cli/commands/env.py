"""``syngen env``: what a bug report should say."""

from __future__ import annotations

import click

from syngen.cli.options import json_option
from syngen.cli.reporting import echo_json

__all__ = ["env"]

_PACKAGES = (
    "numpy",
    "scipy",
    "soundfile",
    "pyarrow",
    "pandas",
    "pydantic",
    "ruamel.yaml",
    "click",
)


@click.command()
@json_option
def env(as_json: bool) -> None:
    """Print versions, synthesizers, speech engines, recipes and the platform, for bug reports.

    Example: syngen env --json
    """
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import syngen
    from syngen.generation.workers.pool import default_jobs
    from syngen.recipe.library import recipe_names
    from syngen.storage.codec import CODECS
    from syngen.synth.registry import synthesizer_names
    from syngen.synth.speech.engines.registry import engine_names

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    content = {
        "syngen": syngen.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "jobs": default_jobs(),
        "packages": versions,
        "codecs": {name: codec.library for name, codec in CODECS.items()},
        "synthesizers": list(synthesizer_names()),
        "speech engines": list(engine_names()),
        "recipes": list(recipe_names()),
    }
    if as_json:
        echo_json(content)
        return
    for name, value in content.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {item}" for key, item in value.items())
        elif isinstance(value, list):
            shown = ", ".join(value)
        click.echo(f"{name:<15} {shown}")
