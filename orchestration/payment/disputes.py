"""Lines of an interim statement that a party disputes: raised in the window, held apart, resolved.

`data/statements/<program>/<period>/disputes.jsonl` is a log that is only added to. While a line is
in dispute its period gets no final statement (docs/adr/0011); what the lines amount to is told by
`statement.py`.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from orchestration.errors import CareWarehouseError
from orchestration.ingest.ledger import write_whole
from orchestration.settings import Settings

LOG_FILE = "disputes.jsonl"
DEFAULT_DAYS = 60

Event = Literal["raised", "upheld", "rejected"]
Line = tuple[str, str]
"""Person id and period role, as a statement's line has them."""


@dataclass(frozen=True)
class Entry:
    """One entry of the log; `upheld` and `rejected` end what `raised` began."""

    event: Event
    person_id: str
    period_role: str
    reason: str
    by: str
    on: str

    @property
    def line(self) -> Line:
        return self.person_id, self.period_role


def raise_dispute(
    settings: Settings,
    program_id: str,
    period: str,
    line: Line,
    reason: str,
    by: str,
    on: date,
) -> Entry:
    """Hold one line of the newest interim statement apart.

    Raises `CareWarehouseError` without an interim statement, after a final one, after the window,
    for a line the statement does not have, and for one that is in dispute already.
    """
    folder = _period(settings, program_id, period)
    interims = sorted(folder.glob("interim-*"))
    if (folder / "final").exists():
        raise CareWarehouseError(f"{folder.name}: the statement is final; nothing can be disputed.")
    if not interims:
        raise CareWarehouseError(f"{folder}: no interim statement to dispute yet.")
    ends = window_end(folder)
    if ends is not None and on > ends:
        raise CareWarehouseError(f"{program_id} {period}: the dispute window ended on {ends}.")
    with (interims[-1] / "members.csv").open(encoding="utf-8", newline="") as file:
        lines = {(row["person_id"], row["period_role"]) for row in csv.DictReader(file)}
    if line not in lines:
        raise CareWarehouseError(
            f"{interims[-1].name}: has no line of member {line[0]!r} in {line[1]!r}. Write both as "
            "members.csv does."
        )
    if line in open_lines(settings, program_id, period, on):
        raise CareWarehouseError(f"member {line[0]!r} in {line[1]!r} is in dispute already.")
    return _add(folder, Entry("raised", *line, reason, by, on.isoformat()))


def resolve_dispute(
    settings: Settings,
    program_id: str,
    period: str,
    line: Line,
    event: Literal["upheld", "rejected"],
    reason: str,
    by: str,
    on: date,
) -> Entry:
    """End a dispute; an upheld one is mended by corrected deliveries, never in the statement."""
    if line not in open_lines(settings, program_id, period, on):
        raise CareWarehouseError(f"member {line[0]!r} in {line[1]!r} is not in dispute.")
    folder = _period(settings, program_id, period)
    return _add(folder, Entry(event, *line, reason, by, on.isoformat()))


def open_lines(settings: Settings, program_id: str, period: str, as_of: date) -> dict[Line, Entry]:
    """Lines in dispute on a day, with the entry that raised each."""
    found: dict[Line, Entry] = {}
    for entry in read_log(_period(settings, program_id, period)):
        if entry.on > as_of.isoformat():
            continue
        if entry.event == "raised":
            found[entry.line] = entry
        else:
            found.pop(entry.line, None)
    return found


def all_open_lines(settings: Settings, as_of: date) -> dict[tuple[str, str], dict[Line, Entry]]:
    """The same by program and period, for every period with a log."""
    return {
        (path.parent.parent.name, path.parent.name): lines
        for path in sorted(settings.statements_dir.glob(f"*/*/{LOG_FILE}"))
        if (lines := open_lines(settings, path.parent.parent.name, path.parent.name, as_of))
    }


def window_end(folder: Path) -> date | None:
    """The last day on which a period's lines may be disputed; None before an interim statement.

    Counted from the first interim statement, by the days that its terms name.
    """
    first = min(folder.glob("interim-*"), default=None)
    if first is None:
        return None
    content: Mapping[str, Mapping[str, object]] = json.loads(
        (first / "statement.json").read_text("utf-8")
    )
    days = content["terms"].get("dispute_days") or DEFAULT_DAYS
    return date.fromisoformat(first.name.removeprefix("interim-")) + timedelta(days=int(str(days)))


def read_log(folder: Path) -> list[Entry]:
    """Every entry of a period, oldest first."""
    try:
        lines = (folder / LOG_FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Entry(**json.loads(line)) for line in lines]


def _period(settings: Settings, program_id: str, period: str) -> Path:
    return settings.statements_dir / program_id / period


def _add(folder: Path, entry: Entry) -> Entry:
    path = folder / LOG_FILE
    before = path.read_bytes() if path.exists() else b""
    write_whole(path, before + (json.dumps(asdict(entry)) + "\n").encode())
    path.chmod(0o600)
    return entry
