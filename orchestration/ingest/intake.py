"""Takes what lies in the landing folder into the ledger, one feed at a time.

The delivery is the unit: verified, typed, counted and entered in the manifest, or quarantined as a
whole with a named reason while the others load. Which version counts is not decided here
(`selection.py`).
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from orchestration.configuration import suggestion
from orchestration.errors import CareWarehouseError, DeliveryError
from orchestration.ingest import ledger
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.judge import Provenance
from orchestration.ingest.landing import (
    Control,
    LandingFile,
    LandingProblem,
    is_settled,
    read_control,
    scan,
)
from orchestration.ingest.layouts import Layouts, load_layouts
from orchestration.ingest.ledger import Entry, Release, Seen, Sighting
from orchestration.ingest.parser_process import parse_apart
from orchestration.ingest.parsing import ParseJob
from orchestration.ingest.sender import Sender
from orchestration.ingest.verification import delivery_sha256, sha256_of
from orchestration.settings import Settings
from orchestration.warehouse import engine


@dataclass(frozen=True)
class Difference:
    """How a restatement differs from the version before it, in whole rows."""

    restated_id: str
    rows_added: int
    rows_removed: int


@dataclass(frozen=True)
class Outcome:
    """What became of one landing file in this intake."""

    entry: Entry
    status: Literal["loaded", "quarantined", "duplicate"]
    seconds: float
    difference: Difference | None = None

    def __str__(self) -> str:
        entry = self.entry
        name = f"{entry.source_id}/{entry.feed}/{entry.file_name!r}"
        if self.status == "quarantined":
            return f"{name} quarantined: {entry.reason}. {entry.message}"
        if self.status == "duplicate":
            return f"{name} is already in the ledger as delivery {entry.delivery_id}; nothing done"
        counts = (
            f"{entry.row_count} rows = {entry.loaded_count} loaded + {entry.rejected_count} "
            f"rejected + {entry.duplicate_count} duplicates"
        )
        return f"{name} loaded as {entry.delivery_id}: {counts} in {self.seconds:.1f} s"


@dataclass(frozen=True)
class FeedIntake:
    """The result of one intake of one feed: what was taken now, and all the ledger knows."""

    feed: str
    taken: tuple[Outcome, ...]
    waiting: tuple[LandingFile, ...]
    problems: tuple[LandingProblem, ...]
    entries: tuple[Entry, ...]

    @property
    def quarantined(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.status == "quarantined")


Progress = Callable[[Outcome], None]


@dataclass(frozen=True)
class _Order:
    """One file to take, with all that judges it."""

    file: LandingFile
    sender: Sender
    contract: FeedContract
    sha256: str
    delivery_id: str
    rules: str
    first_seen_on: date
    release: Release | None

    @property
    def judged_by(self) -> str:
        """Digest of all that decides what becomes of the file, a release included."""
        if self.release is None:
            return self.rules
        text = f"{self.rules}\n{self.release.model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()


def pending(settings: Settings) -> tuple[LandingFile, ...]:
    """Complete files in the landing folder that have not been judged by the present rules."""
    layouts = load_layouts(settings)
    files, _ = scan(settings, layouts)
    now = time.time()
    seen = {feed: ledger.read_seen(settings, feed) for feed in layouts.contracts}
    return tuple(
        file
        for file in files
        if is_settled(file, settings, now)
        and not _is_known(file, settings, seen[file.feed], layouts)
    )


def landing_problems(settings: Settings) -> tuple[LandingProblem, ...]:
    """Everything in the landing folder that cannot be taken as a delivery, or not yet."""
    layouts = load_layouts(settings)
    seen = {feed: ledger.read_seen(settings, feed) for feed in layouts.feeds}
    problems = scan(settings, layouts)[1]
    return tuple(one for one in problems if not _was_taken(one, settings, seen.get(one.feed or "")))


def take_feed(
    settings: Settings,
    feed: str,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> FeedIntake:
    """Take every complete new file of `feed`; idempotent, and safe to kill at any moment.

    `now` only decides what is still settling, and the day first seen of files that do not say when
    they were delivered. A bad file raises nothing, it is quarantined; a file whose contract or
    layout cannot be used is a problem of the intake, and waits.
    """
    layouts = load_layouts(settings)
    if feed not in layouts.feeds:
        raise CareWarehouseError(f"No feed {feed!r}. {suggestion(feed, layouts.feeds)}")
    now = now or datetime.now(UTC)
    with ledger.feed_workplace(settings, feed) as workplace:
        if contract := layouts.contracts.get(feed):
            ledger.write_schema(settings, contract)
        found, problems = scan(settings, layouts)
        files = [file for file in found if file.feed == feed]
        seen = ledger.read_seen(settings, feed)
        known = {file for file in files if _is_known(file, settings, seen, layouts)}
        waiting = [file for file in files if not is_settled(file, settings, now.timestamp())]
        ready = [file for file in files if file not in known and file not in waiting]
        entries = {entry.delivery_id: entry for entry in ledger.read_entries(settings, feed)}
        orders = _orders(settings, ready, layouts, entries, now.date())
        taken = _take_all(settings, orders, entries, workplace, progress)
        of_feed = [problem for problem in problems if problem.feed == feed]
        remembered = _remembered(settings, known, of_feed, orders, taken, seen)
        ledger.write_seen(settings, feed, remembered)
    return FeedIntake(
        feed=feed,
        taken=taken,
        waiting=tuple(file for file in waiting if file not in known),
        problems=tuple(one for one in of_feed if not _was_taken(one, settings, seen)),
        entries=ledger.read_entries(settings, feed),
    )


def _orders(
    settings: Settings,
    files: Sequence[LandingFile],
    layouts: Layouts,
    entries: Mapping[str, Entry],
    today: date,
) -> list[_Order]:
    """Identify every file by its bytes, lowest version first."""
    ordered = sorted(files, key=lambda file: (file.source_id, file.period, file.part, file.version))
    with ThreadPoolExecutor(settings.threads) as pool:
        digests = list(pool.map(delivery_sha256, ordered))
    releases = ledger.read_releases(settings)
    orders = []
    for file, digest in zip(ordered, digests, strict=True):
        delivery_id = ledger.delivery_id_of(
            file.source_id, file.feed, file.period, file.part, digest
        )
        before = entries.get(delivery_id)
        sender, contract = layouts.senders[file.source_id], layouts.contracts[file.feed]
        orders.append(
            _Order(
                file=file,
                sender=sender,
                contract=contract,
                sha256=digest,
                delivery_id=delivery_id,
                rules=sender.rules_digest(contract),
                first_seen_on=before.delivered_on if before else today,
                release=releases.get(delivery_id),
            )
        )
    return orders


def _take_all(
    settings: Settings,
    orders: Sequence[_Order],
    entries: dict[str, Entry],
    workplace: Path,
    progress: Progress | None,
) -> tuple[Outcome, ...]:
    """Load new content, several deliveries at once; then note files whose content is known.

    An unforeseen error of one delivery is raised only after the others have been taken.
    """
    if not orders:
        return ()
    first_of: dict[str, _Order] = {}
    for order in orders:
        known = entries.get(order.delivery_id)
        if known is None or known.status == "quarantined":
            first_of.setdefault(order.delivery_id, order)
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(settings.threads) as takers:
        running = [takers.submit(_take, settings, order, workplace) for order in first_of.values()]
        errors = [future.exception() for future in running]
        for future, error in zip(running, errors, strict=True):
            if error is None:
                outcome = future.result()
                entries[outcome.entry.delivery_id] = outcome.entry
                outcomes.append(_with_difference(settings, outcome, entries.values()))
                if progress:
                    progress(outcomes[-1])
    for error in errors:
        if error is not None:
            raise error
    for order in orders:
        if first_of.get(order.delivery_id) is not order:
            outcomes.append(_note_duplicate(settings, order, entries[order.delivery_id]))
            if progress:
                progress(outcomes[-1])
    return tuple(outcomes)


def _take(settings: Settings, order: _Order, workplace: Path) -> Outcome:
    """Load or quarantine one delivery; its entry is the last thing written."""
    started = time.monotonic()
    try:
        entry = _load(settings, order, workplace)
    except DeliveryError as error:
        entry = _entry(order, _stated_day(order), "quarantined").model_copy(
            update={"reason": error.reason, "message": str(error)}
        )
    ledger.write_entry(settings, entry)
    return Outcome(entry, entry.status, time.monotonic() - started)


def _load(settings: Settings, order: _Order, workplace: Path) -> Entry:
    """Verify, type and place the rows of one delivery; raise `DeliveryError` to quarantine it."""
    control, contract = read_control(order.file), order.contract
    if order.release:
        # Somebody answers for what the sender states of it, and for how many rows are bad.
        control = Control(None, None, {}, control.delivered_on)
        every_row = {"greatest_rejected_share": Decimal(1), "may_be_empty": "always"}
        contract = contract.model_copy(update=every_row)
    if control.sha256 is not None:
        found = sha256_of(order.file.path) if order.file.companion else order.sha256
        if control.sha256 != found:
            raise DeliveryError(
                "checksum_differs",
                f"The control file says sha256 {control.sha256}, the file has {found}. "
                "Ask the sender to send both again.",
            )
    entry = _entry(order, control.delivered_on or order.first_seen_on, "loaded")
    job = ParseJob(
        file=order.file,
        contract=contract,
        layout=order.sender.feeds[order.file.feed],
        control=control,
        provenance=Provenance(
            payer=order.sender.payer,
            source_id=order.sender.source_id,
            delivery_id=order.delivery_id,
            delivered_on=entry.delivered_on,
        ),
        is_released=order.release is not None,
        folder=workplace / order.delivery_id,
    )
    job.folder.mkdir()
    parsed = parse_apart(settings, job)
    if job.rejects_path.exists():
        ledger.place(job.rejects_path, ledger.rejects_path(settings, entry))
    ledger.place(job.rows_path, ledger.rows_path(settings, entry))
    for leftover in job.folder.iterdir():
        leftover.unlink()
    typed = parsed.typed
    return entry.model_copy(
        update={
            "row_count": typed.row_count,
            "loaded_count": typed.loaded_count,
            "rejected_count": typed.rejected_count,
            "duplicate_count": typed.duplicate_count,
            "rejected_by_reason": dict(typed.rejected_by_reason),
            "flags": dict(typed.flags),
            "warnings": (*parsed.warnings, *_told(order.release)),
            "header": parsed.header,
        }
    )


def _told(release: Release | None) -> tuple[str, ...]:
    return () if release is None else (str(release),)


def _entry(order: _Order, delivered_on: date, status: Literal["loaded", "quarantined"]) -> Entry:
    return Entry(
        delivery_id=order.delivery_id,
        source_id=order.file.source_id,
        payer=order.sender.payer,
        feed=order.file.feed,
        period=order.file.period,
        part=order.file.part,
        version=order.file.version,
        file_name=order.file.path.name,
        sha256=order.sha256,
        judged_by=order.judged_by,
        delivered_on=delivered_on,
        status=status,
        mode=order.contract.mode,
    )


def _stated_day(order: _Order) -> date:
    """When a quarantined file says it was delivered, if its control file can be read at all."""
    try:
        return read_control(order.file).delivered_on or order.first_seen_on
    except DeliveryError:
        return order.first_seen_on


def _note_duplicate(settings: Settings, order: _Order, known: Entry) -> Outcome:
    """The bytes are known: no new rows; under another version they get a place in its order."""
    if known.status == "quarantined":
        return Outcome(known, "quarantined", 0.0)
    if order.file.version != known.version:
        sighting = Sighting(
            delivery_id=known.delivery_id,
            version=order.file.version,
            delivered_on=_stated_day(order),
            file_name=order.file.path.name,
        )
        ledger.write_sighting(settings, sighting)
    return Outcome(known, "duplicate", 0.0)


def _with_difference(settings: Settings, outcome: Outcome, entries: Iterable[Entry]) -> Outcome:
    """Say how a restated period differs from the newest version before it."""
    new = outcome.entry
    place = (new.source_id, new.period, new.part)
    before = [
        entry
        for entry in entries
        if entry.status == "loaded"
        and (entry.source_id, entry.period, entry.part) == place
        and entry.delivery_id != new.delivery_id
        and (entry.delivered_on, entry.version) <= (new.delivered_on, new.version)
    ]
    if outcome.status != "loaded" or new.mode == "snapshot" or not before:
        return outcome
    old = max(before, key=lambda entry: (entry.delivered_on, entry.version, entry.sha256))
    paths = [str(ledger.rows_path(settings, entry)).replace("'", "''") for entry in (new, old)]
    stamps = "delivery_id, row_number"
    rows = [f"select * exclude ({stamps}) from read_parquet('{path}')" for path in paths]
    with engine(settings) as connection:
        added, removed = (
            connection.execute(f"select count(*) from ({one} except all {other})").fetchall()[0][0]
            for one, other in (rows, rows[::-1])
        )
    difference = Difference(old.delivery_id, int(added), int(removed))
    return Outcome(new, outcome.status, outcome.seconds, difference)


def _is_known(
    file: LandingFile, settings: Settings, seen: Mapping[str, Seen], layouts: Layouts
) -> bool:
    """Whether the file looks as when it was last judged, and would be judged alike today."""
    before = seen.get(_name(file, settings))
    if before is None:
        return False
    looks = (before.size_bytes, before.modified_ns, before.control_modified_ns)
    if looks != (file.size_bytes, file.modified_ns, file.control_modified_ns):
        return False
    if before.companion != _looks_of_companion(file):
        return False
    rules = layouts.senders[file.source_id].rules_digest(layouts.contracts[file.feed])
    return before.is_final or before.rules == _judged_within(settings, rules)


def _judged_within(settings: Settings, rules: str) -> str:
    """All that quarantined a file, its memory too: what did not fit is tried again with more."""
    return f"{rules} {settings.memory_limit}"


def _looks_of_companion(file: LandingFile) -> str:
    """How the other file of a pair looks, in one text; empty where there is none."""
    other = file.companion
    if other is None:
        return ""
    return f"{other.path.name} {other.size_bytes} {other.modified_ns} {other.control_modified_ns}"


def _was_taken(
    problem: LandingProblem, settings: Settings, seen: Mapping[str, Seen] | None
) -> bool:
    """Whether a file that cannot be read now is in the ledger already, as it lies there."""
    before = (seen or {}).get(_name(problem, settings))
    if before is None or not before.is_final:
        return False
    status = problem.path.lstat()
    return (before.size_bytes, before.modified_ns) == (status.st_size, status.st_mtime_ns)


def _name(found: LandingFile | LandingProblem, settings: Settings) -> str:
    return str(found.path.relative_to(settings.landing_dir))


def _remembered(
    settings: Settings,
    known: Iterable[LandingFile],
    problems: Iterable[LandingProblem],
    orders: Iterable[_Order],
    taken: Iterable[Outcome],
    seen: Mapping[str, Seen],
) -> dict[str, Seen]:
    """Keep what still lies in landing; a quarantined file is judged again under other rules."""
    statuses = {outcome.entry.delivery_id: outcome.entry.status for outcome in taken}
    still_there = {_name(file, settings) for file in known}
    still_there |= {_name(problem, settings) for problem in problems}
    remembered = {name: one for name, one in seen.items() if name in still_there}
    for order in orders:
        remembered[_name(order.file, settings)] = Seen(
            size_bytes=order.file.size_bytes,
            modified_ns=order.file.modified_ns,
            control_modified_ns=order.file.control_modified_ns,
            companion=_looks_of_companion(order.file),
            rules=_judged_within(settings, order.rules),
            is_final=statuses[order.delivery_id] == "loaded",
        )
    return remembered
