"""Releases a quarantined delivery: somebody answers, with a reason, for what speaks against it.

Only the sender's own statements and the contract's thresholds can be set aside. Bytes that cannot
be read, or a layout nobody knows, cannot: they need another file, or another layout.
"""

from datetime import date

from orchestration.configuration import suggestion
from orchestration.errors import CareWarehouseError
from orchestration.ingest import ledger
from orchestration.ingest.ledger import Entry, Release
from orchestration.settings import Settings

RELEASABLE = (
    "checksum_differs",
    "row_count_differs",
    "sum_differs",
    "header_only",
    "too_many_rejects",
)
_SHORTEST_REASON = 10


def release_delivery(
    settings: Settings, delivery_id: str, reason: str, released_by: str, today: date
) -> Release:
    """Note a release for ever, so that the next intake loads what can be loaded of the delivery.

    Raises `CareWarehouseError` where there is no such quarantined delivery in the landing folder,
    where its fault cannot be released, or where no reason is given.
    """
    entry = _quarantined(settings, delivery_id)
    if len(reason.strip()) < _SHORTEST_REASON:
        raise CareWarehouseError(
            f"The reason {reason!r} says too little. Say who confirmed what, and when."
        )
    if entry.reason not in RELEASABLE:
        raise CareWarehouseError(
            f"{delivery_id} is quarantined for {entry.reason}, which cannot be released (only "
            f"{', '.join(RELEASABLE)}). {entry.message}"
        )
    file = settings.landing_dir / entry.source_id / entry.feed / entry.file_name
    if not file.exists():
        raise CareWarehouseError(f"{file} is not there any more. Drop it again, then release it.")
    release = Release(
        delivery_id=delivery_id,
        fault=entry.reason,
        reason=reason.strip(),
        released_by=released_by,
        released_on=today,
    )
    with ledger.feed_workplace(settings, entry.feed):
        ledger.write_release(settings, release)
        name = str(file.relative_to(settings.landing_dir))
        seen = ledger.read_seen(settings, entry.feed)
        ledger.write_seen(
            settings, entry.feed, {other: one for other, one in seen.items() if other != name}
        )
    return release


def _quarantined(settings: Settings, delivery_id: str) -> Entry:
    entries = {entry.delivery_id: entry for entry in ledger.read_entries(settings)}
    entry = entries.get(delivery_id)
    if entry is None or entry.status != "quarantined":
        what = "is loaded already" if entry else "is no delivery"
        waiting = [one.delivery_id for one in entries.values() if one.status == "quarantined"]
        known = suggestion(delivery_id, waiting) if waiting else "None is quarantined."
        raise CareWarehouseError(f"{delivery_id!r} {what}. {known}")
    return entry
