"""Opens the warehouse and describes it to dbt: the one module that knows the engine.

Reads go through `read_warehouse`, which never takes the write lock; only dbt writes. Queries and
results do not belong here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings


@contextmanager
def read_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a read-only connection to the warehouse and close it, so that dbt can write again."""
    if not settings.warehouse_file.exists():
        raise CareWarehouseError(
            f"{settings.warehouse_file}: there is no warehouse yet. Run `make nightly` first."
        )
    connection = duckdb.connect(
        str(settings.warehouse_file), read_only=True, config=limits(settings)
    )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def engine(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory engine within the installation's limits, for work on Parquet files."""
    connection = duckdb.connect(":memory:", config=limits(settings))
    try:
        yield connection
    finally:
        connection.close()


def limits(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """Memory, threads and spill folder as the engine's configuration."""
    spill_dir = settings.warehouse_dir / "spill"
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(spill_dir),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that dbt's profile and sources read: absolute paths and limits."""
    return {
        "CARE_DATA_DIR": str(settings.data_dir),
        "CARE_WAREHOUSE_FILE": str(settings.warehouse_file),
        "CARE_MEMORY_LIMIT": settings.memory_limit,
        "CARE_THREADS": str(settings.threads),
        "CARE_SPILL_DIR": str(settings.warehouse_dir / "spill"),
        "DBT_PROFILES_DIR": str(settings.dbt_project_dir),
        "DBT_PROJECT_DIR": str(settings.dbt_project_dir),
        "DBT_TARGET_PATH": str(settings.dbt_target_dir),
        "DBT_LOG_PATH": str(settings.dbt_log_dir),
        "DBT_INDIRECT_SELECTION": "buildable",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def relation_row_counts(settings: Settings) -> dict[str, int]:
    """Rows of each table of the warehouse by name; views are left out, counting would run them."""
    with read_warehouse(settings) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
        ).fetchall()
        return {
            name: connection.execute(f'select count(*) from "{name}"').fetchall()[0][0]
            for (name,) in tables
        }
