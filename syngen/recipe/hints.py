"""What would be right instead of what a recipe says: other forms, and keys that go by other names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from syngen._typing import DocumentPath
from syngen.errors import suggestion

__all__ = ["form_hint", "in_yaml", "list_hint", "meant_key", "unknown_key"]

_MOST_SHOWN = 80

_KEYS_IN_ORDER: dict[str, tuple[str, ...]] = {
    "Linspace": ("start", "stop", "num"),
    "Geomspace": ("start", "stop", "num"),
    "RangeModel": ("start", "stop", "step"),
    "Interval": ("low", "high"),
    "PositiveInterval": ("low", "high"),
    "NormalModel": ("mean", "sd", "low", "high"),
}
"""Keys of the models that people write as lists, in the order in which they do."""

_EXAMPLES: dict[str, str] = {
    "AudioModel": "{sample_rate: 16000, duration: 1.0}",
    "ByFactor": "{factor: NAME, test: 0.2}",
    "CorrelationModel": "{factors: [NAME, NAME], sigma: 0.2}",
    "Extrapolation": "{factor: NAME, above: NUMBER}",
    "FactorModel": "{values: [...]}, {linspace: {start: ..., stop: ..., num: ...}}, geomspace or range",
    "Geomspace": "{start: 110.0, stop: 880.0, num: 25}",
    "Interpolation": "{factor: NAME, every: 5}",
    "Interval": "{low: 0.0, high: 1.0}",
    "Linspace": "{start: 0.0, stop: 1.0, num: 11}",
    "NormalModel": "{mean: 0.0, sd: 1.0}",
    "NuisanceModel": "{uniform: {low: ..., high: ...}}, log_uniform, normal or choice",
    "PositiveInterval": "{low: 1.0, high: 2.0}",
    "RangeModel": "{start: 0, stop: 10, step: 1}",
    "SamplingModel": "{size: 1000}",
    "SplitModel": "{random: {train: 0.8, validation: 0.1, test: 0.1}}, hold_out, by_factor, ...",
}

_SECTIONS: dict[str, str] = {
    "factors": "{timbre: {values: [sine, square]}}",
    "nuisances": "{phase: {uniform: {low: 0.0, high: 1.0}}}",
    "random": "{train: 0.8, validation: 0.1, test: 0.1}",
    "settings": "{NAME: VALUE}",
    "splits": "{default: {random: {train: 0.8, validation: 0.1, test: 0.1}}}",
}

_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "duration": ("dur", "length", "seconds", "duration_s"),
    "exclude": ("without", "excluding"),
    "geomspace": ("logspace", "log", "logarithmic"),
    "high": ("max", "maximum", "upper", "stop", "to"),
    "hold_out": ("holdout", "heldout", "held_out"),
    "linspace": ("lin", "linear"),
    "low": ("min", "minimum", "lower", "start", "from"),
    "mean": ("mu", "loc"),
    "min": ("start", "low", "from", "above"),
    "max": ("stop", "high", "to", "below"),
    "num": ("n", "count", "step", "steps", "points", "number", "size"),
    "random": ("fractions", "ratios"),
    "sample_rate": ("sr", "fs", "rate", "samplerate", "sampling_rate"),
    "sd": ("std", "sigma", "scale", "stddev"),
    "sigma": ("rho", "r", "corr", "correlation", "strength"),
    "size": ("n", "num", "count", "limit", "n_samples", "rows"),
    "start": ("min", "low", "from", "begin"),
    "stop": ("max", "high", "to", "end"),
    "synthesizer": ("synth", "engine", "generator"),
    "values": ("levels", "list", "choices"),
    "where": ("include", "only"),
}
"""What others call the keys of a recipe."""

_REMARKS: dict[tuple[str, str], str] = {
    ("logspace", "geomspace"): "it takes the first and the last value themselves, not their logarithms",
    (
        "rho",
        "sigma",
    ): "it is the width of the Gaussian in units of the whole range: 0.2 ties the two closely",
    ("sr", "sample_rate"): "in Hz",
    ("dur", "duration"): "in seconds",
}


def meant_key(key: object, known: Collection[str]) -> str | None:
    """Return which of the known keys is meant by one of another name, if that is certain."""
    name = str(key).casefold()
    return next((known_key for known_key in known if name in _OTHER_NAMES.get(known_key, ())), None)


def unknown_key(
    key: object, known: Sequence[str], elsewhere: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Say that a key is unknown, and which one is meant.

    Parameters
    ----------
    key : object
    known : sequence of str
        Keys that the map may have.
    elsewhere : mapping of str to sequence of str, optional
        Keys of other sections of the document, by section.

    Examples
    --------
    >>> unknown_key("sr", ["sample_rate", "duration"])
    "unknown key 'sr' (did you mean 'sample_rate'?): in Hz"
    >>> unknown_key("size", ["name", "seed"], {"sampling": ["size", "where"]})
    "unknown key 'size'; it belongs into sampling: {size: ...}"
    """
    shown = repr(key) if len(repr(key)) <= _MOST_SHOWN else f"{repr(key)[:_MOST_SHOWN]}..."
    meant = meant_key(key, known)
    if meant is not None:
        remark = _REMARKS.get((str(key).casefold(), meant))
        return f"unknown key {shown} (did you mean {meant!r}?)" + (f": {remark}" if remark else "")
    near = suggestion(key, known)
    for section, keys in (elsewhere or {}).items():
        there = key if key in keys else meant_key(key, keys)
        if there is not None and not near:
            return f"unknown key {shown}; it belongs into {section}: {{{there}: ...}}"
    return f"unknown key {shown}{near}"


def form_hint(model: str, path: DocumentPath, given: object) -> str:
    """Return the form that a map has where something else was given, with what was given if that fits.

    Parameters
    ----------
    model : str
        Class that the map is read as.
    path : tuple of str or int
        Of the value.
    given : object

    Examples
    --------
    >>> form_hint("Linspace", ("factors", "frequency", "linspace"), [100, 500, 50])
    'write {start: 100, stop: 500, num: 50}'
    """
    keys = _KEYS_IN_ORDER.get(model, ())
    if keys and isinstance(given, list) and 2 <= len(given) <= len(keys) and all(map(_is_number, given)):
        return f"write {in_yaml(dict(zip(keys, given, strict=False)))}"
    name = path[-1] if path else ""
    if model == "FactorModel" and given is not None and not isinstance(given, dict):
        values = given if isinstance(given, list) else [given]
        fixed = "" if isinstance(given, list) else f", or settings: {{{name}: {in_yaml(given)}}} to fix it"
        return f"write {{values: {in_yaml(values)}}}{fixed}"
    if model == "NuisanceModel" and isinstance(given, list) and given:
        is_range = len(given) == 2 and all(map(_is_number, given))
        form = (
            {"uniform": dict(zip(("low", "high"), given, strict=True))} if is_range else {"choice": given}
        )
        return f"write {in_yaml(form)}"
    if model == "NuisanceModel" and given is not None:
        return f"write {_EXAMPLES[model]}, or settings: {{{name}: {in_yaml(given)}}} to fix it"
    if model == "SamplingModel" and _is_number(given):
        return f"write {{size: {given}}}"
    if model == "CorrelationModel" and isinstance(given, list) and len(given) == 2:
        return f"write {{factors: {in_yaml(given)}, sigma: 0.2}}"
    if model in ("ByFactor", "Extrapolation", "Interpolation") and isinstance(given, str):
        return f"write {_EXAMPLES[model].replace('NAME', given)}"
    example = _EXAMPLES.get(model) or _SECTIONS.get(str(name))
    return f"as in {example}" if example else ""


def list_hint(given: object) -> str:
    """Return the list that was meant where something else was given."""
    return f"write {in_yaml([given])}" if given is not None else "write [...]"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def in_yaml(value: Any) -> str:
    """Return a value as a recipe would say it in one line; what is long is abridged.

    Examples
    --------
    >>> in_yaml({"random": {"train": 0.8, "test": 0.2}})
    '{random: {train: 0.8, test: 0.2}}'
    """
    text = _flow(value)
    if len(text) <= _MOST_SHOWN:
        return text
    return "[...]" if isinstance(value, list) else "{...}" if isinstance(value, dict) else "..."


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        is_plain = value.replace("_", "").replace("-", "").isalnum() and not value[0].isdigit()
        return value if is_plain else repr(value)
    return str(value)
