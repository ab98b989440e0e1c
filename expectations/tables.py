"""Frames of small tables for judging, and fingerprints of what was judged.

Amounts become doubles here and dates text: the copy is for judging only, nothing computed from it
is ever published. Suites do not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from expectations.profiles import Profiled
from expectations.suites import Suite, validate
from orchestration.checks import CheckOutcome, load_manifest
from orchestration.errors import CareWarehouseError
from orchestration.publication.digests import file_sha256, relation_digest
from orchestration.publication.marts import published_marts
from orchestration.settings import Settings
from orchestration.warehouse import engine, read_warehouse


def judge_mart(settings: Settings, suite: Suite) -> CheckOutcome:
    """Judge a dbt mart as it stands in the warehouse; a missing mart is an error."""
    marts = {mart.name: mart for mart in published_marts(load_manifest(settings.dbt_manifest_file))}
    mart = marts.get(suite.table)
    if mart is None or mart.is_outcome:
        return CheckOutcome("error", {}, (f"{suite.table}: no published mart has this name.",))
    try:
        with read_warehouse(settings) as connection:
            frame = judged_frame(connection, mart.relation)
            digest = relation_digest(connection, mart.relation)
    except (duckdb.Error, CareWarehouseError) as error:
        return CheckOutcome("error", {}, (f"{suite.table}: {error}",))
    return _with_digest(validate(suite, frame), digest)


@dataclass(frozen=True)
class MartProfile:
    """What is said of an identified mart, so that not its rows but one row about it is judged.

    `rows_where` narrows a large one, by SQL over its columns and `{relation}`: a night need not
    read every month of three years to see that this one is odd.
    """

    table: str
    columns: tuple[Profiled, ...]
    rows_where: str = "true"


def judge_profile(settings: Settings, profile: MartProfile, suite: Suite) -> CheckOutcome:
    """Judge what is said of an identified mart in the warehouse; a missing mart is an error."""
    marts = {mart.name: mart for mart in published_marts(load_manifest(settings.dbt_manifest_file))}
    mart = marts.get(profile.table)
    if mart is None or mart.audience != "restricted":
        return CheckOutcome("error", {}, (f"{profile.table}: no identified mart has this name.",))
    try:
        with read_warehouse(settings) as connection:
            frame = mart_profile(connection, mart.relation, mart.key, profile)
    except (duckdb.Error, CareWarehouseError) as error:
        return CheckOutcome("error", {}, (f"{profile.table}: {error}",))
    if not int(frame["row_count"].iloc[0]) and suite.may_be_empty:
        frame = frame.iloc[:0]
    return validate(suite, frame)


def mart_profile(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    key: Sequence[str],
    profile: MartProfile,
) -> pd.DataFrame:
    """One row about a mart: `row_count`, `repeated_keys`, and `<column>__<measure>` of each column.

    Measures are null_share, and where asked for distinct, min, max and mean. Of a mart without rows
    all but the counts are empty.
    """
    counted = ["count(*) as row_count"]
    counted.append(f"count(*) - count(distinct hash({', '.join(key)})) as repeated_keys")
    for column in profile.columns:
        value, name = f"({column.expression})", column.name
        counted.append(f"1 - count({value}) / count(*) as {name}__null_share")
        if "distinct" in column.measures:
            counted.append(f"count(distinct {value}) as {name}__distinct")
        if "range" in column.measures:
            counted.append(f"min({value})::double as {name}__min")
            counted.append(f"max({value})::double as {name}__max")
        if "mean" in column.measures:
            counted.append(f"avg({value}::double) as {name}__mean")
    where = profile.rows_where.format(relation=relation)
    frame: pd.DataFrame = connection.sql(
        f"select {', '.join(counted)} from {relation} where {where}"
    ).df()
    return frame


def judge_outcome(settings: Settings, suite: Suite) -> CheckOutcome:
    """Judge an outcome table as its Parquet file stands; a missing file is an error."""
    path = settings.outcomes_dir / f"{suite.table}.parquet"
    if not path.exists():
        return CheckOutcome("error", {}, (f"{path}: not there.",))
    try:
        with engine(settings) as connection:
            frame = judged_frame(connection, f"read_parquet('{path}')")
    except duckdb.Error as error:
        return CheckOutcome("error", {}, (f"{path}: {error}",))
    return _with_digest(validate(suite, frame), file_sha256(path))


def judged_frame(connection: duckdb.DuckDBPyConnection, relation: str) -> pd.DataFrame:
    """All rows of a relation in shapes the expectations library can compare."""
    columns: list[str] = []
    for name, kind, *_ in connection.execute(f"describe select * from {relation}").fetchall():
        quoted = '"' + str(name).replace('"', '""') + '"'
        if str(kind).startswith("DECIMAL") or kind in ("HUGEINT", "INT128"):
            columns.append(f"{quoted}::double as {quoted}")
        elif kind == "DATE":
            columns.append(f"{quoted}::varchar as {quoted}")
        else:
            columns.append(quoted)
    frame: pd.DataFrame = connection.sql(f"select {', '.join(columns)} from {relation}").df()
    return frame


def _with_digest(outcome: CheckOutcome, digest: str) -> CheckOutcome:
    """Publication compares the digest: what is published is what was judged."""
    return replace(outcome, metadata={**outcome.metadata, "content_digest": digest})
