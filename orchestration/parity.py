"""Builds one small demo on both engines and compares what they built, row by row.

What a model means does not belong here: the engines are held to each other, not to METHODS.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from rich.table import Table

from orchestration.dbt_process import executable
from orchestration.errors import CareWarehouseError
from orchestration.publication.generations import current_generation, generations_dir
from orchestration.settings import ENGINES, Engine, Settings
from orchestration.warehouse import dbt_environment, prepare_engine, read_both_warehouses

CLAIM_KEYS = ("claim_key", "family_key")
CLAIM_NAMES = "parity_claim_name"
CHOSEN_CLAIMS = ("evidence_claim_key", "earlier_evidence_claim_key")
"""Columns that name one of several claims that prove the same: each engine takes the one that is
first in its own numbers, so they are not compared."""

Relations = Mapping[str, str]
"""What stands after `from` to read a table, by the table's name."""


@dataclass(frozen=True)
class TableParity:
    """One table on two engines: its rows, how many of them the other has not, and what differs."""

    table: str
    rows: int
    only_first: int
    only_second: int
    differences: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not (self.only_first or self.only_second or self.differences)


@dataclass(frozen=True)
class ParityReport:
    """The comparison of all tables, and how long each stage of it took."""

    tables: tuple[TableParity, ...]
    seconds: Mapping[str, float]

    @property
    def is_equal(self) -> bool:
        return bool(self.tables) and all(table.is_equal for table in self.tables)


def run_parity(
    settings: Settings, members: int, seed: int, say: Callable[[str], None]
) -> ParityReport:
    """Simulate about `members` members, run a night on each engine, and compare their tables.

    Works in a folder of its own under the warehouse's, made anew. Raises `CareWarehouseError`
    before any work where Spark cannot run on this machine.
    """
    work = settings.warehouse_dir / "parity"
    installations: dict[Engine, Settings] = {
        engine: replace(settings, data_dir=work, engine=engine) for engine in ENGINES
    }
    shutil.rmtree(work, ignore_errors=True)
    for installation in installations.values():
        prepare_engine(installation)
    seconds: dict[str, float] = {}

    @contextmanager
    def told(stage: str) -> Iterator[None]:
        say(stage)
        started = time.monotonic()
        yield
        seconds[stage] = time.monotonic() - started

    care = [sys.executable, "-m", "orchestration"]
    environments = {engine: dbt_environment(installations[engine]) for engine in ENGINES}
    with told("simulate"):
        command = [*care, "simulate", "--members", str(members), "--seed", str(seed)]
        _run(command, environments["duckdb"])
    results: dict[Engine, dict[str, str]] = {}
    for engine in ENGINES:
        with told(f"night on {engine}"):
            _run([*care, "nightly"], environments[engine])
            results[engine] = _results(installations[engine])
        with told(f"names of claims on {engine}"):
            _run([executable(), "run-operation", "write_parity_claim_names"], environments[engine])
    with told("compare"), read_both_warehouses(*installations.values()) as both:
        tables = [{**both.relations[engine], **results[engine]} for engine in ENGINES]
        compared = compare_relations(both.connection, *tables)
    return ParityReport(tuple(compared), seconds)


def compare_relations(
    connection: duckdb.DuckDBPyConnection, first: Relations, second: Relations
) -> list[TableParity]:
    """Compare tables of equal name: their columns in order, types, and rows as multisets.

    Nulls equal nulls and nothing else; no tolerance. A table that one side lacks is a difference.
    A claim's key, a number that each engine makes in its own way (macro pair_key), is compared as
    the payer and claim number it stands for; of `CHOSEN_CLAIMS` only whether there is one.
    """
    tables = sorted((first.keys() | second.keys()) - {CLAIM_NAMES})
    return [_compare(connection, table, first, second) for table in tables]


def parity_table(report: ParityReport) -> Table:
    """The comparison as a table for a terminal; equal tables and unequal ones alike."""
    table = Table(title="DuckDB and Spark")
    for heading in ("table", "rows", "only DuckDB", "only Spark"):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    table.add_column("differs in")
    for row in report.tables:
        counts = (f"{row.rows:,}", f"{row.only_first:,}", f"{row.only_second:,}")
        table.add_row(row.table, *counts, ", ".join(row.differences))
    table.add_section()
    sums = (
        sum(getattr(row, name) for row in report.tables)
        for name in ("rows", "only_first", "only_second")
    )
    table.add_row(f"{len(report.tables)} tables", *(f"{value:,}" for value in sums), "")
    return table


def _compare(
    connection: duckdb.DuckDBPyConnection, table: str, first: Relations, second: Relations
) -> TableParity:
    for side, name in ((first, "first"), (second, "second")):
        if table not in side:
            return TableParity(table, 0, 0, 0, (f"not on the {name} engine",))
    types = [_types(connection, side[table]) for side in (first, second)]
    rows = [_count(connection, f"from {side[table]}") for side in (first, second)]
    if list(types[0]) != list(types[1]):
        unequal = types[0].keys() ^ types[1].keys()
        told = ", ".join(sorted(unequal)) if unequal else "order"
        return TableParity(table, rows[0], rows[0], rows[1], (f"columns: {told}",))
    differences = [
        f"{column}: {kind} and {types[1][column]}"
        for column, kind in types[0].items()
        if kind != types[1][column]
    ]
    selects = [_named(side, table, list(types[0])) for side in (first, second)]
    only_first = _count(connection, f"from ({selects[0]} except all {selects[1]})")
    only_second = _count(connection, f"from ({selects[1]} except all {selects[0]})")
    if only_first or only_second:
        differences += _unequal_columns(connection, list(types[0]), selects)
    return TableParity(table, rows[0], only_first, only_second, tuple(differences))


def _unequal_columns(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], selects: Sequence[str]
) -> list[str]:
    """Columns whose values alone differ; none where only their combination does."""
    return [
        column
        for column in columns
        if any(
            _count(
                connection,
                f'from (select "{column}" from ({one}) except all '
                f'select "{column}" from ({other}))',
            )
            for one, other in ((selects[0], selects[1]), (selects[1], selects[0]))
        )
    ]


def _named(side: Relations, table: str, columns: Sequence[str]) -> str:
    """Select the table's columns, with the name of a claim for its key.

    A key without a name stays a number and so differs: nothing is compared as unknown.
    """
    listed, joins = [], []
    for column in columns:
        if column in CHOSEN_CLAIMS:
            listed.append(f"keyed.{column} is not null as {column}")
        elif column in CLAIM_KEYS:
            names = f"names_of_{column}"
            listed.append(
                f"coalesce({names}.claim_name, cast(keyed.{column} as varchar)) as {column}"
            )
            joins.append(
                f"left join {side[CLAIM_NAMES]} as {names} on keyed.{column} = {names}.claim_key"
            )
        else:
            listed.append(f'keyed."{column}"')
    return f"select {', '.join(listed)} from {side[table]} as keyed {' '.join(joins)}"


def _types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = connection.execute(f"describe select * from {relation}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in described}


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    return int(connection.execute(f"select count(*) {source}").fetchall()[0][0])


def _results(installation: Settings) -> dict[str, str]:
    """What Python computed from the engine's tables, and what was published after its night."""
    generation = generations_dir(installation) / str(current_generation(installation))
    folders = {"outcomes": installation.outcomes_dir, "published": generation}
    return {
        f"{name}/{path.stem}": f"read_parquet('{_quoted(path)}')"
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*.parquet"))
    }


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    ended = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise CareWarehouseError(
            f"`{' '.join(command)}` ended with {ended.returncode}:\n{ended.stdout[-4000:]}"
        )
