"""What exported files are called: by row, or by a template of factors such as ``{speaker}_{style}_{row}``.

A template names columns and nothing else: no attribute, no item, no conversion is ever looked up. Whatever
a value holds, a name stays inside its folder, can be a name on every system, and belongs to one row.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError, suggestion
from syngen.exports.values import plain_cells
from syngen.io.names import fault_of, twins_in
from syngen.storage.layout import key_of
from syngen.storage.tables.columns import exported_names

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["split_words", "stems"]

_MOST_PARTS = 8  # folders of a name, and the file
_SHOWN_FIELDS = 40
_HARMFUL = re.compile(r"[^\w.+-]+")
_WHOLE = re.compile(r"0?(?:[1-9][0-9]?)?d?")
_REAL = re.compile(r"0?(?:[1-9][0-9]?)?(?:\.[0-9]{1,2})?[efg]")
_WORD = re.compile(r"\w+(?:\.\w+)*")
_UNION = "all"  # what datasets calls all splits together


def stems(
    dataset: DatasetView, template: str | None, *, may_have_dots: bool = True
) -> Callable[[int], str]:
    """Return a function from the row of an observation to the name of its file, without a suffix.

    Parameters
    ----------
    dataset : DatasetView
        What is exported.
    template : str or None
        Text with columns in braces: factors, ``row``, ``split``, ``index``, ``<factor>_level`` and all
        others of the manifest. Numbers take a width and a precision, as in ``{row:06d}`` and
        ``{frequency:.1f}``. A slash divides folders. None stands for the row alone.
    may_have_dots : bool
        Whether a dot may stand in a name; otherwise it becomes a dash.

    Raises
    ------
    ParameterError
        If the template has a field that is no column, or a format that a column does not take; if a row has
        no value, a name cannot be that of a file, or two rows would have the same.
    """
    if template is None:
        return key_of
    parts = _parsed(template)
    columns = _Columns(dataset)
    texts = [
        [literal] * len(dataset) if field is None else columns.texts(field, spec)
        for literal, field, spec in parts
    ]
    named = ("".join(each) for each in zip(*texts, strict=True)) if texts else iter([""] * len(dataset))
    by_row: dict[int, str] = {}
    for row, name in zip(dataset.rows.tolist(), named, strict=True):
        by_row[row] = _checked(name if may_have_dots else name.replace(".", "-"), row, template)
    _check_distinct(by_row, template)
    return by_row.__getitem__


def _parsed(template: str) -> list[tuple[str, str | None, str]]:
    """Return literal text (no field) and fields with their formats (no literal), in order."""
    if not isinstance(template, str):
        raise ParameterError(f"name is {template!r}; a text such as '{{speaker}}_{{row}}' is needed")
    text = template[: -len(".wav")] if template.lower().endswith(".wav") else template
    found: list[tuple[str, str | None, str]] = []
    try:
        for literal, field, spec, conversion in string.Formatter().parse(text):
            if literal:
                found.append((literal, None, ""))
            if field is not None:
                if conversion:
                    raise ParameterError(
                        f"name {template!r}: {{{field}!{conversion}}} has a conversion; leave out "
                        f"!{conversion}"
                    )
                found.append(("", field, spec or ""))
    except ParameterError:
        raise
    except ValueError as error:
        raise ParameterError(
            f"name {template!r}: {error}; each field is a column in braces, as in {{row}}"
        ) from error
    return found


class _Columns:
    """The columns that a template can name, as texts for file names."""

    def __init__(self, dataset: DatasetView) -> None:
        self._dataset = dataset
        exported = exported_names(dataset.table.column_names, ("row",))
        self._columns: Mapping[str, str | None] = {
            "row": None,
            **{name: column for column, name in exported.items()},
        }

    def texts(self, field: str, spec: str) -> list[str]:
        """Return the text of every row for ``{field:spec}``."""
        if field not in self._columns:
            raise ParameterError(
                f"name has the field {{{field}}}, which is no column{suggestion(field, self._columns)}; "
                f"there are {self._listed()}"
            )
        return list(self._written(field, spec))

    def _cells(self, field: str) -> Sequence[Any]:
        column = self._columns[field]
        if column is None:
            rows: list[int] = self._dataset.rows.tolist()
            return rows
        return plain_cells(field, self._dataset.table.column(column))

    def _written(self, field: str, spec: str) -> Iterator[str]:
        for row, cell in zip(self._dataset.rows.tolist(), self._cells(field), strict=True):
            if cell is None:
                raise ParameterError(
                    f"row {row} has no {field}, which its name needs; leave {{{field}}} out"
                )
            if isinstance(cell, (list, dict)):
                raise ParameterError(
                    f"column {field!r} holds lists or structures, which cannot be part of a name; leave "
                    f"{{{field}}} out"
                )
            yield _HARMFUL.sub("-", unicodedata.normalize("NFC", _formatted(field, cell, spec)))

    def _listed(self) -> str:
        names = list(self._columns)
        more = f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else ""
        return ", ".join(names[:_SHOWN_FIELDS]) + more


def _formatted(field: str, cell: Any, spec: str) -> str:
    if not spec:
        return str(cell)
    is_number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
    is_whole = is_number and isinstance(cell, int)
    if is_number and (_REAL.fullmatch(spec) or (is_whole and _WHOLE.fullmatch(spec))):
        return format(cell, spec)
    takes = "a width and a precision, as in :06.1f" if is_number else "no format"
    takes = "a width, as in :06d" if is_whole else takes
    raise ParameterError(f"name has {{{field}:{spec}}}; {field} is {_kind(cell)} and takes {takes}")


def _kind(cell: Any) -> str:
    kinds = ((bool, "a truth value"), (int, "a whole number"), (float, "a real number"))
    return next((kind for each, kind in kinds if isinstance(cell, each)), "a text")


def _checked(name: str, row: int, template: str) -> str:
    fault = fault_of(name, most_parts=_MOST_PARTS)
    if fault is not None:
        raise ParameterError(
            f"name {template!r} makes {name!r:.120} of row {row}, which cannot be that of a file: {fault}; "
            "begin with a letter, and leave long columns out"
        )
    return name


def _check_distinct(by_row: Mapping[int, str], template: str) -> None:
    twins = twins_in(by_row.values())
    if twins is None:
        return
    first, second = twins
    one = next(row for row, name in by_row.items() if name == first)
    other = next(row for row, name in by_row.items() if name == second and row != one)
    are = "differ in case alone" if first != second else "are the same"
    raise ParameterError(
        f"name {template!r}: row {one} would be {first!r} and row {other} {second!r}, which {are}; "
        "add {row}"
    )


def split_words(splits: Sequence[str]) -> dict[str, str]:
    """Return what splits are called where only letters, digits, underscores and dots may stand.

    Names that will do stay as they are. In others each run of other characters becomes an underscore; where
    that is taken, or is ``all``, which means every split, a number follows.

    Examples
    --------
    >>> split_words(["train-clean-100", "val 1", "val_1", "all"])
    {'train-clean-100': 'train_clean_100', 'val 1': 'val_1_2', 'val_1': 'val_1', 'all': 'all_2'}
    """
    kept = {name for name in splits if _WORD.fullmatch(name) and name != _UNION}
    taken = {_UNION, *(name.casefold() for name in kept)}
    found = {}
    for name in splits:
        stem, number = re.sub(r"\W+", "_", name), 1
        word = name if name in kept else stem
        while name not in kept and word.casefold() in taken:
            number += 1
            word = f"{stem}_{number}"
        taken.add(word.casefold())
        found[name] = word
    return found
