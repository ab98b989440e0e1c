"""The ledger's files: immutable rows, the reasons of rejects, and one manifest entry a delivery.

An entry is written last and in one step, so a delivery is in the ledger wholly or not at all.
Judging a delivery does not belong here (`intake.py`), nor choosing between versions
(`selection.py`).
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from orchestration.configuration import Listed, StrictModel
from orchestration.errors import CareWarehouseError
from orchestration.ingest.contract import FeedContract, arrow_schema
from orchestration.settings import Settings

PROGRAM_TERMS = "program_terms"
ROW_GROUP_ROWS = 61_440

M = TypeVar("M", bound=StrictModel)


class Entry(StrictModel):
    """What the manifest keeps of one delivery, for ever once its status is `loaded`.

    A quarantined delivery may be judged again when `judged_by` (the digest of contract, layout and
    control file) changes; what it was called and when it was first seen stays.
    """

    delivery_id: str
    source_id: str
    payer: str
    feed: str
    period: str
    part: str
    version: int
    file_name: str
    sha256: str
    judged_by: str
    delivered_on: date
    status: Literal["loaded", "quarantined"]
    reason: str = ""
    message: str = ""
    mode: Literal["period", "snapshot", "append"]
    row_count: int = 0
    loaded_count: int = 0
    rejected_count: int = 0
    duplicate_count: int = 0
    rejected_by_reason: dict[str, int] = Field(default_factory=dict)
    flags: dict[str, int] = Field(default_factory=dict)
    warnings: Listed[str] = ()
    header: Listed[str] = ()


class Sighting(StrictModel):
    """The same bytes again under another version: no new rows, but a new place in the order."""

    delivery_id: str
    version: int
    delivered_on: date
    file_name: str


class Release(StrictModel):
    """Somebody's word that a quarantined delivery shall be loaded; kept for ever."""

    delivery_id: str
    fault: str
    reason: str
    released_by: str
    released_on: date

    def __str__(self) -> str:
        return f"released by {self.released_by} on {self.released_on}: {self.reason}"


class Seen(StrictModel):
    """How a landing file looked when it was last judged, so that it need not be read again."""

    size_bytes: int
    modified_ns: int
    control_modified_ns: int | None
    companion: str = ""
    rules: str
    is_final: bool


def delivery_id_of(source_id: str, feed: str, period: str, part: str, sha256: str) -> str:
    """16 hexadecimal digits: the same content for the same place is the same delivery."""
    text = "\n".join([source_id, feed, period, part, sha256])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rows_path(settings: Settings, entry: Entry) -> Path:
    """Where the rows of a loaded delivery lie."""
    period = f"{entry.period}.{entry.part}" if entry.part else entry.period
    folder = settings.ledger_dir / entry.feed / entry.source_id / period
    return folder / f"{entry.delivery_id}.parquet"


def rejects_path(settings: Settings, entry: Entry) -> Path:
    """Where the rejected and duplicate rows of a delivery lie, if it has any."""
    return settings.ledger_dir / "rejects" / entry.feed / f"{entry.delivery_id}.parquet"


def read_entries(settings: Settings, feed: str | None = None) -> tuple[Entry, ...]:
    """All manifest entries, of one feed or of all, by delivery id."""
    paths = sorted(_manifest(settings).glob("*.json"))
    entries = (_read(path, Entry) for path in paths if path.name.count(".") == 1)
    return tuple(entry for entry in entries if feed in (None, entry.feed))


def still_quarantined(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Quarantined deliveries in whose place none as new or newer has been loaded."""
    entries = tuple(entries)
    newest: dict[tuple[str, ...], tuple[date, int]] = {}
    for entry in entries:
        if entry.status == "loaded":
            place = (entry.feed, entry.source_id, entry.period, entry.part)
            stamp = (entry.delivered_on, entry.version)
            newest[place] = max(newest.get(place, stamp), stamp)
    return tuple(
        entry
        for entry in entries
        if entry.status == "quarantined"
        and (entry.delivered_on, entry.version)
        > newest.get((entry.feed, entry.source_id, entry.period, entry.part), (date.min, 0))
    )


def read_sightings(settings: Settings) -> tuple[Sighting, ...]:
    """All repeated sightings of loaded deliveries under other versions."""
    return tuple(_read(path, Sighting) for path in sorted(_manifest(settings).glob("*.v*.json")))


def write_entry(settings: Settings, entry: Entry) -> None:
    """Write an entry in one step; a loaded delivery's entry is never written again."""
    path = _manifest(settings) / f"{entry.delivery_id}.json"
    if path.exists() and _read(path, Entry).status == "loaded":
        raise RuntimeError(f"{path}: a loaded delivery is immutable")
    write_whole(path, entry.model_dump_json(indent=1).encode())


def write_sighting(settings: Settings, sighting: Sighting) -> None:
    """Write a sighting in one step."""
    name = f"{sighting.delivery_id}.v{sighting.version}.json"
    write_whole(_manifest(settings) / name, sighting.model_dump_json(indent=1).encode())


def read_releases(settings: Settings) -> dict[str, Release]:
    """All releases of quarantined deliveries, by delivery id."""
    paths = sorted((settings.ledger_dir / "releases").glob("*.json"))
    return {path.stem: _read(path, Release) for path in paths}


def write_release(settings: Settings, release: Release) -> None:
    """Write a release in one step."""
    path = settings.ledger_dir / "releases" / f"{release.delivery_id}.json"
    write_whole(path, release.model_dump_json(indent=1).encode())


def write_schema(settings: Settings, contract: FeedContract) -> None:
    """Keep an empty file of the contract's columns, so that a feed can be read before it comes."""
    path = settings.ledger_dir / contract.feed / "_schema" / "_" / "empty.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(".empty.parquet.tmp")
    with rows_writer(temporary, contract):
        pass
    place(temporary, path)


def rows_writer(path: Path, contract: FeedContract) -> pq.ParquetWriter:
    """Open a file of ledger rows; equal rows written in equal tables give equal bytes.

    Columns of few values get a dictionary. Those of many values would only build one in vain.
    """
    schema = arrow_schema(contract)
    columns = contract.columns.items()
    many_valued = {name for name, one in columns if one.type == "identifier" or one.is_decimal}
    few_valued = set(schema.names) - many_valued - {"row_number"}
    numeric = {field.name for field in schema if not pa.types.is_string(field.type)}
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name in few_valued],
        column_encoding={"row_number": "DELTA_BINARY_PACKED"},
        write_statistics=[name for name in schema.names if name in numeric | {"delivery_id"}],
        store_decimal_as_integer=True,
        store_schema=False,
    )


def read_seen(settings: Settings, feed: str) -> dict[str, Seen]:
    """What is remembered of a feed's landing files, by path below the landing folder."""
    path = _seen_path(settings, feed)
    if not path.exists():
        return {}
    content = json.loads(path.read_text("utf-8"))
    return {name: Seen.model_validate(seen) for name, seen in content.items()}


def write_seen(settings: Settings, feed: str, seen: Mapping[str, Seen]) -> None:
    """Remember landing files; losing this costs time, never correctness."""
    content = {name: seen[name].model_dump() for name in sorted(seen)}
    write_whole(_seen_path(settings, feed), json.dumps(content, indent=1).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, finds the old one or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    place(temporary, path)


def place(temporary: Path, path: Path) -> None:
    """Move a finished file to its place once its bytes, and then its name, are on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


@contextmanager
def feed_workplace(settings: Settings, feed: str) -> Iterator[Path]:
    """A folder for one intake of one feed; what a crashed intake left there is swept first."""
    folder = settings.ledger_dir / ".work" / feed
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{feed}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path, model: type[M]) -> M:
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CareWarehouseError(
            f"{path}: this manifest entry is damaged. Restore it from the backup of the ledger, "
            f"or remove it so that its file is taken again.\n{error}"
        ) from error


def _manifest(settings: Settings) -> Path:
    return settings.ledger_dir / "manifest"


def _seen_path(settings: Settings, feed: str) -> Path:
    return settings.ledger_dir / "seen" / f"{feed}.json"


def flush(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
