"""Statements that were issued: kept for ever, final ones never written again (docs/adr/0011).

`data/statements/<program>/<period>/<name>/` holds one statement with its lines and the panel
snapshots it paid on; a name is `final`, `interim-<as_of>` or, once there is a final one,
`runout-<as_of>`. What a statement says does not belong here (`statement.py`).
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.errors import CareWarehouseError, PublicationRefused
from orchestration.ingest.ledger import flush, write_whole
from orchestration.payment.costs import text_literal
from orchestration.payment.fee import PANELS_FILE
from orchestration.payment.statement import (
    LINES_FILE,
    RESULT_PARTS,
    STATEMENT_FILE,
    Json,
    PaidSnapshots,
    Statement,
    flattened,
    seal_of,
)
from orchestration.settings import Settings

FINAL = "final"
PAGE_FILE = "statement.html"
RUNOUT_FILE = "runout.json"
DRAFTS = "statements"
_PARTS = {"program_id", "period", "kind", "settlement", "provenance", "seal"}


@dataclass(frozen=True)
class Difference:
    """One thing two statements of a program and period disagree on."""

    place: str
    stated: str
    found: str

    def __str__(self) -> str:
        return f"{self.place}: stated {self.stated or 'nothing'}, found {self.found or 'nothing'}"


@dataclass(frozen=True)
class Issued:
    """What became of one draft."""

    program_id: str
    name: str
    path: Path
    is_new: bool


def drafts_dir(settings: Settings) -> Path:
    """Where a run puts its drafts; they are issued once every check has passed."""
    return settings.outcomes_dir / DRAFTS


def paid_snapshots(settings: Settings, as_of: str) -> dict[tuple[str, str], PaidSnapshots]:
    """By program and period, the newest interim statement issued before that day."""
    paid: dict[tuple[str, str], PaidSnapshots] = {}
    for path in sorted(settings.statements_dir.glob(f"*/*/interim-*/{PANELS_FILE}")):
        name, period, program_id = (path.parents[number].name for number in range(3))
        if name < f"interim-{as_of}":
            paid[program_id, period] = PaidSnapshots(f"{period}/{name}", path)
    return paid


def paid_of(settings: Settings, statement: Statement) -> dict[tuple[str, str], PaidSnapshots]:
    """The snapshots that a statement was trued up against; raises where they are gone."""
    fee = statement.get("fee")
    name = fee.get("trued_up_against") if isinstance(fee, dict) else None
    if name is None:
        return {}
    program_id = str(statement["program_id"])
    panels = settings.statements_dir / program_id / str(name) / PANELS_FILE
    if not panels.exists():
        raise CareWarehouseError(
            f"{panels}: the snapshots this statement was trued up against are gone. Restore "
            f"{settings.statements_dir} from its backup."
        )
    return {(program_id, str(statement["period"])): PaidSnapshots(str(name), panels)}


def issue_statements(settings: Settings, input_version: str) -> list[Issued]:
    """Keep this run's drafts: the first final of a period, the interim of a day, or a run-out line.

    A final statement is never written again. A later draft that comes to other results gives a
    run-out line beside it; one that comes to the same gives nothing. A replay of an earlier day
    than the newest statement's issues nothing. Raises `PublicationRefused` for drafts of other
    inputs than the ones that were judged, before any statement is written.
    """
    # A backup names this folder also before the first statement.
    settings.statements_dir.mkdir(parents=True, exist_ok=True)
    drafts = [
        (path, read_statement(path))
        for path in sorted(drafts_dir(settings).glob(f"*/{STATEMENT_FILE}"))
    ]
    for path, statement in drafts:
        if _provenance(statement, "input_version") != input_version:
            raise PublicationRefused(
                f"{path}: was drafted on other inputs. Materialize agg_shared_savings again."
            )
    issued = []
    for draft, statement in drafts:
        period = settings.statements_dir / str(statement["program_id"]) / str(statement["period"])
        final = period / FINAL
        if final.exists():
            found = _run_out(final, draft, statement)
            if found is not None:
                issued.append(found)
            continue
        name = FINAL if statement["kind"] == FINAL else f"interim-{_as_of(statement)}"
        newest = max((path.name for path in period.glob("interim-*")), default="")
        if name != FINAL and name < newest:
            continue
        issued.append(_keep(draft, statement, period / name))
    return issued


def kept_statements(settings: Settings) -> Iterator[Path]:
    """Folders to publish by program and period: the final with its run-out, else the newest."""
    for period in sorted(settings.statements_dir.glob("*/*")):
        if (period / FINAL / STATEMENT_FILE).exists():
            yield period / FINAL
            yield from sorted(period.glob("runout-*"))[-1:]
        else:
            yield from sorted(period.glob("interim-*"))[-1:]


def published_name(folder: Path) -> str:
    """`<program>.<period>.<name>`, the name of a statement's files in a generation."""
    return ".".join((folder.parent.parent.name, folder.parent.name, folder.name))


def read_statement(path: Path) -> Statement:
    """Read a statement; raises `CareWarehouseError` where the file is none."""
    try:
        content: Json = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CareWarehouseError(f"{path}: cannot be read as a statement: {error}") from error
    if not isinstance(content, dict) or not content.keys() >= _PARTS:
        raise CareWarehouseError(f"{path}: is no statement. Name a statement.json.")
    return content


def differences(stated: Statement, found: Statement) -> list[Difference]:
    """What the results of two statements disagree on, in the order of the first.

    Of statements of different formats only what both tell: a figure that a later format adds is no
    change of what was paid.
    """
    left = flattened({part: stated.get(part) for part in RESULT_PARTS})
    right = flattened({part: found.get(part) for part in RESULT_PARTS})
    return [
        Difference(place, left.get(place, ""), right.get(place, ""))
        for place in (*left, *(place for place in right if place not in left))
        if left.get(place) != right.get(place)
        and (stated.get("format") == found.get("format") or (place in left and place in right))
    ]


def line_differences(stated: Path, found: Path, at_most: int = 20) -> tuple[int, list[Difference]]:
    """How many members' lines differ, and the first of them by person and period."""
    query = f"""
        with
        stated as (
            select *, member_months || ' months, ' || truncated_amount || ' of ' || allowed_amount
                as told
            from read_csv({text_literal(stated)}, header = true, all_varchar = true)
        ),
        found as (
            select *, member_months || ' months, ' || truncated_amount || ' of ' || allowed_amount
                as told
            from read_csv({text_literal(found)}, header = true, all_varchar = true)
        )
        select person_id, period_role, stated.told, found.told
        from stated
        full outer join found using (person_id, period_role)
        where stated.told is distinct from found.told
        order by person_id, period_role
    """
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
    return len(rows), [
        Difference(f"member {person}, {role}", stated or "", found or "")
        for person, role, stated, found in rows[:at_most]
    ]


def _keep(draft: Path, statement: Statement, target: Path) -> Issued:
    """Copy a draft to its place in one rename, once its bytes are on the disk: it is never written
    again. An equal one that is there stays as it is.
    """
    from orchestration.payment.statement_page import statement_page

    program_id = str(statement["program_id"])
    if target.exists() and read_statement(target / STATEMENT_FILE)["seal"] == statement["seal"]:
        return Issued(program_id, target.name, target, is_new=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for path in draft.parent.iterdir():
        shutil.copy2(path, unfinished / path.name)
    (unfinished / PAGE_FILE).write_text(statement_page(statement), encoding="utf-8")
    for path in unfinished.iterdir():
        path.chmod(0o400)
        flush(path)
    flush(unfinished)
    if target.exists():
        # An interim statement of the same day, before another delivery of that day.
        shutil.rmtree(target)
    unfinished.rename(target)
    flush(target.parent)
    return Issued(program_id, target.name, target, is_new=True)


def _run_out(final: Path, draft: Path, statement: Statement) -> Issued | None:
    """What a later restatement would have changed: told, and settled beside the final statement."""
    if statement["kind"] != FINAL:
        return None
    kept = read_statement(final / STATEMENT_FILE)
    if _as_of(statement) < _as_of(kept):
        return None
    changed = differences(kept, statement)
    if not changed:
        return None
    target = final.with_name(f"runout-{_as_of(statement)}")
    count, lines = line_differences(final / LINES_FILE, draft.with_name(LINES_FILE), 1_000)
    known = {_delivery(entry) for entry in _inputs(kept)}
    content: Statement = {
        "program_id": statement["program_id"],
        "period": statement["period"],
        "final_seal": kept["seal"],
        "provenance": statement["provenance"],
        "payment_amount": _difference_of(kept, statement, "payment_amount"),
        "loss_amount": _difference_of(kept, statement, "loss_amount"),
        "deliveries": [entry for entry in _inputs(statement) if _delivery(entry) not in known],
        "differences": [
            {"place": one.place, "final": one.stated, "now": one.found} for one in changed
        ],
        "member_lines_changed": count,
    }
    content["seal"] = seal_of(content)
    path = target / RUNOUT_FILE
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return Issued(str(statement["program_id"]), target.name, target, is_new=False)
    target.mkdir(parents=True, exist_ok=True)
    told = "".join(f"{one}\n" for one in lines)
    write_whole(target / "members.txt", told.encode())
    (target / "members.txt").chmod(0o600)
    write_whole(path, text.encode())
    return Issued(str(statement["program_id"]), target.name, target, is_new=True)


def _difference_of(kept: Statement, now: Statement, name: str) -> str:
    before, after = kept["settlement"], now["settlement"]
    if not isinstance(before, dict) or not isinstance(after, dict):
        raise CareWarehouseError(f"{kept['program_id']}: a statement without settlement.")
    return str(Decimal(str(after[name])) - Decimal(str(before[name])))


def _as_of(statement: Statement) -> str:
    return _provenance(statement, "as_of")


def _provenance(statement: Statement, name: str) -> str:
    provenance = statement.get("provenance")
    return str(provenance.get(name)) if isinstance(provenance, dict) else ""


def _inputs(statement: Statement) -> list[dict[str, Json]]:
    inputs = statement.get("inputs")
    return (
        [entry for entry in inputs if isinstance(entry, dict)] if isinstance(inputs, list) else []
    )


def _delivery(entry: dict[str, Json]) -> str:
    return str(entry["delivery_id"])
