"""What an utterance does over time: its words, its phones, and when the voice sounds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.synth.trajectories import Trajectory

if TYPE_CHECKING:
    from syngen._typing import BoolArray
    from syngen.synth.plugin import Span
    from syngen.synth.trajectories import Moments

__all__ = ["is_voiced_phone", "speech_trajectories"]

# stress marks, lengths and the ends of affricates are looked through
_VOICELESS = frozenset("pftksxhθʃçχħʔqcɸʂʈɕʍɬ")  # noqa: RUF001  # letters of IPA
_MARKS = frozenset("ːˈˌ")


def is_voiced_phone(phone: str) -> bool:
    """Return whether the voice sounds in a phone of IPA; not in silence.

    Examples
    --------
    >>> is_voiced_phone("n"), is_voiced_phone("dʒ"), is_voiced_phone("tʃ"), is_voiced_phone("")
    (True, True, False, False)
    """
    letters = [letter for letter in phone if letter.isalpha() and letter not in _MARKS]
    return bool(letters) and letters[0] not in _VOICELESS


def speech_trajectories(moments: Moments, *, is_whispered: bool) -> dict[str, Trajectory]:
    """Return words, phones and voicing over time.

    Parameters
    ----------
    moments : Moments
    is_whispered : bool
        Whether the style of the utterance has no voice.

    Returns
    -------
    dict of str to Trajectory
        ``word`` and ``phone``, texts that are empty in silence; ``voicing``, whether the phone is one in
        which the voice sounds, by its kind in IPA and not by measurement.
    """
    words = _texts_at(moments, [span for span in moments.spans if span.kind == "word"])
    phones = _texts_at(moments, [span for span in moments.spans if span.kind == "phone"])
    known = {phone: is_voiced_phone(phone) and not is_whispered for phone in set(phones)}
    voicing: BoolArray = np.array([known[phone] for phone in phones], dtype=bool)
    return {
        "word": Trajectory(np.array(words, dtype=str)),
        "phone": Trajectory(np.array(phones, dtype=str)),
        "voicing": Trajectory(voicing),
    }


def _texts_at(moments: Moments, spans: Sequence[Span]) -> list[str]:
    ends = [span.end for span in spans]
    return [spans[bisect_right(ends, sample)].text for sample in moments.samples.tolist()]
