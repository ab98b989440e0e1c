"""What was refused, by delivery: for the warehouse without values, for the engineer with them.

The values of rejected rows may identify somebody, so they stay in the ledger's own files and are
shown on this machine alone. Why a row is rejected does not belong here (`judge.py`).
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import CareWarehouseError
from orchestration.ingest import ledger
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.intake import take_feed
from orchestration.ingest.landing import LandingFile, belonging, scan
from orchestration.ingest.layouts import load_layouts
from orchestration.ingest.ledger import Entry, Release
from orchestration.ingest.remedies import NO_LONGER_GIVEN, remedy
from orchestration.ingest.verification import delivery_sha256
from orchestration.settings import Settings
from orchestration.warehouse import engine

DUPLICATE = "duplicate_of_row"
_FILES_AT_ONCE = 500

REJECTED_ROW_SCHEMA = pa.schema(
    [
        ("delivery_id", pa.string()),
        ("row_number", pa.int64()),
        ("column_name", pa.string()),
        ("reason", pa.string()),
        ("remedy", pa.string()),
    ]
)


@dataclass(frozen=True)
class RejectedValue:
    """One value that was not accepted, and what to do about it; it may identify somebody."""

    row_number: int
    place: str
    value: str | None
    reason: str
    remedy: str


@dataclass(frozen=True)
class RejectedRows:
    """What was refused of a delivery: `rows` are the first findings asked for, of `findings`.

    `told` says what was done to find them, where the ledger does not hold them.
    """

    entry: Entry
    findings: int
    rows: tuple[RejectedValue, ...]
    told: str = ""


def write_rejected_rows(settings: Settings, entries: Sequence[Entry]) -> None:
    """Write `inputs/rejected_row.parquet`: every finding of these deliveries, without its value.

    One row per delivery, row of its file, column and reason. Repeated rows are no rejects.
    """
    contracts = load_layouts(settings).contracts
    spoilt = sorted(
        (entry for entry in entries if entry.rejected_count), key=lambda one: one.delivery_id
    )
    path = settings.inputs_dir / "rejected_row.parquet"
    temporary = path.with_name(f".{path.name}.tmp")
    with (
        pq.ParquetWriter(temporary, REJECTED_ROW_SCHEMA, compression="zstd") as writer,
        engine(settings) as connection,
    ):
        for first in range(0, len(spoilt), _FILES_AT_ONCE):
            some = spoilt[first : first + _FILES_AT_ONCE]
            connection.register("remedies", _remedies(some, contracts))
            files = [str(ledger.rejects_path(settings, entry)) for entry in some]
            reader = connection.sql(
                """
                select found.delivery_id, found.row_number, found.column_name, found.reason,
                       coalesce(remedies.remedy, ?) as remedy
                from (
                    select parse_filename(filename, true) as delivery_id,
                           row_number, column_name, reason
                    from read_parquet(?, filename = true)
                    where reason <> ?
                ) as found
                left join remedies
                    on found.delivery_id = remedies.delivery_id and found.reason = remedies.reason
                order by all
                """,
                params=[NO_LONGER_GIVEN, files, DUPLICATE],
            ).to_arrow_reader(ledger.ROW_GROUP_ROWS)
            for batch in reader:
                writer.write_batch(batch.cast(REJECTED_ROW_SCHEMA))
    ledger.place(temporary, path)


def rejected_rows(
    settings: Settings,
    delivery_id: str,
    column: str | None = None,
    reason: str | None = None,
    at_most: int = 20,
) -> RejectedRows:
    """The rejected values of a delivery, the first `at_most` in the order of its file.

    Those of a quarantined delivery are found by judging its file again, if it still lies in
    landing, as if it were released: in a folder that is thrown away. Raises `CareWarehouseError`
    for an unknown delivery.
    """
    entries = {entry.delivery_id: entry for entry in ledger.read_entries(settings)}
    entry = entries.get(delivery_id)
    if entry is None:
        raise CareWarehouseError(
            f"No delivery {delivery_id!r} in the ledger. fct_delivery and agg_reject name their "
            "deliveries by this id, and so does the intake's report."
        )
    if entry.status == "loaded":
        findings, rows = read_rejected(settings, entry, column, reason, at_most)
        return RejectedRows(entry, findings, rows)
    return _judged_again(settings, entry, column, reason, at_most)


def read_rejected(
    settings: Settings,
    entry: Entry,
    column: str | None = None,
    reason: str | None = None,
    at_most: int = 20,
) -> tuple[int, tuple[RejectedValue, ...]]:
    """How many findings of a loaded delivery are asked for, and the first of them."""
    path = ledger.rejects_path(settings, entry)
    if not path.exists():
        return 0, ()
    with engine(settings) as connection:
        found = connection.execute(
            """
            select row_number, column_name, value, reason, count(*) over ()
            from read_parquet($file)
            where reason <> $duplicate
                and coalesce(column_name = $column, true)
                and coalesce(reason = $reason, true)
            order by row_number, column_name, reason
            limit $most
            """,
            {
                "file": str(path),
                "duplicate": DUPLICATE,
                "column": column,
                "reason": reason,
                "most": at_most,
            },
        ).fetchall()
    contract = load_layouts(settings).contracts.get(entry.feed)
    rows = [
        RejectedValue(
            row_number, place, value, why, remedy(why, contract) if contract else NO_LONGER_GIVEN
        )
        for row_number, place, value, why, _ in found
    ]
    return int(found[0][-1]) if found else 0, tuple(rows)


def _judged_again(
    settings: Settings, entry: Entry, column: str | None, reason: str | None, at_most: int
) -> RejectedRows:
    """What a release of a quarantined delivery would leave out, found without releasing it."""
    layouts = load_layouts(settings)
    layout = layouts.layout(entry.source_id, entry.feed)
    files, _ = scan(settings, layouts)
    same = [one for one in files if one.path.name == entry.file_name and _is_of(one, entry)]
    if layout is None or not same or delivery_sha256(same[0]) != entry.sha256:
        told = f"{entry.file_name} does not lie in landing as it was judged; nothing to show."
        return RejectedRows(entry, 0, (), told)
    with TemporaryDirectory(prefix="care-rejects-") as folder:
        room = replace(settings, data_dir=Path(folder), settle_seconds=0)
        place = room.landing_dir / entry.source_id / entry.feed / entry.file_name
        place.parent.mkdir(parents=True)
        for one in belonging(same[0].path, layout):
            shutil.copyfile(one, place.with_name(one.name))
        word = Release(
            delivery_id=entry.delivery_id,
            fault=entry.reason,
            reason="to look at its rows",
            released_by="nobody",
            released_on=entry.delivered_on,
        )
        ledger.write_release(room, word)
        taken = take_feed(room, entry.feed).taken
        if not taken or taken[0].status != "loaded":
            return RejectedRows(entry, 0, (), "Its rows cannot be read one by one.")
        findings, rows = read_rejected(room, taken[0].entry, column, reason, at_most)
    return RejectedRows(entry, findings, rows, "Judged again as if it had been released.")


def _is_of(file: LandingFile, entry: Entry) -> bool:
    return (file.source_id, file.feed) == (entry.source_id, entry.feed)


def _remedies(entries: Iterable[Entry], contracts: Mapping[str, FeedContract]) -> pa.Table:
    """What to do about every reason that a delivery's rows were rejected for."""
    told = {
        (entry.delivery_id, reason): remedy(reason, contracts[entry.feed])
        for entry in entries
        if entry.feed in contracts
        for place in entry.rejected_by_reason
        for reason in [place.rpartition(": ")[2]]
    }
    return pa.table(
        {
            "delivery_id": pa.array([delivery for delivery, _ in told], pa.string()),
            "reason": pa.array([reason for _, reason in told], pa.string()),
            "remedy": pa.array(list(told.values()), pa.string()),
        }
    )
