"""``syngen voices``: what the speech engines on this machine can speak with."""

from __future__ import annotations

import click

from syngen.cli.options import json_option
from syngen.cli.reporting import echo_json, say
from syngen.errors import EngineError, MissingExtraError, ParameterError, suggestion

__all__ = ["voices"]


@click.command()
@click.option("--engine", metavar="NAME", help="Only this engine; by default all.")
@json_option
def voices(engine: str | None, as_json: bool) -> None:
    """List the voices of the speech engines: engine, voice, language, gender.

    Example: syngen voices --engine espeak
    """
    import syngen
    from syngen.synth.speech.engines.registry import engine_names

    names = engine_names()
    if engine is not None and engine not in names:
        raise ParameterError(
            f"--engine {engine!r}{suggestion(engine, names)}; there are {', '.join(names)}"
        )
    rows = []
    for name in names if engine is None else (engine,):
        try:
            found = syngen.voices(name)[name]
        except (EngineError, MissingExtraError) as error:
            if engine is not None:
                raise
            say(f"{name}: {error}")
            continue
        rows += [(name, voice.name, voice.language, voice.gender) for voice in found]
        if name == "espeak":
            say("espeak: recipes also vary these voices, as a continuous space of speakers")
    if as_json:
        keys = ("engine", "voice", "language", "gender")
        echo_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for row in rows:
        line = "  ".join(f"{cell or '-':<{max(1, width)}}" for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
