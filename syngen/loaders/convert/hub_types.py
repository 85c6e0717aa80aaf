"""Arrow types as Hugging Face ``datasets`` holds and declares them.

Dates, times, decimals, lists and structures keep their types. Categories become their values, and lists of
every other form plain ones. What ``datasets`` has no feature for is refused.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

from syngen.errors import ParameterError

__all__ = ["Feature", "card_feature", "feature_of", "written_as", "written_type"]

Feature: TypeAlias = Any
"""As ``datasets`` writes it: a dict of ``_type`` and more, a dict of fields, or a list of one feature."""

_PLAIN = (
    *(pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating),
    *(pa.types.is_temporal, pa.types.is_string, pa.types.is_large_string),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_decimal128, pa.types.is_decimal256),
)
_DTYPES = {
    "double": "float64",
    "float": "float32",
    "halffloat": "float16",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}
_MOST_DIGITS = 38  # of decimal128


def written_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column of some type is written.

    Parameters
    ----------
    name : str
        Of the column, for the message.
    kind : pyarrow.DataType

    Raises
    ------
    ParameterError
        If ``datasets`` cannot hold such a column.
    """
    try:
        return _written(kind)
    except _NoFeatureError as error:
        raise ParameterError(
            f"column {name!r} is of the Arrow type {kind}, and datasets has no feature for {error}; "
            "turn it into text, or leave it out"
        ) from None


class _NoFeatureError(Exception):
    """A type that ``datasets`` cannot declare."""


def _written(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_dictionary(kind):
        return _written(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(_written(kind.value_type))
    if types.is_struct(kind):
        fields = [kind.field(position) for position in range(kind.num_fields)]
        if not fields or len({field.name for field in fields}) < len(fields):
            raise _NoFeatureError("a structure without fields, or with two of one name")
        return pa.struct([pa.field(field.name, _written(field.type)) for field in fields])
    if types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_interval(kind) or not any(is_such(kind) for is_such in _PLAIN):
        if str(kind) in ("string_view", "binary_view"):
            return pa.string() if str(kind) == "string_view" else pa.binary()
        if types.is_decimal(kind):  # the narrow ones of later versions of Arrow
            return pa.decimal128(_MOST_DIGITS, kind.scale)
        raise _NoFeatureError(str(kind))
    return kind


def feature_of(kind: pa.DataType) -> Feature:
    """Return the feature of a column of a type that `written_type` gives."""
    if pa.types.is_list(kind):
        inner = feature_of(kind.value_type)
        # a Sequence of fields would be read as fields of sequences
        return [inner] if pa.types.is_struct(kind.value_type) else {"feature": inner, "_type": "Sequence"}
    if pa.types.is_struct(kind):
        fields = [kind.field(position) for position in range(kind.num_fields)]
        return {field.name: feature_of(field.type) for field in fields}
    return {"dtype": _DTYPES.get(str(kind), str(kind)), "_type": "Value"}


def card_feature(feature: Feature) -> dict[str, Any]:
    """Return a feature as the front matter of a dataset card has it, without its name."""
    if isinstance(feature, list):
        return {"list": card_feature(feature[0])["struct"]}
    match feature.get("_type"):
        case "Audio":
            return {"dtype": {"audio": {"sampling_rate": feature["sampling_rate"], "decode": False}}}
        case "ClassLabel":
            names = {str(code): label for code, label in enumerate(feature["names"])}
            return {"dtype": {"class_label": {"names": names}}}
        case "Sequence":
            inner = card_feature(feature["feature"])
            return {"sequence": inner["dtype"]} if "dtype" in inner else {"list": inner}
        case "Value":
            return {"dtype": feature["dtype"]}
        case _:  # fields, one of which may be called _type
            return {"struct": [{"name": name, **card_feature(inner)} for name, inner in feature.items()]}


def written_as(name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """Return a column as one array of the type in which it is written.

    Raises
    ------
    ParameterError
        If a value cannot be.
    """
    try:
        return column.cast(kind).combine_chunks()
    except pa.ArrowException as error:
        raise ParameterError(
            f"column {name!r} of the Arrow type {column.type} cannot be written as {kind}: {error}"
        ) from error
