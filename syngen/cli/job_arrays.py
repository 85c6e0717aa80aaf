"""Scripts for job arrays: what ``syngen generate --dry-run --sbatch N`` prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from syngen.errors import ParameterError

__all__ = ["job_array_script"]

_SCRIPT = """\
#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --output=%x-%A_%a.log
# Each task makes the shards of one member. A task that failed, or all of them, may be submitted again. When
# they have ended, the plain run makes what is missing and puts the dataset together:
#   job=$(sbatch --parsable SCRIPT)
#   sbatch --dependency=afterany:"${{job%%;*}}" {options} --wrap={plain}
set -eu
cd {folder}
exec {command}
"""


def job_array_script(command: Sequence[str], *, folder: Path, name: str, n: int, jobs: int | None) -> str:
    """Return the script of a SLURM job array in which each task is one member.

    Parameters
    ----------
    command : sequence of str
        The plain run, its options after the first two words, without ``--jobs``.
    folder : Path
        Where it runs.
    name : str
        Of the recipe.
    n : int
        Members.
    jobs : int, optional
        Worker processes, and CPUs, of each; by default 1.

    Raises
    ------
    ParameterError
        If a word has a line break or another control character, which a comment cannot hold.
    """
    for word in (*command, str(folder)):
        if not word.isprintable():
            raise ParameterError(f"{word!r} cannot be written into a script: it has a control character")
    cpus = jobs or 1
    label = "syngen-" + re.sub(r"[^A-Za-z0-9._-]", "-", name)
    program, arguments = shlex.join(command[:2]), shlex.join(command[2:])
    width = f'--jobs="${{SLURM_CPUS_PER_TASK:-{cpus}}}"'
    member = f'--shard-index="$SLURM_ARRAY_TASK_ID/{n}"'
    return _SCRIPT.format(
        name=label,
        last=n - 1,
        cpus=cpus,
        folder=shlex.quote(str(folder)),
        command=f"{program} {width} {member} {arguments}",
        options=f"--job-name={label} --cpus-per-task={cpus} --chdir={shlex.quote(str(folder))}",
        plain=shlex.quote(f"{program} {width} {arguments}"),
    )
