"""Text as it is spoken: numbers and signs as words, and nothing that has no sound.

An engine skips, guesses or obeys what it cannot speak. So that a transcript is what is heard, whatever has
no agreed way to be said is refused here, with its position.
"""

from __future__ import annotations

import re
import unicodedata

from syngen._values import is_whole
from syngen.errors import FactorError, ParameterError

__all__ = ["MAX_CHARACTERS", "MAX_NUMBER", "normalise", "spell_number"]

MAX_CHARACTERS = 500
"""A text has at most this many characters, as given and as spoken."""

MAX_NUMBER = 10**15
"""The largest number that is spelled out."""

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_POWERS = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_PLAIN = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2212", "-"),
    **dict.fromkeys("\u2012\u2013\u2014\u2015", " - "),
    "\u2026": "...",
    "&": " and ",
    "+": " plus ",
    "%": " percent ",
}
_PUNCTUATION = frozenset(".,;:!?'\"()-")
_CURRENCIES = {"$": ("dollar", "dollars"), "\u20ac": ("euro", "euros"), "\u00a3": ("pound", "pounds")}
_KINDS = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cn": "an unassigned character",
    "Co": "a private character",
    "Cs": "half a character",
    "Mn": "an accent that fits no letter",
    "So": "a symbol or emoji",
}
_NUMBER = re.compile(
    r"(?P<minus>(?<![\w-])-)?(?:(?P<currency>[$€£]) ?)?(?P<number>[0-9](?:[0-9.,]*[0-9])?)"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?"
    r"(?P<power> (?:hundred|thousand|million|billion|trillion)\b)?(?P<after> ?[$€£](?! ?[0-9]))?",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.(?P<fraction>[0-9]+))?")


def normalise(text: str) -> str:
    """Return a text as it will be spoken.

    Parameters
    ----------
    text : str
        English in Latin letters, at most `MAX_CHARACTERS` characters.

    Returns
    -------
    str
        In Unicode's composed form (NFC): letters and plain punctuation, single spaces, no digits. What
        this returns is returned unchanged when it is given again.

    Raises
    ------
    FactorError
        If the text is empty, says nothing, is too long, or has a character or number that cannot be
        spoken; the message has its position, counted from 1, and its code point.
    ParameterError
        If it is not text at all.

    Notes
    -----
    Typographic quotes, dashes and ellipses become plain ones. ``1,200`` is "one thousand two hundred",
    ``0.25`` "zero point two five", ``22nd`` "twenty second", ``-5`` "minus five", ``007`` its digits and
    ``12:30`` "twelve thirty"; ``$5`` is "five dollars", ``$2.5 million`` "two point five million dollars",
    and so with the signs of euro and pound; ``%``, ``&`` and ``+`` are "percent", "and", "plus". Years are
    read as any number. Characters are refused unless they are known to be
    spoken: control characters, symbols, emoji, markup, letters of other scripts, digits glued to letters.

    Examples
    --------
    >>> normalise("She won the 3rd race by 1,200 votes — 5% more!")
    'She won the third race by one thousand two hundred votes - five percent more!'
    """
    if not isinstance(text, str):
        raise ParameterError(f"{text!r} is {type(text).__name__}: a text is a string; put it in quotes")
    _check_length(text, len(text), "")
    letters, origins = _plain_characters(text)
    spoken = _with_words(text, "".join(letters), origins)
    spoken = re.sub(r" +(?=[,.;:!?)])", "", " ".join(spoken.split()))
    _check_length(text, len(spoken), " as spoken")
    if not any(letter.isalpha() for letter in spoken):
        what = "has no word to speak" if spoken else "is empty"
        raise FactorError(f"{_shortened(text)}: the text {what}; write a word, or leave the text out")
    return spoken


def spell_number(number: int, *, ordinal: bool = False) -> str:
    """Return a whole number in English words.

    Parameters
    ----------
    number : int
        -`MAX_NUMBER` to `MAX_NUMBER`.
    ordinal : bool
        "third" instead of "three".

    Returns
    -------
    str
        Words with single spaces between them, without hyphens and without "and".

    Raises
    ------
    ParameterError
        If the number is not whole, or beyond the limit.

    Examples
    --------
    >>> spell_number(-1_204), spell_number(21, ordinal=True)
    ('minus one thousand two hundred four', 'twenty first')
    """
    if not is_whole(number, -MAX_NUMBER, MAX_NUMBER):
        raise ParameterError(f"{number!r} cannot be spelled out: whole numbers up to {MAX_NUMBER:,} can")
    words = ["minus"] if number < 0 else []
    rest = abs(number)
    if rest < len(_SMALL):
        words.append(_SMALL[rest])
    else:
        named: list[str] = []
        for power in _POWERS:
            rest, group = divmod(rest, 1000)
            if group:
                named[:0] = [*_below_thousand(group), *([power] if power else [])]
        words += named
    if ordinal:
        last = words[-1]
        stem = f"{last[:-1]}ie" if last.endswith("y") else last
        words[-1] = _ORDINALS.get(last, f"{stem}th")
    return " ".join(words)


def _below_thousand(number: int) -> list[str]:
    words = [_SMALL[number // 100], "hundred"] if number >= 100 else []
    rest = number % 100
    if rest >= len(_SMALL):
        words.append(_TENS[rest // 10])
        rest %= 10
    return [*words, _SMALL[rest]] if rest else words


def _plain_characters(text: str) -> tuple[list[str], list[int]]:
    """Return composed, plain characters, and the position of each one in the text, counted from 1."""
    letters: list[str] = []
    origins: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        for character in unicodedata.normalize("NFC", text[start:end]):
            plain = _plain(character)
            if plain is None:
                place = max(start, text.find(character, start, end))
                raise FactorError(_refusal(text, place + 1, text[place]))
            for letter in plain:
                if letter != " " or (letters and letters[-1] != " "):
                    letters.append(letter)
                    origins.append(start + 1)
        start = end
    return letters, origins


def _plain(character: str) -> str | None:
    """Return what stands for a character, or None if it cannot be spoken."""
    if character in _PLAIN:
        return _PLAIN[character]
    if character in "\t\n\r" or unicodedata.category(character) in {"Zs", "Zl", "Zp"}:
        return " "
    if character in _PUNCTUATION or character in _CURRENCIES or character in "0123456789":
        return character
    is_letter = unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lo"}
    return character if is_letter and unicodedata.name(character, "").startswith("LATIN ") else None


def _refusal(text: str, position: int, character: str) -> str:
    category = unicodedata.category(character)
    name = unicodedata.name(character, "").lower() or _KINDS.get(category, "no letter")
    reason = "is of another script" if category[0] == "L" else "has no agreed way to be spoken"
    return (
        f"{_shortened(text)}: character {position} is U+{ord(character):04X} ({name}), which {reason}; "
        "remove it or write it as a word"
    )


def _with_words(text: str, plain: str, origins: list[int]) -> str:
    """Return a plain text with every number and currency spelled out."""
    parts: list[str] = []
    end = 0
    for match in _NUMBER.finditer(plain):
        before, after = plain[: match.start()][-1:], plain[match.end() :][:1]
        if before == "." or after.isalpha():
            raise FactorError(
                f"{_place(text, match, origins)} is glued to {before if before == '.' else after!r}; "
                "write it as words, or with a space beside it"
            )
        between = plain[end : match.start()]
        is_clock = between == ":" and end > 0
        gap = " " if before.isalpha() or is_clock else ""
        parts += ["" if is_clock else between, gap, _number_words(_place(text, match, origins), match)]
        end = match.end()
    parts.append(plain[end:])
    for i, letter in enumerate(plain):
        if letter in _CURRENCIES and any(letter in part for part in parts):
            raise FactorError(_refusal(text, origins[i], letter))
    return "".join(parts)


def _place(text: str, match: re.Match[str], origins: list[int]) -> str:
    position = origins[match.start("number")]
    return f"{_shortened(text)}: the number {_shortened(match['number'])} at character {position}"


def _number_words(place: str, match: re.Match[str]) -> str:
    parsed = _WHOLE.fullmatch(match["number"])
    if parsed is None:
        raise FactorError(
            f"{place} is ambiguous; write thousands as 1,200, decimals as 0.5, and a list with spaces"
        )
    digits = parsed["whole"].replace(",", "")
    if len(digits) > len(str(MAX_NUMBER)) or int(digits) > MAX_NUMBER:
        raise FactorError(f"{place} is above {MAX_NUMBER:,}; write it as words")
    if match["ordinal"] and parsed["fraction"]:
        raise FactorError(f"{place} has both decimals and an ordinal ending; write it as words")
    words = ["minus"] if match["minus"] else []
    if digits[0] == "0" and len(digits) > 1:
        words += [_SMALL[int(digit)] for digit in digits]
    else:
        words.append(spell_number(int(digits), ordinal=bool(match["ordinal"])))
    if parsed["fraction"]:
        words += ["point", *(_SMALL[int(digit)] for digit in parsed["fraction"])]
    if match["power"]:
        words.append(match["power"].strip())
    words += _currency_words(place, match, is_one=words == ["one"])
    return " ".join(words)


def _currency_words(place: str, match: re.Match[str], *, is_one: bool) -> list[str]:
    sign, after = match["currency"], (match["after"] or "").strip()
    if (sign and after) or ((sign or after) and match["ordinal"]):
        raise FactorError(f"{place} has more than one sign or ending; write it as words")
    return [_CURRENCIES[sign or after][0 if is_one else 1]] if sign or after else []


def _check_length(text: str, length: int, how: str) -> None:
    if length > MAX_CHARACTERS:
        raise FactorError(
            f"{_shortened(text)}: the text has {length:,} characters{how}, {MAX_CHARACTERS} are possible; "
            "split it into several texts"
        )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
