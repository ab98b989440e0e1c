"""Recomputes a statement from the ledger and says equal to the cent, or what differs and why.

A warehouse that was built from exactly the statement's inputs, by this code, is as good as the
ledger; otherwise a private one is built from the ledger as it was known on the statement's day.
What a statement holds does not belong here (`statement.py`).
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path

from orchestration.checks import read_check_records
from orchestration.checks import read_run_inputs as read_provenance
from orchestration.dbt_process import executable
from orchestration.errors import CareWarehouseError
from orchestration.growth import begin_build
from orchestration.ingest.ledger import read_entries, rows_path
from orchestration.ingest.selection import code_version, read_selection, select_deliveries
from orchestration.outcomes.agreements import read_run_inputs
from orchestration.payment.settlement import settle_from_warehouse
from orchestration.payment.statement import (
    LINES_FILE,
    Json,
    Statement,
    draft_statements,
    seal_of,
)
from orchestration.payment.statement_store import (
    Difference,
    differences,
    line_differences,
    paid_of,
    read_statement,
)
from orchestration.publication.digests import file_sha256
from orchestration.settings import Settings
from orchestration.warehouse import dbt_environment, prepare_engine, read_warehouse

DBT_PROJECT = "collaborative_care"
NEEDED_MODELS = (
    "int_outcome_member_period",
    "int_payment_triangle",
    "int_risk_condition",
    "int_attribution_decided",
    "int_attribution_group",
    "int_member_month_counted",
    "int_payer_rule",
    "int_person",
    # With what it is computed from: points of computed measures, clinicians' quality.
    "agg_quality_measure",
    "stg_ledger__reported_quality",
    "stg_ledger__program_terms",
    "stg_ledger__run",
)
"""What a settlement and its statement read; a private warehouse holds these and what they need."""


@dataclass(frozen=True)
class Verdict:
    """What verification found: `reasons` say why, `differences` what, `member_lines` whose."""

    statement: Path
    is_rebuilt: bool
    reasons: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    members_changed: int = 0
    member_lines: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def is_equal(self) -> bool:
        return not (self.reasons or self.differences or self.members_changed)


def verify_statement(
    settings: Settings, path: Path, is_rebuilt: bool = False, say: Callable[[str], None] = print
) -> Verdict:
    """Hold a statement to the ledger as it was known on the statement's day.

    Rebuilds a private warehouse where the present one has other inputs, where the ledger is not
    what the statement was made from, or where `is_rebuilt` asks for it. Raises `CareWarehouseError`
    for a file that is no statement, or a day the ledger knows nothing of.
    """
    statement = read_statement(path)
    lines = _lines_of(settings, path, statement)
    reasons = _broken_seals(statement, lines)
    of_ledger = _ledger_changes(settings, statement)
    reasons += of_ledger
    notes = _later_deliveries(settings, statement)
    stated_code = _provenance(statement, "code_version")
    if stated_code != code_version():
        notes.append(
            f"recomputed by code {code_version()[:12]}; the statement is of {stated_code[:12]}"
        )
    must_rebuild = is_rebuilt or bool(of_ledger) or not _is_built_from(settings, statement)
    with _work_dir(settings) as scratch:
        where = settings
        if must_rebuild:
            say("building a private warehouse from the ledger; this takes as long as in a night")
            where = _rebuilt(settings, scratch, _day(statement))
        found = _recomputed(where, settings, statement, scratch / "drafts")
        if found is None:
            reasons.append(
                f"no statement of {statement['program_id']} for {statement['period']} comes from "
                f"the ledger as of {_day(statement)}"
            )
            return Verdict(path, must_rebuild, tuple(reasons), notes=tuple(notes))
        changed = differences(statement, read_statement(found))
        count, members = (
            (0, []) if lines is None else line_differences(lines, found.with_name(LINES_FILE))
        )
    return Verdict(
        path,
        must_rebuild,
        tuple(reasons),
        tuple(changed),
        count,
        tuple(members),
        tuple(notes),
    )


def verdict_text(verdict: Verdict, at_most: int = 25) -> str:
    """The verdict as a terminal shows it."""
    how = "from the ledger, rebuilt" if verdict.is_rebuilt else "from the warehouse of its inputs"
    lines = [str(verdict.statement)]
    lines += [f"  note: {note}" for note in verdict.notes]
    if verdict.is_equal:
        return "\n".join([*lines, f"  equal to the cent, recomputed {how}"])
    lines.append(f"  NOT equal, recomputed {how}")
    lines += [f"  why: {reason}" for reason in verdict.reasons]
    lines += [f"  {one}" for one in verdict.differences[:at_most]]
    if len(verdict.differences) > at_most:
        lines.append(f"  … and {len(verdict.differences) - at_most} more")
    if verdict.members_changed:
        lines.append(f"  {verdict.members_changed} member lines differ:")
        lines += [f"    {one}" for one in verdict.member_lines]
    return "\n".join(lines)


def _broken_seals(statement: Statement, lines: Path | None) -> list[str]:
    broken = []
    if seal_of(statement) != statement["seal"]:
        broken.append("the statement was changed after it was sealed")
    of_lines = statement.get("lines")
    if lines is None:
        broken.append("its member lines are not beside it, so they were not compared")
    elif isinstance(of_lines, dict) and file_sha256(lines) != of_lines["sha256"]:
        broken.append(f"{lines.name}: the member lines were changed after they were sealed")
    return broken


def _ledger_changes(settings: Settings, statement: Statement) -> list[str]:
    """Deliveries whose ledger file is gone or holds other bytes, and a choice that has changed."""
    entries = {entry.delivery_id: entry for entry in read_entries(settings)}
    changes = []
    for one in _inputs(statement):
        entry = entries.get(str(one["delivery_id"]))
        name = f"{one['feed']}/{one['source']}/{one['file']}"
        if entry is None or not rows_path(settings, entry).exists():
            changes.append(f"{name}: is no longer in the ledger")
        elif _sha256_once(rows_path(settings, entry)) != one["ledger_sha256"]:
            changes.append(f"{name}: its ledger rows have changed since")
    stated = {str(one["delivery_id"]): one for one in _inputs(statement)}
    for entry in read_selection(settings, _day(statement)).selected:
        if entry.delivery_id not in stated:
            changes.append(
                f"{entry.feed}/{entry.source_id}/{entry.file_name}: delivered on "
                f"{entry.delivered_on}, known on the statement's day and not among its inputs"
            )
    return changes


@cache
def _sha256_once(path: Path) -> str:
    """Several statements verified together stand on the same files."""
    return file_sha256(path)


def _later_deliveries(settings: Settings, statement: Statement) -> list[str]:
    """Deliveries since the statement's day: they do not change it, they make its run-out."""
    later = [
        entry
        for entry in read_entries(settings)
        if entry.status == "loaded" and entry.delivered_on > _day(statement)
    ]
    named = ", ".join(f"{entry.feed}/{entry.source_id}/{entry.file_name}" for entry in later[:5])
    more = f" and {len(later) - 5} more" if len(later) > 5 else ""
    return [f"delivered since, part of its run-out: {named}{more}"] if later else []


def _is_built_from(settings: Settings, statement: Statement) -> bool:
    """Whether inputs chosen, and every model built, are the statement's.

    An intake alone moves the choice, and with it the views, but not the tables.
    """
    stated = _provenance(statement, "input_version")
    try:
        if read_provenance(settings).input_version != stated:
            return False
    except CareWarehouseError:
        return False
    records = read_check_records(settings)
    built = [records.get(f"model.{DBT_PROJECT}.{model}") for model in NEEDED_MODELS]
    return all(
        record is not None and record.passed and record.input_version == stated for record in built
    )


def _rebuilt(settings: Settings, scratch: Path, day: date) -> Settings:
    """A warehouse of its own on the same ledger, as it was known on a day."""
    private = replace(settings, data_dir=scratch, engine="duckdb", as_of=day)
    private.ledger_dir.symlink_to(settings.ledger_dir, target_is_directory=True)
    prepare_engine(private)
    select_deliveries(private, day)
    begin_build(private, is_whole=False)
    command = [executable(), "build", "--exclude-resource-type", "unit_test"]
    command += ["--exclude-resource-type", "test", "--select"]
    command += [f"+{model}" for model in NEEDED_MODELS]
    built = subprocess.run(
        command,
        env={**os.environ, **dbt_environment(private), "CARE_BUILD": "rebuild"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise CareWarehouseError(f"the private warehouse cannot be built:\n{built.stdout}")
    return private


def _recomputed(
    where: Settings, settings: Settings, statement: Statement, folder: Path
) -> Path | None:
    """The statement's counterpart, drafted from the warehouse `where`; None where there is none."""
    with read_warehouse(where) as warehouse:
        inputs = read_run_inputs(warehouse)
        savings = settle_from_warehouse(warehouse, inputs)
        drafts = draft_statements(
            where, warehouse, inputs, savings, folder, paid_of(settings, statement)
        )
    by_program = {draft.parent.name: draft for draft in drafts}
    return by_program.get(str(statement["program_id"]))


def _lines_of(settings: Settings, path: Path, statement: Statement) -> Path | None:
    """The statement's lines: beside it, in a generation's restricted part, or in the store."""
    stem = path.name.removesuffix(".json")
    provenance = statement["provenance"]
    as_of = provenance["as_of"] if isinstance(provenance, dict) else ""
    name = "final" if statement["kind"] == "final" else f"interim-{as_of}"
    period = settings.statements_dir / str(statement["program_id"]) / str(statement["period"])
    candidates: Sequence[Path] = (
        path.with_name(LINES_FILE),
        path.parent.parent / "restricted" / "statements" / f"{stem}.members.csv",
        period / name / LINES_FILE,
    )
    return next((candidate for candidate in candidates if candidate.exists()), None)


@contextmanager
def _work_dir(settings: Settings) -> Iterator[Path]:
    """A folder of this process; those of processes that were killed are swept."""
    folder = settings.warehouse_dir / "verify"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        if not Path("/proc", left.name).exists():
            shutil.rmtree(left, ignore_errors=True)
    own = folder / str(os.getpid())
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _inputs(statement: Statement) -> list[Mapping[str, Json]]:
    inputs = statement.get("inputs")
    return [one for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []


def _provenance(statement: Statement, name: str) -> str:
    provenance = statement.get("provenance")
    return str(provenance.get(name)) if isinstance(provenance, dict) else ""


def _day(statement: Statement) -> date:
    try:
        return date.fromisoformat(_provenance(statement, "as_of"))
    except ValueError as error:
        raise CareWarehouseError(f"the statement's as_of is no day: {error}") from error
