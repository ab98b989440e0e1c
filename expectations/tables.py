"""Frames of small tables for judging, and fingerprints of what was judged.

Amounts become doubles here and dates text: the copy is for judging only, nothing computed from it
is ever published. Suites do not belong here.
"""

import duckdb
import pandas as pd

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
    metadata = {**outcome.metadata, "content_digest": digest}
    return CheckOutcome(outcome.status, metadata, outcome.problems, outcome.warnings)
