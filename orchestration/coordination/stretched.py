"""Times a refresh of the lists at a size that no demo has: what is published, many times over.

Every copy has members, clinicians, hospitals, visits and programs of its own, and members born a
few days apart from their models, so that matching meets as many people of a day as it would. What
the lists say is the tests' business and does not belong here.
"""

import resource
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.coordination.refresh import refresh_lists
from orchestration.coordination.sources import FEEDS, TABLES, files_of, of_selection
from orchestration.errors import CareWarehouseError
from orchestration.ingest import read_selection
from orchestration.settings import Settings
from orchestration.warehouse import engine

OWN = (
    "person_id",
    "npi",
    "program_id",
    "partner_id",
    "practice_id",
    "coordinator_id",
    "case_manager_id",
    "encounter_program_id",
    "encounter_partner_id",
    "source_id",
    "care_log_id",
    "message_id",
    "facility_code",
    "facility_npi",
    "visit_number",
    "prior_visit_number",
    "medical_record_number",
    "prior_medical_record_number",
    "attending_npi",
    "primary_care_npi",
)
"""Columns in which copies differ."""
DAYS_APART = 7
TOLD_DAYS = 45
"""Messages of the demo tell of so many days; a year's are made of them, each told anew before."""
TELLINGS = 9
TIMES = ("message_at", "event_at", "admitted_at", "discharged_at", "expected_discharge_at")


@dataclass(frozen=True)
class StretchedRefresh:
    """What one refresh cost and what it was about."""

    members: int
    program_members: int
    messages: int
    coordinators: int
    cards: int
    seconds: float
    cpu_seconds: float
    peak_mebibytes: int


def time_stretched_refresh(settings: Settings, members: int, work_dir: Path) -> StretchedRefresh:
    """Copy the current generation and its ledger until programs have `members`, and refresh.

    Raises `CareWarehouseError` before the first publication.
    """
    tables = settings.published_dir / "current" / "restricted"
    if not tables.is_dir():
        raise CareWarehouseError(f"{tables}: nothing is published yet. Run `make nightly` once.")
    shutil.rmtree(work_dir, ignore_errors=True)
    large = replace(settings, data_dir=work_dir, as_of=read_selection(settings).as_of)
    large.spill_dir.mkdir(parents=True)
    shutil.copytree(settings.ledger_dir / "manifest", large.ledger_dir / "manifest")
    generation = large.published_dir / "generations" / "stretched"
    with engine(settings) as connection:
        connection.execute("set preserve_insertion_order = false")
        own = _count(connection, tables / "fct_care_member.parquet", "program_id is not null")
        copies = -(-members // max(own, 1))
        for name in TABLES.values():
            source, target = tables / f"{name}.parquet", generation / "restricted"
            target.mkdir(parents=True, exist_ok=True)
            _copy(connection, source, target / f"{name}.parquet", copies, 1)
        messages = 0
        chosen = of_selection(read_selection(settings))
        for feed in FEEDS.values():
            tellings = TELLINGS if feed == "adt_events" else 1
            mine = [one for one in chosen if one.feed == feed]
            for file in files_of(settings, feed, mine):
                target = large.ledger_dir / file.relative_to(settings.ledger_dir)
                target.parent.mkdir(parents=True)
                _copy(connection, file, target, copies, tellings)
                messages += _count(connection, target) if feed == "adt_events" else 0
        people = _count(connection, generation / "restricted" / "fct_care_member.parquet")
    (large.published_dir / "current").symlink_to("generations/stretched")
    started, cpu = time.perf_counter(), time.process_time()
    lists = refresh_lists(large).lists
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return StretchedRefresh(
        people,
        copies * own,
        messages,
        lists.coordinators,
        lists.cards,
        round(seconds, 1),
        round(cpu_seconds, 1),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    )


def _copy(
    connection: duckdb.DuckDBPyConnection, source: Path, target: Path, copies: int, tellings: int
) -> None:
    """Write a file's rows `copies` times, each of them told `tellings` times, ever earlier."""
    names = pq.read_schema(source).names
    changed: Mapping[str, str] = {
        **{
            name: f"case when copy + telling = 0 then {name} else {name} || '~' || copy"
            + (" || '.' || telling" if name in ("message_id", "visit_number") else "")
            + " end"
            for name in OWN
            if name in names
        },
        **{name: f"{name} - to_days({TOLD_DAYS} * telling)" for name in TIMES if name in names},
    }
    if "birth_date" in names:
        changed = {**changed, "birth_date": f"birth_date + {DAYS_APART} * copy"}
    told = ", ".join(f"{text} as {name}" for name, text in changed.items())
    connection.execute(
        f"""
        copy (
            select source.* replace ({told})
            from read_parquet($source) as source,
                (select unnest(range({copies}))::int as copy),
                (select unnest(range({tellings}))::int as telling)
        ) to '{target}' (format parquet)
        """,
        {"source": str(source)},
    )


def _count(connection: duckdb.DuckDBPyConnection, file: Path, condition: str = "true") -> int:
    ((count,),) = connection.execute(
        f"select count(*) from read_parquet($file) where {condition}", {"file": str(file)}
    ).fetchall()
    return int(count)
