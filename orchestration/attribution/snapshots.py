"""Attribution snapshots: whom a program was given for a month, written once (docs/adr/0013).

`data/attribution/<program>/<YYYY-MM>.parquet` holds the members of a snapshot by the month of its
attribution date, as they were first published; the `.json` beside it says on which day and by which
deliveries they were known. What is known today does not belong here (`restatement.py`).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.checks import RunInputs
from orchestration.errors import CareWarehouseError
from orchestration.ingest.ledger import place, write_whole
from orchestration.outcomes.agreements import Agreement
from orchestration.publication.digests import file_sha256
from orchestration.settings import Settings

KNOWING_FEEDS = ("eligibility", "provider_roster", "program_terms")
"""Feeds whose corrections may change a past snapshot; claims alone do not (B.7)."""


@dataclass(frozen=True)
class Kept:
    """One snapshot as it was first known."""

    program_id: str
    month: str
    path: Path
    known_on: date
    input_version: str
    deliveries: Mapping[str, tuple[str, ...]]
    """Ids of the deliveries it was computed from, by feed of `KNOWING_FEEDS`."""

    @property
    def snapshot_number(self) -> int:
        """Number of its month, counted through the years."""
        return 12 * int(self.month[:4]) + int(self.month[5:]) - 1


def month_of(snapshot_number: int) -> str:
    """The month of a number as YYYY-MM."""
    return f"{snapshot_number // 12:04d}-{snapshot_number % 12 + 1:02d}"


def keep_snapshots(
    settings: Settings,
    warehouse: duckdb.DuckDBPyConnection,
    inputs: RunInputs,
    agreements: Sequence[Agreement],
) -> list[Path]:
    """Keep every snapshot of the performance periods that was not kept before; return their files.

    A snapshot owns the outcomes and the fee of the month `outcome_lag_months` later, so those of a
    period begin that much before it. A month that is kept is never written again.
    """
    wanted = panels_of(warehouse, agreements) if agreements else []
    deliveries = _deliveries(settings)
    known = {(kept.program_id, kept.month) for kept in kept_snapshots(settings)}
    written = []
    for program_id, number in wanted:
        month = month_of(number)
        if (program_id, month) in known:
            continue
        path = settings.attribution_dir / program_id / f"{month}.parquet"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        warehouse.execute(
            f"""
            copy (
                select person_id, npi, step, score
                from attribution_panel
                where program_id = {_text(program_id)} and snapshot_number = {number}
                order by person_id
            ) to {_text(str(temporary))} (format parquet, compression zstd)
            """
        )
        temporary.chmod(0o400)
        told = {
            "program_id": program_id,
            "month": month,
            "known_on": inputs.as_of.isoformat(),
            "input_version": inputs.input_version,
            "sha256": file_sha256(temporary),
            "deliveries": deliveries,
        }
        # The file that says how it was known is written last: without it nothing is kept.
        place(temporary, path)
        write_whole(path.with_suffix(".json"), json.dumps(told, indent=1).encode())
        path.with_suffix(".json").chmod(0o400)
        written.append(path)
    return written


def panels_of(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> list[tuple[str, int]]:
    """Put today's members of every snapshot into `attribution_panel`; return program and month."""
    bounds = [
        (
            agreement.program_id,
            _number(agreement.terms.performance.start_date)
            - agreement.terms.attribution.outcome_lag_months,
            _number(agreement.terms.performance.end_date)
            - agreement.terms.attribution.outcome_lag_months,
        )
        for agreement in agreements
    ]
    rows = ", ".join(f"({_text(program)}, {first}, {last})" for program, first, last in bounds)
    warehouse.execute(
        f"""
        create or replace temp table attribution_panel as
        with bounds (program_id, first_number, last_number) as (values {rows})
        select
            bounds.program_id,
            decided.snapshot_number,
            decided.person_key,
            persons.payer,
            persons.person_id,
            lpad(decided.npi::varchar, 10, '0') as npi,
            decided.step,
            decided.score
        from bounds
        inner join int_attribution_group as groups on bounds.program_id = groups.program_id
        inner join int_attribution_decided as decided
            on
                groups.group_number = decided.group_number
                and decided.snapshot_number between bounds.first_number and bounds.last_number
        inner join int_person as persons on decided.person_key = persons.person_key
        """
    )
    return warehouse.execute(
        "select distinct program_id, snapshot_number from attribution_panel order by all"
    ).fetchall()


def kept_snapshots(settings: Settings) -> list[Kept]:
    """All kept snapshots in order; raises `CareWarehouseError` where one is not as it was kept."""
    found = []
    for path in sorted(settings.attribution_dir.glob("*/*.json")):
        snapshot = path.with_suffix(".parquet")
        try:
            told = json.loads(path.read_text("utf-8"))
            kept = Kept(
                program_id=told["program_id"],
                month=told["month"],
                path=snapshot,
                known_on=date.fromisoformat(told["known_on"]),
                input_version=told["input_version"],
                deliveries={feed: tuple(told["deliveries"][feed]) for feed in KNOWING_FEEDS},
            )
            digest = told["sha256"]
        except (KeyError, TypeError, ValueError) as error:
            raise CareWarehouseError(
                f"{path}: this record of a snapshot is damaged ({error}). Restore "
                f"{settings.attribution_dir} from its backup."
            ) from error
        if not snapshot.exists() or file_sha256(snapshot) != digest:
            raise CareWarehouseError(
                f"{snapshot}: is not what was kept on {kept.known_on}. Restore "
                f"{settings.attribution_dir} from its backup."
            )
        found.append(kept)
    return found


def _deliveries(settings: Settings) -> dict[str, list[str]]:
    """Ids of the deliveries this run reads, by feed."""
    path = settings.inputs_dir / "delivery.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select feed, delivery_id from read_parquet(?) where is_selected and feed in ? "
            "order by all",
            [str(path), list(KNOWING_FEEDS)],
        ).fetchall()
    return {
        feed: [delivery for of_feed, delivery in rows if of_feed == feed] for feed in KNOWING_FEEDS
    }


def _number(day: date) -> int:
    return 12 * day.year + day.month - 1


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
