"""Result tables of the Python stages: typed rows to Parquet of equal bytes for equal results.

What the columns mean does not belong here; every result module declares its own row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

_PLACES = 10

Row = TypeVar("Row")


def table_of(
    rows: Sequence[Row], row_type: type[Row], types: Mapping[str, pa.DataType]
) -> pa.Table:
    """One column per field of the row's dataclass, in its order, as the given Arrow types.

    Doubles are rounded to ten decimals, which hides the last bit that two processors may differ in.
    Raises KeyError for a field without a type: the published schema is written down, not inferred.
    """
    schema = pa.schema([(field.name, types[field.name]) for field in fields(row_type)])  # type: ignore[arg-type]
    columns = [
        pa.array([_plain(getattr(row, name)) for row in rows], type=schema.field(name).type)
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write_table(table: pa.Table, file: Path) -> None:
    """Write Parquet beside the target and move it there in one step; no stamp inside."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    pq.write_table(table, unfinished, compression="zstd", store_schema=False)
    unfinished.replace(file)


def _plain(value: object) -> object:
    return round(value, _PLACES) if isinstance(value, float) else value
