"""Writes tables of a generation: Parquet in key order, and the DuckDB file BI tools open.

What is hidden in a table does not belong here (`marts.py`), nor where it is kept
(`generations.py`). Equal tables give Parquet files of equal bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.publication.digests import relation_digest
from orchestration.publication.marts import PublishedMart

STORAGE_VERSION = "v1.0.0"
"""DuckDB 1.0 and later open files written so (FAULTS 66)."""
_PARQUET = "format parquet, compression zstd, row_group_size 122880"


@dataclass(frozen=True)
class LoadedTable:
    """One table as the DuckDB file holds it."""

    name: str
    rows: int
    digest: str


def keep_order(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the engine write rows in the order asked for; elsewhere it may trade that for speed."""
    connection.execute("set preserve_insertion_order = true")


def write_parquet(
    connection: duckdb.DuckDBPyConnection, relation: str, key: Sequence[str], path: Path
) -> int:
    """Write a relation to Parquet ordered by its key (all columns if none) and count its rows."""
    order = ", ".join(f"{_quoted(column)} nulls first" for column in key) or "all nulls first"
    connection.execute(
        f"copy (select * from {relation} order by {order}) to {_text(path)} ({_PARQUET})"
    )
    rows = connection.execute(
        "select num_rows from parquet_file_metadata(?)", [str(path)]
    ).fetchall()
    return int(rows[0][0])


def write_arrow(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, key: Sequence[str], path: Path
) -> int:
    """Write an Arrow table the same way."""
    connection.register("publishing", table)
    try:
        return write_parquet(connection, "publishing", key, path)
    finally:
        connection.unregister("publishing")


def write_marts_file(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Sequence[tuple[str, Path]],
    described: Sequence[PublishedMart],
) -> list[LoadedTable]:
    """Load the Parquet files into a new DuckDB file, each table with its description.

    Raises whatever the engine raises when the disk is full; the caller throws the folder away.
    """
    connection.execute(f"attach {_text(path)} as marts (storage_version {_text(STORAGE_VERSION)})")
    loaded: list[LoadedTable] = []
    descriptions = {mart.name: mart for mart in described}
    try:
        for name, parquet in sorted(tables):
            table = f"marts.main.{_quoted(name)}"
            connection.execute(
                f"create table {table} as select * from read_parquet({_text(parquet)})"
            )
            mart = descriptions.get(name)
            if mart is not None:
                _describe(connection, table, mart)
            count = connection.execute(f"select count(*) from {table}").fetchall()
            digest = relation_digest(connection, table)
            loaded.append(LoadedTable(name, int(count[0][0]), digest))
        connection.execute("checkpoint marts")
    finally:
        connection.execute("detach marts")
    return loaded


def _describe(connection: duckdb.DuckDBPyConnection, table: str, mart: PublishedMart) -> None:
    if mart.description:
        connection.execute(f"comment on table {table} is {_text(mart.description)}")
    row_names = connection.execute(f"describe {table}").fetchall()
    known = {str(row[0]) for row in row_names}
    for column, description in mart.column_descriptions:
        if description and column in known:
            connection.execute(
                f"comment on column {table}.{_quoted(column)} is {_text(description)}"
            )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
