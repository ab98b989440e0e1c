"""Result tables of the Python stages: typed rows to Parquet of equal bytes for equal results.

What the columns mean does not belong here; every result module declares its own row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PLACES = 10
_ARROW_TYPES: Mapping[object, pa.DataType] = {
    kind: arrow
    for plain, arrow in (
        (str, pa.string()),
        (int, pa.int64()),
        (bool, pa.bool_()),
        (float, pa.float64()),
        (date, pa.date32()),
    )
    for kind in (plain, plain | None)
}

Row = TypeVar("Row", bound="DataclassInstance")


def table_of(
    rows: Sequence[Row], row_type: type[Row], types: Mapping[str, pa.DataType] | None = None
) -> pa.Table:
    """One column per field of the row's dataclass, in its order.

    `types` names the Arrow types of what is no text, whole number, truth value, day or double.
    Doubles are rounded to ten decimals, which hides the last bit that two processors may differ in.
    Raises KeyError for a field of another type that `types` does not name.
    """
    given = types or {}
    schema = pa.schema(
        [
            (field.name, given[field.name] if field.name in given else _ARROW_TYPES[field.type])
            for field in fields(row_type)
        ]
    )
    columns = [
        pa.array([_plain(getattr(row, name)) for row in rows], type=schema.field(name).type)
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write_table(table: pa.Table, file: Path) -> Path:
    """Write Parquet beside the target and move it there in one step; no stamp inside."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    pq.write_table(table, unfinished, compression="zstd", store_schema=False)
    unfinished.replace(file)
    return file


def _plain(value: object) -> object:
    return round(value, _PLACES) if isinstance(value, float) else value
