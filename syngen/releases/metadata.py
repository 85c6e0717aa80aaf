"""What the documents of a release are made from, and the words that several of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.errors import ParameterError
from syngen.storage.description import Description
from syngen.storage.publication import Publication
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = [
    "KEYWORDS",
    "LICENCES",
    "PAPER_AUTHORS",
    "PAPER_TITLE",
    "PAPER_URL",
    "PAPER_YEAR",
    "ReleaseMetadata",
    "engine_sentences",
    "limits",
    "uses",
]

KEYWORDS = ("audio", "synthetic data", "generative factors", "disentanglement", "representation learning")
PAPER_TITLE = "Learning Disentangled Audio Representations through Controlled Synthesis"
PAPER_AUTHORS = ("Brima, Yusuf", "Krumnack, Ulf", "Pika, Simone", "Heidemann, Gunther")
PAPER_YEAR = 2024
PAPER_URL = "https://arxiv.org/abs/2402.10547"

LICENCES = {
    "cc0-1.0": ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "cc-by-4.0": ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "cc-by-sa-4.0": ("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "cc-by-nc-sa-4.0": ("CC-BY-NC-SA-4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
    "pddl-1.0": ("PDDL-1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    "odc-by-1.0": ("ODC-By-1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    "odbl-1.0": ("ODbL-1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "apache-2.0": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": ("MIT", "https://opensource.org/license/mit"),
}
"""Name as SPDX has it, and address, of the licences that data is usually under, by folded name."""

_ENGINES = {
    "espeak": (
        "The speech was made by eSpeak NG, which synthesises it from formants: no recording of a person is "
        "in it. eSpeak NG is a program under the GPL, version 3 or later. That licence covers the program; "
        "it says nothing of the sound that the program makes, and no part of the program is in this "
        "release."
    ),
    "pyttsx3": (
        "The speech was made by the voices of an operating system through pyttsx3. What their output may "
        "be used for is stated in the licence of that system and of its voices, which whoever publishes "
        "this release has to have read."
    ),
    "command": (
        "The speech was made by a program that the recipe names. What its output may be used for is stated "
        "in the licence of that program and of its voices, which whoever publishes this release has to "
        "have read."
    ),
}


@dataclass(frozen=True)
class ReleaseMetadata:
    """A release as its documents see it.

    Attributes
    ----------
    description : Description
        Of a release.
    vocabulary : Vocabulary
    dataset : DatasetView
    files : mapping of str to tuple of int and str
        Bytes and SHA-256 of plan, recipe, tables and shards, by name.
    """

    description: Description
    vocabulary: Vocabulary
    dataset: DatasetView
    files: Mapping[str, tuple[int, str]]

    @property
    def release(self) -> Publication:
        """Version, authors and so on."""
        if self.description.release is None:
            raise ParameterError("the dataset is not a release")
        return self.description.release

    @property
    def name(self) -> str:
        """Name of the dataset, as in ``syntone-small``."""
        return str(self.description.recipe["name"])

    @property
    def title(self) -> str:
        """Title for people."""
        return str(self.description.recipe.get("title") or self.name)

    @property
    def is_spoken(self) -> bool:
        """Whether it is speech."""
        return self.vocabulary.speaks

    @property
    def engine(self) -> str | None:
        """Name of the speech engine, as far as the recipe says it."""
        engine = self.description.recipe.get("settings", {}).get("engine", "espeak")
        return str(engine) if self.is_spoken else None

    @property
    def licence(self) -> tuple[str, str] | None:
        """Name and address of the licence of the data; an unknown name has SPDX's address."""
        name = self.description.licence
        if not name:
            return None
        fallback = (name, f"https://spdx.org/licenses/{name}") if re.fullmatch(r"[\w.+-]+", name) else None
        return LICENCES.get(name.casefold(), fallback)

    @property
    def summary(self) -> str:
        """Two sentences on what it is."""
        names = _listed([factor.name for factor in self.vocabulary.grid.factors])
        kind = "utterances" if self.is_spoken else "sounds"
        hours = self.description.hours
        amount = f"{hours:,.1f} hours" if hours >= 1.0 else f"{60.0 * hours:,.1f} minutes"
        return (
            f"{self.description.n_rows:,} synthetic {kind} ({amount}, {self.vocabulary.sample_rate:,} Hz, "
            f"16 bit, mono) with exactly known generative factors: {names}. Every observation is a pure "
            "function of the recipe and its index, and can be made again bit for bit with syngen."
        )

    @property
    def citation(self) -> str:
        """One line to cite it by."""
        year = f" ({self.release.date[:4]})" if self.release.date else ""
        url = f" {self.release.url}" if self.release.url else ""
        authors = "; ".join(self.release.authors)
        return f"{authors}{year}. {self.title}, version {self.release.version} [Data set].{url}"

    @property
    def keywords(self) -> tuple[str, ...]:
        """What it may be searched for by."""
        return (*KEYWORDS, "speech synthesis") if self.is_spoken else KEYWORDS


def uses(subject: ReleaseMetadata) -> list[str]:
    """Return sentences on what a release is meant for."""
    found = [
        (
            "Training and scoring representations of audio against the factors that made it: "
            "disentanglement, probing, robustness to single factors."
        ),
        "Tests of analysis software, such as estimators of pitch or level, against known values.",
    ]
    if subject.is_spoken:
        found.append("Asking whether representations separate speaker, text and style on unseen ones.")
    return found


def limits(subject: ReleaseMetadata) -> list[str]:
    """Return sentences on what a release must not be taken for."""
    found = [
        "It is synthetic: what is learned or measured here need not hold for recordings.",
        (
            "Its factors are those of the recipe and independent of one another, as far as the recipe does "
            "not say otherwise; in the world they are not."
        ),
    ]
    if subject.is_spoken:
        found += [
            (
                "The voices are nobody's and sound synthetic. Accents, ages and ways of speaking of people "
                "are not represented; speakers, genders and styles are parameters of a synthesizer."
            ),
            "It is not meant for speech that is to be taken for a person's, nor for judging people.",
        ]
    else:
        found.append("It has no melody, no room, no noise but that which the recipe adds, and no mixture.")
    return found


def engine_sentences(subject: ReleaseMetadata) -> str:
    """Return what is to be said of the licence of what made the sound."""
    if not subject.is_spoken:
        return (
            "The sound was computed by syngen (Apache-2.0), whose licence does not extend to what it "
            "makes. No recording is in it."
        )
    return _ENGINES.get(subject.engine or "", _ENGINES["command"])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
