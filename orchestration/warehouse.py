"""Opens the warehouse and describes it to dbt: the one module that knows the engines.

Reads go through `read_warehouse`, which never takes the write lock; only dbt writes. What Spark
built is read by DuckDB as well, from Spark's own Parquet files, so that whatever reads the
warehouse is written once (docs/adr/0008). Queries and results do not belong here.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from orchestration.errors import CareWarehouseError
from orchestration.settings import Engine, Settings

SPARK_PACKAGES = ("dbt-spark", "pyspark")
SPARK_SCHEMA = "care"
SPARK_HOMES = ("tables", "metastore")
OLDEST_JAVA = 17
_BYTES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}


def prepare_engine(settings: Settings) -> None:
    """Raise `CareWarehouseError` with the fix where the chosen engine cannot run on this machine.

    Called before any work begins; makes the folder in which the engine keeps what is temporary.
    """
    if settings.engine == "spark":
        _require_spark(settings)
    settings.spill_dir.mkdir(parents=True, exist_ok=True)


@contextmanager
def read_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a read-only connection to the warehouse and close it, so that dbt can write again."""
    if settings.engine == "spark":
        with engine(settings) as connection:
            _name_spark_tables(connection, settings)
            yield connection
        return
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


@dataclass(frozen=True)
class BothWarehouses:
    """One connection, and by engine what to write after `from` for each of its tables."""

    connection: duckdb.DuckDBPyConnection
    relations: Mapping[Engine, Mapping[str, str]]


@contextmanager
def read_both_warehouses(on_duckdb: Settings, on_spark: Settings) -> Iterator[BothWarehouses]:
    """Yield what either engine built, views and tables, for comparing them in one query."""
    with engine(on_duckdb) as connection:
        file = str(on_duckdb.warehouse_file).replace("'", "''")
        connection.execute(f"attach '{file}' as built (read_only)")
        _name_spark_tables(connection, on_spark)
        named = connection.execute(
            "select database_name = 'built', table_name, "
            'format(\'"{}"."{}"."{}"\', database_name, schema_name, table_name) '
            "from (from duckdb_tables() select database_name, schema_name, table_name union all "
            "from duckdb_views() select database_name, schema_name, view_name where not internal) "
            "order by all"
        ).fetchall()
        relations: dict[Engine, dict[str, str]] = {
            "duckdb": {table: relation for is_built, table, relation in named if is_built},
            "spark": {table: relation for is_built, table, relation in named if not is_built},
        }
        yield BothWarehouses(connection, relations)


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
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.spill_dir),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that dbt's profile and sources read: absolute paths and limits."""
    return {
        "CARE_ENGINE": settings.engine,
        "CARE_DATA_DIR": str(settings.data_dir),
        "CARE_WAREHOUSE_FILE": str(settings.warehouse_file),
        "CARE_MEMORY_LIMIT": settings.memory_limit,
        "CARE_THREADS": str(settings.threads),
        "CARE_SPILL_DIR": str(settings.spill_dir),
        "CARE_SPARK_DIR": str(settings.spark_dir),
        "CARE_SPARK_MEMORY": f"{mebibytes(settings.memory_limit)}m",
        "DBT_PROFILES_DIR": str(settings.dbt_project_dir),
        "DBT_PROJECT_DIR": str(settings.dbt_project_dir),
        "DBT_TARGET_PATH": str(settings.dbt_target_dir),
        "DBT_LOG_PATH": str(settings.dbt_log_dir),
        "DBT_INDIRECT_SELECTION": "buildable",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def clear_for_rebuild(settings: Settings) -> None:
    """Empty what a rebuild of everything starts from: Spark's tables and its catalogue of them.

    A Spark that was killed leaves folders its catalogue does not know, and refuses to write there
    for ever. DuckDB's file recovers by itself, and keeps a model's old table until the new one is
    complete.
    """
    if settings.engine == "spark":
        for folder in (*(settings.spark_dir / name for name in SPARK_HOMES), settings.spill_dir):
            shutil.rmtree(folder, ignore_errors=True)
        settings.spill_dir.mkdir(parents=True)


def relation_row_counts(settings: Settings) -> dict[str, int]:
    """Rows of each table of the warehouse by name; views are left out, counting would run them."""
    with read_warehouse(settings) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'main' "
            "union all select view_name from duckdb_views() where schema_name = ? order by 1",
            [SPARK_SCHEMA],
        ).fetchall()
        return {
            name: connection.execute(f'select count(*) from "{name}"').fetchall()[0][0]
            for (name,) in tables
        }


def _spark_tables(settings: Settings) -> dict[str, Path]:
    """Folders of the tables that Spark completed, by name."""
    marks = (settings.spark_dir / "tables" / f"{SPARK_SCHEMA}.db").glob("*/_SUCCESS")
    return {mark.parent.name: mark.parent for mark in sorted(marks)}


def _name_spark_tables(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make Spark's tables readable by their names in `connection`, as views on their files."""
    tables = _spark_tables(settings)
    if not tables:
        raise CareWarehouseError(
            f"{settings.spark_dir}: Spark has built no warehouse yet. Run `make nightly` with"
            " CARE_ENGINE=spark first."
        )
    connection.execute(f"create schema {SPARK_SCHEMA}; use {SPARK_SCHEMA}")
    for name, folder in tables.items():
        files = str(folder / "*.parquet").replace("'", "''")
        connection.execute(f"create view \"{name}\" as from read_parquet('{files}')")


def _require_spark(settings: Settings) -> None:
    for package in SPARK_PACKAGES:
        try:
            version(package)
        except PackageNotFoundError:
            raise CareWarehouseError(
                f"CARE_ENGINE is spark, but {package} is not installed. Run `make spark`, or unset"
                " CARE_ENGINE for DuckDB."
            ) from None
    found = _java_version(settings)
    if found is None or found < OLDEST_JAVA:
        has = "there is no Java" if found is None else f"the Java here is {found}"
        raise CareWarehouseError(
            f"CARE_ENGINE is spark, which needs Java {OLDEST_JAVA} or newer, but {has}. Install"
            f" openjdk-{OLDEST_JAVA}-jre-headless (or set JAVA_HOME), or unset CARE_ENGINE for"
            " DuckDB."
        )


def _java_version(settings: Settings) -> int | None:
    java = "java" if settings.java_home is None else str(settings.java_home / "bin" / "java")
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found.group(1)) if found else None


def mebibytes(size: str) -> int:
    """A memory limit such as 6GB or 512MiB as whole MiB."""
    number = size.rstrip("GMiB")
    return int(number) * _BYTES[size.removeprefix(number)] // 2**20
