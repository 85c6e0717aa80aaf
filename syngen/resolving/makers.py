"""Which synthesizer made a dataset, and which version of syngen has it where this one has not.

A synthesizer of another version gives other samples for the same values. What another version made is
read and proven as ever; nothing of it is rendered here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from syngen._distribution import DISTRIBUTION, FORMER_DISTRIBUTION, distribution_of, version
from syngen.errors import EngineError, SynthesizerVersionError
from syngen.recipe.messages import abridged
from syngen.synth.registry import find_synthesizer

if TYPE_CHECKING:
    from pathlib import Path

    from syngen.synth.plugin import Synthesizer

__all__ = ["check_maker", "other_maker", "other_maker_in", "synthesizer_key"]

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+]{0,30}")


def synthesizer_key(name: str) -> str:
    """Return what ``versions`` of a dataset calls the version of a synthesizer."""
    return f"synthesizer {name}"


def other_maker(recipe: Mapping[str, Any], versions: Mapping[str, Any]) -> str | None:
    """Say which version of its synthesizer made a dataset, and what has it, if it is not the installed one.

    Parameters
    ----------
    recipe : mapping
        Recipe document of the dataset.
    versions : mapping of str to str
        Of its plan or its description.

    Returns
    -------
    str or None
        None if the installed version made it, or neither documents nor installation tell.
    """
    name = recipe.get("synthesizer")
    if not isinstance(name, str):
        return None
    made_by = versions.get(synthesizer_key(name))
    try:
        synthesizer = find_synthesizer(name)
    except EngineError:
        return None
    if made_by is None or made_by == synthesizer.version:
        return None
    shown = made_by if _is_version(made_by) else abridged(made_by)
    return (
        f"version {shown} of the synthesizer {name} made it, and version {synthesizer.version} is "
        f"installed, which makes other samples; {_remedy(synthesizer, shown, versions.get('syngen'))}"
    )


def other_maker_in(document: Mapping[str, Any]) -> str | None:
    """Say the same of the dataset whose plan.json or dataset.json this is, whatever is in it."""
    recipe, versions = document.get("recipe"), document.get("versions")
    if not isinstance(recipe, Mapping) or not isinstance(versions, Mapping):
        return None
    return other_maker(recipe, versions)


def check_maker(place: Path | str, recipe: Mapping[str, Any], versions: Mapping[str, Any]) -> None:
    """Refuse to render what another version of the synthesizer made.

    Parameters
    ----------
    place : Path or str
        Of the dataset, for the message.
    recipe, versions
        See `other_maker`.

    Raises
    ------
    SynthesizerVersionError
        With the version of syngen that can.
    """
    other = other_maker(recipe, versions)
    name = recipe.get("synthesizer")
    if isinstance(name, str) and synthesizer_key(name) not in versions:
        other = f"its documents do not say which version of the synthesizer {abridged(name)} made it"
    if other is not None:
        raise SynthesizerVersionError(f"nothing of {place} can be rendered here: {other}")


def _remedy(synthesizer: Synthesizer, wanted: str, maker: object) -> str:
    """Return what to install to have a version of a synthesizer."""
    if type(synthesizer).__module__.partition(".")[0] != __name__.partition(".")[0]:
        package = type(synthesizer).__module__.partition(".")[0]
        return f"the version of the package {package} is needed whose synthesizer has version {wanted}"
    # a stranger's file: it may name a version, and nothing else that a shell would be given
    if not _is_version(maker):
        return "the version of syngen that made it is needed, which its dataset.json does not name"
    if maker == version():
        return f"it was made while syngen {maker} was under development, by an earlier state of it"
    if distribution_of(maker) == FORMER_DISTRIBUTION:
        return (
            f"syngen {maker} is needed, which is in the repository of syngen only: the package "
            f"{FORMER_DISTRIBUTION} of the Python Package Index is another tool"
        )
    return f'syngen {maker} has it: pip install "{DISTRIBUTION}=={maker}"'


def _is_version(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None
