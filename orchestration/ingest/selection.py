"""Chooses the deliveries a run reads: what was known on `as_of`, the newest version of each place.

The choice depends on the ledger alone, never on the clock or on the order of arrival. Whether a
run may go on with gaps does not belong here; they are named, and a check decides.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import CareWarehouseError
from orchestration.ingest import ledger
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.layouts import load_layouts
from orchestration.ingest.ledger import PROGRAM_TERMS, Entry
from orchestration.ingest.rejects import write_rejected_rows
from orchestration.settings import PROJECT_ROOT, Settings

CLAIMS_FEED = "medical_claims"

_CODE_FOLDERS = ("orchestration", "dbt_project", "expectations")
_CODE_SUFFIXES = (".py", ".sql", ".yml", ".csv")
_NOT_CODE = ("__pycache__", "target", "logs", "dbt_packages")

_DELIVERY_SCHEMA = pa.schema(
    [
        ("delivery_id", pa.string()),
        ("source_id", pa.string()),
        ("payer", pa.string()),
        ("feed", pa.string()),
        ("period", pa.string()),
        ("part", pa.string()),
        ("version", pa.int32()),
        ("file_name", pa.string()),
        ("sha256", pa.string()),
        ("delivered_on", pa.date32()),
        ("row_count", pa.int64()),
        ("loaded_count", pa.int64()),
        ("rejected_count", pa.int64()),
        ("duplicate_count", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("mode", pa.string()),
        ("is_selected", pa.bool_()),
        ("delivery_order", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SelectedDelivery:
    """One delivery of the ledger as a run sees it; `entry` stands at its newest known version."""

    entry: Entry
    is_selected: bool
    delivery_order: int


@dataclass(frozen=True)
class MissingPeriod:
    """A month without a selected delivery between two months that have one."""

    source_id: str
    feed: str
    period: str

    def __str__(self) -> str:
        return f"{self.source_id}/{self.feed} has no usable delivery for {self.period}"


@dataclass(frozen=True)
class Selection:
    """The inputs of a run, and what is odd about them."""

    as_of: date
    input_version: str
    claims_through_period: str
    code_version: str
    deliveries: tuple[SelectedDelivery, ...]
    missing_periods: tuple[MissingPeriod, ...]
    contested: tuple[str, ...]

    @property
    def selected(self) -> tuple[Entry, ...]:
        return tuple(delivery.entry for delivery in self.deliveries if delivery.is_selected)


def select_deliveries(settings: Settings, as_of: date | None = None) -> Selection:
    """Choose deliveries as of a day and write what a run reads of them.

    That is `inputs/{delivery,rejected_row,run}.parquet` and `run.json`.

    Without `as_of` (argument or setting) it is the latest day of a loaded data delivery. Equal
    ledger, day and code give equal files. Raises `CareWarehouseError` on an empty ledger.
    """
    selection = read_selection(settings, as_of)
    run = {
        "as_of": selection.as_of.isoformat(),
        "input_version": selection.input_version,
        "claims_through_period": selection.claims_through_period,
        "code_version": selection.code_version,
    }
    settings.inputs_dir.mkdir(parents=True, exist_ok=True)
    _write_parquet(settings.inputs_dir / "delivery.parquet", _delivery_table(selection))
    write_rejected_rows(settings, [delivery.entry for delivery in selection.deliveries])
    fields = [(name, pa.date32() if name == "as_of" else pa.string()) for name in run]
    row = {**run, "as_of": selection.as_of}
    _write_parquet(
        settings.inputs_dir / "run.parquet", pa.Table.from_pylist([row], pa.schema(fields))
    )
    text = json.dumps(run, indent=1, sort_keys=True)
    ledger.write_whole(settings.inputs_dir / "run.json", text.encode())
    return selection


def read_selection(settings: Settings, as_of: date | None = None) -> Selection:
    """Choose deliveries as of a day without writing anything."""
    entries = ledger.read_entries(settings)
    day = as_of or settings.as_of or _latest_day(settings, entries)
    known = list(_at_newest_sighting(settings, entries, day))
    chosen = _chosen(entry for entry in known if entry.status == "loaded")
    deliveries = tuple(
        SelectedDelivery(entry, entry.delivery_id in chosen, order)
        for order, entry in _ordered(known)
    )
    selected = [delivery.entry for delivery in deliveries if delivery.is_selected]
    code = code_version()
    contracts = load_layouts(settings).contracts
    return Selection(
        as_of=day,
        input_version=_input_version(day, selected, code),
        claims_through_period=_claims_through(selected),
        code_version=code,
        deliveries=deliveries,
        missing_periods=tuple(_missing(selected, contracts)),
        contested=tuple(_contested(known)),
    )


def code_version(root: Path = PROJECT_ROOT) -> str:
    """Digest over everything that computes: Python, SQL, their YAML and seeds, and the lock."""
    digest = hashlib.sha256()
    files = [root / "requirements.lock"]
    for folder in _CODE_FOLDERS:
        files.extend(path for path in (root / folder).rglob("*") if path.suffix in _CODE_SUFFIXES)
    for path in sorted(files):
        name = path.relative_to(root)
        if path.is_file() and not set(name.parts) & set(_NOT_CODE):
            digest.update(f"{name}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _latest_day(settings: Settings, entries: Iterable[Entry]) -> date:
    """The latest day of data; known content sent again as a newer version is a delivery too."""
    days = [
        entry.delivered_on
        for entry in entries
        if entry.status == "loaded" and entry.feed != PROGRAM_TERMS
    ]
    if days:
        days += [sighting.delivered_on for sighting in ledger.read_sightings(settings)]
    if not days:
        raise CareWarehouseError(
            "The ledger holds no data. Drop extracts into data/landing/<source>/<feed>/ and run "
            "the intake; its report names every file that could not be taken."
        )
    return max(days)


def _at_newest_sighting(
    settings: Settings, entries: Sequence[Entry], as_of: date
) -> Iterator[Entry]:
    """Entries that exist as of the day, each under the greatest version it was sent as by then.

    The same content sent again later as a higher version takes that version's place in the order.
    """
    sightings: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for entry in entries:
        sightings[entry.delivery_id].append((entry.delivered_on, entry.version))
    for sighting in ledger.read_sightings(settings):
        sightings[sighting.delivery_id].append((sighting.delivered_on, sighting.version))
    for entry in entries:
        known = [stamp for stamp in sightings[entry.delivery_id] if stamp[0] <= as_of]
        if known:
            delivered_on, version = max(known)
            yield entry.model_copy(update={"delivered_on": delivered_on, "version": version})


def _chosen(entries: Iterable[Entry]) -> set[str]:
    """The newest version of every period and part; of a snapshot feed, of its newest period."""
    places: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        places[entry.feed, entry.source_id, entry.period, entry.part].append(entry)
    newest = [max(versions, key=_age) for versions in places.values()]
    snapshots: dict[tuple[str, str], Entry] = {}
    for entry in sorted(newest, key=_age):
        snapshots[entry.feed, entry.source_id] = entry
    return {
        entry.delivery_id
        for entry in newest
        if entry.mode != "snapshot" or entry.period == snapshots[entry.feed, entry.source_id].period
    }


def _age(entry: Entry) -> tuple[date, str, int, str, str]:
    """Later knowledge is greater: by (delivered_on, version, sha256) between versions of a period.

    Several months delivered on one day stand in the order of their months.
    """
    return entry.delivered_on, entry.period, entry.version, entry.sha256, entry.delivery_id


def _ordered(entries: Iterable[Entry]) -> Iterator[tuple[int, Entry]]:
    """Entries by feed with their rank inside the feed, from 1."""
    by_feed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_feed[entry.feed].append(entry)
    for feed in sorted(by_feed):
        yield from enumerate(sorted(by_feed[feed], key=_age), start=1)


def _input_version(as_of: date, selected: Sequence[Entry], code: str) -> str:
    stamps = sorted(f"{entry.delivery_id} {entry.judged_by}" for entry in selected)
    text = "\n".join([as_of.isoformat(), code, *stamps])
    return hashlib.sha256(text.encode()).hexdigest()


def _months_by_feed(selected: Iterable[Entry]) -> dict[tuple[str, str], list[str]]:
    months: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in selected:
        months[entry.source_id, entry.feed].add(entry.period)
    return {place: sorted(periods) for place, periods in sorted(months.items())}


def _claims_through(selected: Sequence[Entry]) -> str:
    """The last month before a gap; of several senders of claims, the earliest of theirs."""
    ends = []
    for (_, feed), months in _months_by_feed(selected).items():
        if feed == CLAIMS_FEED:
            end = months[0]
            while _next_month(end) in months:
                end = _next_month(end)
            ends.append(end)
    return min(ends, default="")


def _missing(
    selected: Sequence[Entry], contracts: Mapping[str, FeedContract]
) -> Iterator[MissingPeriod]:
    for (source_id, feed), months in _months_by_feed(selected).items():
        if feed in contracts and contracts[feed].every_month:
            month = months[0]
            while month < months[-1]:
                month = _next_month(month)
                if month not in months:
                    yield MissingPeriod(source_id, feed, month)


def _next_month(period: str) -> str:
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def _contested(entries: Iterable[Entry]) -> Iterator[str]:
    """Places that two files with different bytes claim under the same day and version."""
    claims: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in entries:
        if entry.status == "loaded" and entry.feed != PROGRAM_TERMS:
            stamp = (entry.delivered_on.isoformat(), str(entry.version))
            claims[entry.source_id, entry.feed, entry.period, entry.part, *stamp].append(
                entry.sha256
            )
    for place, digests in sorted(claims.items()):
        if len(digests) > 1:
            source_id, feed, period, part, delivered_on, version = place
            yield (
                f"{source_id}/{feed}/{period}{'.' + part if part else ''}: {len(digests)} files "
                f"of {delivered_on} claim version {version}; the greatest sha256 counts"
            )


def _delivery_table(selection: Selection) -> pa.Table:
    rows = [
        {
            **{name: getattr(delivery.entry, name) for name in _DELIVERY_SCHEMA.names[:-2]},
            "is_selected": delivery.is_selected,
            "delivery_order": delivery.delivery_order,
        }
        for delivery in selection.deliveries
    ]
    return pa.Table.from_pylist(rows, schema=_DELIVERY_SCHEMA)


def _write_parquet(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary)
    ledger.place(temporary, path)
