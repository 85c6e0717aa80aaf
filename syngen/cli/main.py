"""The command ``syngen``: the group of all commands, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import Any

import click

from syngen.cli.commands import (
    audit,
    compare,
    dataset,
    download,
    encode,
    env,
    evaluate,
    export,
    generate,
    probe,
    recipe,
    release,
    voices,
)
from syngen.cli.reporting import fail
from syngen.cli.signals import signals_heard

__all__ = ["cli", "main"]


class _Syngen(click.Group):
    """Turns exceptions into one message and the documented exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with signals_heard():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted; run the same command again to go on", err=True)
            ctx.exit(130)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            fail(ctx, error)


@click.group(
    cls=_Syngen,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong command line, recipe or plan, 3 incomplete (run "
    "again to resume), 4 verification mismatch or failed audit, 130 interrupted.",
)
@click.version_option(package_name="syngen-audio", prog_name="syngen")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(debug: bool) -> None:
    """Make, read and check synthetic audio datasets with known generative factors.

    Example: syngen generate syntone-tiny data/syntone-tiny
    """


cli.add_command(recipe.recipe)
cli.add_command(generate.generate)
cli.add_command(dataset.info)
cli.add_command(dataset.rows)
cli.add_command(dataset.extract)
cli.add_command(dataset.verify)
cli.add_command(export.export)
cli.add_command(release.release)
cli.add_command(download.download)
cli.add_command(audit.audit)
cli.add_command(encode.encode)
cli.add_command(evaluate.evaluate)
cli.add_command(compare.compare)
cli.add_command(probe.probe)
cli.add_command(voices.voices)
cli.add_command(env.env)


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except BrokenPipeError:
        # the reader of our output has gone; nothing is wrong, and nothing more can be said
        sys.stderr.close()
        sys.exit(1)
