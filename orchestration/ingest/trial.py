"""Tries a file of a sender before it is dropped: the whole intake, in a folder that is thrown away.

Nothing of the installation is read but its configuration, and nothing is written to it.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestration.configuration import suggestion
from orchestration.errors import CareWarehouseError
from orchestration.ingest.intake import Outcome, take_feed
from orchestration.ingest.landing import CONTROL_SUFFIX, LandingProblem, belonging
from orchestration.ingest.layouts import Layouts, load_layouts
from orchestration.ingest.rejects import RejectedValue, read_rejected
from orchestration.ingest.remedies import rejections
from orchestration.settings import Settings

_SHOWN_ROWS = 10


@dataclass(frozen=True)
class Trial:
    """What a file would do as a delivery of one feed; without an outcome it would not be taken."""

    feed: str
    outcome: Outcome | None
    problems: tuple[LandingProblem, ...]
    told: tuple[str, ...]
    rejected: tuple[RejectedValue, ...]

    @property
    def loads(self) -> bool:
        return self.outcome is not None and self.outcome.status == "loaded"


def try_file(
    settings: Settings, source_id: str, file: Path, feed: str | None = None
) -> tuple[Trial, ...]:
    """Try a file as a sender's delivery of `feed`.

    Without one, of the feed whose folder it lies in; else of every feed the sender declares: those
    it would load as, or all where it would as none. Raises `CareWarehouseError` where sender, feed
    or file are not there.
    """
    layouts = load_layouts(settings)
    if not file.is_file():
        raise CareWarehouseError(f"{file} is no file.")
    feeds = _feeds(layouts, source_id, file, feed)
    with TemporaryDirectory(prefix="care-check-sender-") as folder:
        rooms = {
            name: replace(settings, data_dir=Path(folder) / name, settle_seconds=0)
            for name in feeds
        }
        trials = tuple(
            _try_as(room, layouts, source_id, file, name) for name, room in rooms.items()
        )
    return tuple(trial for trial in trials if trial.loads) or trials


def _feeds(layouts: Layouts, source_id: str, file: Path, feed: str | None) -> list[str]:
    if not layouts.knows(source_id):
        raise CareWarehouseError(
            f"No data/payers/{source_id}.yml. {suggestion(source_id, list(layouts.senders))}"
        )
    sender = layouts.senders.get(source_id)
    declared = list(sender.feeds) if sender else []
    wanted = feed or (file.parent.name if file.parent.name in declared else None)
    if wanted in declared:
        return [wanted]
    in_the_way = [
        str(problem)
        for one in layouts.unusable
        if one.source_id == source_id and wanted in (None, one.feed)
        for problem in one.problems
    ]
    if wanted or not declared:
        told = " ".join(in_the_way) or suggestion(str(wanted), declared)
        raise CareWarehouseError(
            f"{source_id} has no usable layout of {wanted or 'any feed'}. {told}"
        )
    return declared


def _try_as(room: Settings, layouts: Layouts, source_id: str, file: Path, feed: str) -> Trial:
    place = room.landing_dir / source_id / feed / file.name
    place.parent.mkdir(parents=True)
    for one in belonging(file, layouts.senders[source_id].feeds[feed]):
        shutil.copyfile(one, place.with_name(one.name))
    control = file.with_name(file.name + CONTROL_SUFFIX)
    result = take_feed(room, feed)
    outcome = result.taken[0] if result.taken else None
    if outcome is None:
        return Trial(feed, None, result.problems, (), ())
    entry = outcome.entry
    told = [str(one) for one in rejections(entry, layouts.contracts[feed])]
    told += [f"{count} kept and flagged: {rule}" for rule, count in sorted(entry.flags.items())]
    told += entry.warnings
    _, rejected = read_rejected(room, entry, at_most=_SHOWN_ROWS)
    if not control.is_file():
        told.append("There is no control file, so neither rows nor sums could be held against it.")
    return Trial(feed, outcome, result.problems, tuple(told), rejected)
