"""Arrow arrays made from numbers and text are what pyarrow itself would have made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syngen.storage.tables.arrays import arrow_array, nullable_array, numpy_array

FLOATS = st.floats(allow_nan=False, width=32)
COLUMNS = {
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): FLOATS,
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(),
    pa.binary(32): st.binary(min_size=32, max_size=32),
}


@pytest.mark.parametrize("kind", COLUMNS, ids=str)
@given(data=st.data())
def test_values_are_those_of_pyarrow(kind: pa.DataType, data: st.DataObject) -> None:
    values = data.draw(st.lists(COLUMNS[kind]))
    array = arrow_array(values, kind)
    array.validate(full=True)
    assert array.equals(pa.array(values, kind))


@given(st.lists(st.tuples(FLOATS, st.booleans())))
def test_nulls_are_where_they_are_wanted(rows: list[tuple[float, bool]]) -> None:
    values = np.array([value for value, _ in rows], dtype=np.float32)
    is_null = np.array([null for _, null in rows], dtype=bool)
    array = nullable_array(values, pa.float32(), is_null)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.float32(), mask=is_null))


@pytest.mark.parametrize("values", [np.arange(8)[::2], np.arange(4, dtype=np.uint8), [0, 2, 4, 6]])
def test_numbers_in_other_layouts_become_those_of_the_type(values: Any) -> None:
    assert arrow_array(values, pa.int32()).equals(pa.array(list(values), pa.int32()))


@pytest.mark.parametrize(("values", "kind"), [([2**15], pa.int16()), (np.array([2**40]), pa.int32())])
def test_numbers_that_do_not_fit_are_refused(values: Any, kind: pa.DataType) -> None:
    with pytest.raises(OverflowError):
        arrow_array(values, kind)


def test_bytes_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        arrow_array([b"a" * 31, b"a" * 33], pa.binary(32))


@pytest.mark.parametrize("kind", [pa.int16(), pa.int64(), pa.float32(), pa.float64()], ids=str)
def test_numbers_come_back_from_columns_of_any_chunks(kind: pa.DataType) -> None:
    whole = arrow_array(np.arange(10), kind)
    column = pa.chunked_array([whole.slice(0, 3), whole.slice(3, 0), whole.slice(4)])
    found = numpy_array(column)
    assert found.dtype == np.dtype(kind.to_pandas_dtype())
    assert found.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert numpy_array(column.slice(2, 3)).tolist() == [2, 4, 5]
    assert numpy_array(column.slice(0, 0)).tolist() == []


@pytest.mark.parametrize("values", [[1, None], ["a"], [True]])
def test_what_is_no_column_of_numbers_is_refused(values: list[object]) -> None:
    with pytest.raises(ValueError, match="numbers are wanted"):
        numpy_array(pa.array(values))
