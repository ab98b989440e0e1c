"""Check records: what was judged, on which inputs, with which verdict, and whether it may pass.

Here live the record, its file, the reading of dbt's results, and the plain checks of the ledger.
Expectations on profiles and tables do not belong here (`expectations/`), nor does the decision to
publish (`orchestration/publication/gate.py`). Everything fails closed: what is missing, skipped,
broken or judged on other inputs is never a pass.
"""

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from orchestration.errors import CareWarehouseError, PublicationRefused
from orchestration.settings import Settings
from orchestration.warehouse import engine

if TYPE_CHECKING:
    from orchestration.ingest.ledger import Entry

Scalar = str | int | float | bool | None
Status = Literal["pass", "fail", "error"]

LOW_VOLUME_SHARE = 0.25
HIGH_VOLUME_SHARE = 5.0
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_SAFE_NAME = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,199}")


@dataclass(frozen=True)
class RunInputs:
    """The inputs one run judges and publishes, as the selection of deliveries wrote them."""

    as_of: date
    input_version: str
    claims_through_period: str
    code_version: str


@dataclass(frozen=True)
class CheckOutcome:
    """Verdict of one check: counts and sample keys as metadata, never protected values."""

    status: Status
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.status == "pass"


@dataclass(frozen=True)
class CheckRecord:
    """The verdict as kept on disk, one file a check; a newer verdict replaces it."""

    check: str
    asset: str
    blocking: bool
    passed: bool
    input_version: str
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class RegisteredCheck:
    """A Python check that the orchestrator runs: its name, the table it judges, and how."""

    name: str
    asset: str
    layer: Literal["ledger", "mart", "outcome"]
    blocking: bool
    description: str
    run: Callable[[Settings], CheckOutcome]


def read_run_inputs(settings: Settings) -> RunInputs:
    """Read `inputs/run.json`; raise `CareWarehouseError` if there is none or it is incomplete."""
    path = settings.inputs_dir / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return RunInputs(
            as_of=date.fromisoformat(content["as_of"]),
            input_version=str(content["input_version"]),
            claims_through_period=str(content["claims_through_period"]),
            code_version=str(content["code_version"]),
        )
    except FileNotFoundError:
        raise CareWarehouseError(
            f"{path}: no deliveries have been selected yet. Run the intake first."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise CareWarehouseError(
            f"{path}: {error!r} is missing or malformed. Run the intake again."
        ) from error


# --- records on disk -----------------------------------------------------------------------------


def record_path(settings: Settings, check: str) -> Path:
    """File of a check's record; names that a file cannot bear are shortened and made unique."""
    if _SAFE_NAME.fullmatch(check):
        return settings.checks_dir / f"{check}.json"
    slug = re.sub(r"[^A-Za-z0-9_=-]+", "_", check)[:150]
    digest = hashlib.sha256(check.encode()).hexdigest()[:12]
    return settings.checks_dir / f"{slug}-{digest}.json"


def write_check_records(settings: Settings, records: Iterable[CheckRecord]) -> None:
    """Write each record whole or not at all: a killed writer leaves the older verdict in place."""
    settings.checks_dir.mkdir(parents=True, exist_ok=True)
    for record in records:
        content = {
            "check": record.check,
            "asset": record.asset,
            "blocking": record.blocking,
            "passed": record.passed,
            "input_version": record.input_version,
            "metadata": dict(record.metadata),
        }
        path = record_path(settings, record.check)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(content, sort_keys=True, indent=1), encoding="utf-8")
        temporary.replace(path)


def read_check_records(settings: Settings) -> dict[str, CheckRecord]:
    """Every readable record by check name; an unreadable one counts as missing."""
    records: dict[str, CheckRecord] = {}
    if not settings.checks_dir.exists():
        return records
    for path in sorted(settings.checks_dir.glob("[!.]*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            record = CheckRecord(
                check=str(content["check"]),
                asset=str(content["asset"]),
                blocking=bool(content["blocking"]),
                passed=content["passed"] is True,
                input_version=str(content["input_version"]),
                metadata=dict(content["metadata"]),
            )
        except (KeyError, TypeError, ValueError):
            continue
        records[record.check] = record
    return records


def forget_check_records(settings: Settings, checks: Iterable[str] | None = None) -> int:
    """Remove the records of `checks` (default: all) and say how many there were.

    Called before a stage is rebuilt, so that a verdict on the old tables cannot outlive them.
    """
    if checks is not None:
        paths = [record_path(settings, check) for check in checks]
    else:
        paths = sorted(settings.checks_dir.glob("*.json")) if settings.checks_dir.exists() else []
    removed = 0
    for path in paths:
        if path.exists():
            path.unlink()
            removed += 1
    return removed


def run_check(settings: Settings, check: RegisteredCheck, inputs: RunInputs) -> CheckOutcome:
    """Run one registered check and record its verdict under the inputs it was made on."""
    outcome = check.run(settings)
    metadata: dict[str, Scalar] = {"status": outcome.status, **outcome.metadata}
    if outcome.problems:
        metadata["problems"] = "\n".join(outcome.problems)
    if outcome.warnings:
        metadata["warnings"] = "\n".join(outcome.warnings)
    record = CheckRecord(
        check.name, check.asset, check.blocking, outcome.passed, inputs.input_version, metadata
    )
    write_check_records(settings, [record])
    return outcome


# --- dbt -----------------------------------------------------------------------------------------


def expected_dbt_checks(manifest: Mapping[str, object]) -> frozenset[str]:
    """Unique ids that must have passed: tests of severity error, and models built.

    Models count as checks of their own: one that failed, or was skipped behind a failure, would
    otherwise leave its older table to be published (FAULTS 68). Unit tests judge code, not data:
    they belong to `make test`, no night runs them.
    """
    expected: set[str] = set()
    for unique_id, node in _nodes(manifest).items():
        if not _enabled(node):
            continue
        kind = node.get("resource_type")
        is_blocking_test = kind == "test" and _severity(node) == "error"
        is_built_model = kind == "model" and _config(node).get("materialized") != "ephemeral"
        if is_blocking_test or is_built_model:
            expected.add(unique_id)
    return frozenset(expected)


def dbt_check_records(
    run_results: Path | Mapping[str, object],
    manifest: Path | Mapping[str, object],
    input_version: str,
) -> list[CheckRecord]:
    """Turn one dbt invocation's results into records: its data tests and models.

    Tests of severity warn are recorded as not blocking. Anything but `pass`, `success` or a
    `warn` of a test whose failures stay below its own error threshold is a failure.
    """
    manifest_content = _load(manifest)
    nodes = _nodes(manifest_content)
    records: list[CheckRecord] = []
    results = _load(run_results).get("results")
    if not isinstance(results, list):
        raise CareWarehouseError(
            "run_results.json: no list `results`. Let dbt build again; the file was cut short."
        )
    for result in results:
        unique_id = str(result["unique_id"])
        node = nodes.get(unique_id)
        if node is None or node.get("resource_type") not in ("test", "model"):
            continue
        status = str(result["status"])
        blocking = node.get("resource_type") != "test" or _severity(node) == "error"
        passed = status in ("pass", "success") or (blocking and status == "warn")
        metadata: dict[str, Scalar] = {"status": status}
        if result.get("failures") is not None:
            metadata["failures"] = int(result["failures"])
        if not passed and result.get("message"):
            metadata["message"] = str(result["message"])[:500]
        asset = _tested_model(unique_id, node, nodes)
        records.append(CheckRecord(unique_id, asset, blocking, passed, input_version, metadata))
    return records


def record_dbt_results(settings: Settings, input_version: str) -> list[CheckRecord]:
    """Record the verdicts of the dbt invocation that has just ended in dbt's target folder.

    There are none where it ended before it judged anything.
    """
    results = _run_results(settings)
    if not results.exists():
        return []
    records = dbt_check_records(results, settings.dbt_manifest_file, input_version)
    write_check_records(settings, records)
    return records


def refusal_by_tests(records: Iterable[CheckRecord]) -> PublicationRefused | None:
    """The refusal that dbt's tests give cause for; None where more than tests went wrong.

    What was skipped behind a failure is its consequence.
    """
    failed = [
        record
        for record in records
        if record.blocking and not record.passed and record.metadata["status"] != "skipped"
    ]
    if not failed or any(record.metadata["status"] != "fail" for record in failed):
        return None
    named = sorted(
        f"{record.check.split('.')[2]} on {record.asset}: {record.metadata.get('failures')} rows"
        for record in failed
    )
    return PublicationRefused(
        f"Nothing is published, the last generation stays: {len(failed)} blocking tests of the"
        " warehouse failed.\n" + "\n".join(f"  {line}" for line in named)
    )


def forget_dbt_results(settings: Settings) -> int:
    """Forget all verdicts of dbt: called before it builds, so that a killed build has none."""
    _run_results(settings).unlink(missing_ok=True)
    return forget_check_records(
        settings,
        [name for name in read_check_records(settings) if name.split(".")[0] in ("test", "model")],
    )


def _run_results(settings: Settings) -> Path:
    return settings.dbt_target_dir / "run_results.json"


def _load(source: Path | Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(source, Path):
        return source
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CareWarehouseError(f"{source}: not found. Let dbt build first.") from None
    except ValueError as error:
        raise CareWarehouseError(f"{source}: {error}. Let dbt build again.") from error
    if not isinstance(content, dict):
        raise CareWarehouseError(f"{source}: not an object. Let dbt build again.")
    return content


def load_manifest(path: Path) -> Mapping[str, object]:
    """Read dbt's `manifest.json`; raise `CareWarehouseError` if missing or unreadable.

    Read again only where the file changed: a night asks thirty times for six megabytes.
    """
    return _load_once(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=1)
def _load_once(path: Path, _stamp: int) -> Mapping[str, object]:
    return _load(path)


def _nodes(manifest: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    nodes = manifest.get("nodes", {})
    return nodes if isinstance(nodes, dict) else {}


def _config(node: Mapping[str, object]) -> Mapping[str, object]:
    config = node.get("config")
    return config if isinstance(config, dict) else {}


def _enabled(node: Mapping[str, object]) -> bool:
    return _config(node).get("enabled", True) is not False


def _severity(node: Mapping[str, object]) -> str:
    return str(_config(node).get("severity") or "error").lower()


def _tested_model(
    unique_id: str, node: Mapping[str, object], nodes: Mapping[str, Mapping[str, object]]
) -> str:
    if node.get("resource_type") == "model":
        return str(node.get("name", unique_id))
    depends_on = node.get("depends_on")
    parents = depends_on.get("nodes", []) if isinstance(depends_on, dict) else []
    attached = node.get("attached_node") or (parents[-1] if parents else None)
    parent = nodes.get(str(attached))
    return str(parent["name"]) if parent else str(attached or unique_id)


# --- the ledger ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Delivery:
    delivery_id: str
    source_id: str
    feed: str
    period: str
    mode: str
    status: str
    row_count: int
    loaded_count: int
    rejected_count: int
    duplicate_count: int
    is_selected: bool

    @property
    def name(self) -> str:
        return f"{self.source_id}/{self.feed}/{self.period} ({self.delivery_id})"


def _read_deliveries(settings: Settings) -> list[_Delivery]:
    path = settings.inputs_dir / "delivery.parquet"
    if not path.exists():
        raise CareWarehouseError(f"{path}: no deliveries have been selected. Run the intake first.")
    columns = [
        "delivery_id",
        "source_id",
        "feed",
        "period",
        "mode",
        "status",
        "row_count",
        "loaded_count",
        "rejected_count",
        "duplicate_count",
        "is_selected",
    ]
    with engine(settings) as connection:
        rows = connection.execute(
            f"select {', '.join(columns)} from read_parquet(?) "
            "order by feed, source_id, period, delivery_id",
            [str(path)],
        ).fetchall()
    return [_Delivery(*row) for row in rows]


def _verdict(
    problems: Sequence[str], judged: int, metadata: Mapping[str, Scalar] | None = None
) -> CheckOutcome:
    """Pass only if something was judged and nothing was found."""
    counts: dict[str, Scalar] = {"judged": judged, "found": len(problems), **(metadata or {})}
    if judged == 0:
        return CheckOutcome("error", counts, ("There was nothing to judge.",))
    return CheckOutcome("fail" if problems else "pass", counts, tuple(problems[:50]))


def conservation_check(settings: Settings) -> CheckOutcome:
    """Rows in = loaded + rejected + duplicates, for every loaded delivery."""
    deliveries = [row for row in _read_deliveries(settings) if row.status == "loaded"]
    problems = []
    for row in deliveries:
        accounted = row.loaded_count + row.rejected_count + row.duplicate_count
        if row.row_count != accounted:
            problems.append(
                f"{row.name}: {row.row_count} rows came in, {accounted} are accounted for "
                f"({row.loaded_count} loaded, {row.rejected_count} rejected, "
                f"{row.duplicate_count} duplicates)."
            )
    totals: dict[str, Scalar] = {
        "rows_in": sum(row.row_count for row in deliveries),
        "rows_loaded": sum(row.loaded_count for row in deliveries),
        "rows_rejected": sum(row.rejected_count for row in deliveries),
        "rows_duplicate": sum(row.duplicate_count for row in deliveries),
    }
    return _verdict(problems, len(deliveries), totals)


def ledger_rows_check(settings: Settings) -> CheckOutcome:
    """The ledger still holds exactly the rows that each selected delivery loaded."""
    selected = [row for row in _read_deliveries(settings) if row.is_selected]
    held: dict[str, int] = {}
    with engine(settings) as connection:
        for feed in sorted({row.feed for row in selected}):
            pattern = str(settings.ledger_dir / feed / "*" / "*" / "*.parquet")
            held.update(
                connection.execute(
                    "select parse_filename(file_name, true), num_rows "
                    "from parquet_file_metadata(?)",
                    [pattern],
                ).fetchall()
            )
    problems = [
        f"{row.name}: {row.loaded_count} rows were loaded, the ledger holds "
        f"{held.get(row.delivery_id, 'no file')}. Restore the ledger from its backup."
        for row in selected
        if held.get(row.delivery_id) != row.loaded_count
    ]
    return _verdict(problems, len(selected))


def missing_period_check(settings: Settings) -> CheckOutcome:
    """No month is missing between a feed's first and last, and a sender's feeds end together.

    A month that was only delivered in quarantine counts as missing. Feeds of mode `append` may
    run ahead of the claims but not behind them (FAULTS 14). Feeds whose contract does not ask for
    every month cannot miss one.
    """
    from orchestration.ingest.layouts import load_layouts

    contracts = load_layouts(settings).contracts
    not_monthly = {name for name, contract in contracts.items() if not contract.every_month}
    monthly: dict[tuple[str, str], set[str]] = defaultdict(set)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    modes: dict[tuple[str, str], str] = {}
    for row in _read_deliveries(settings):
        if row.mode not in ("period", "append") or not _MONTH.fullmatch(row.period):
            continue
        if row.feed in not_monthly:
            continue
        key = (row.source_id, row.feed)
        modes[key] = row.mode
        seen[key].add(row.period)
        if row.is_selected:
            monthly[key].add(row.period)
    last_claims: dict[str, str] = {}
    for (source, feed), _ in monthly.items():
        if modes[source, feed] == "period":
            last_claims[source] = max(last_claims.get(source, ""), max(seen[source, feed]))
    problems: list[str] = []
    for (source, feed), periods in sorted(monthly.items()):
        end = max(max(seen[source, feed]), last_claims.get(source, ""))
        problems.extend(
            f"{source}/{feed}: {month} is missing. Deliver it, or release it from quarantine."
            for month in _months(min(seen[source, feed]), end)
            if month not in periods
        )
    return _verdict(problems, len(monthly))


def reject_threshold_check(settings: Settings) -> CheckOutcome:
    """No selected delivery lost more rows to rejects than its feed's contract tolerates today.

    The allowance is the one by which intake sets a delivery aside (`FeedContract.tolerates`); for
    one that was released somebody answers.
    """
    from orchestration.ingest.layouts import load_layouts
    from orchestration.ingest.ledger import read_releases

    contracts, released = load_layouts(settings).contracts, read_releases(settings)
    selected = [row for row in _read_deliveries(settings) if row.is_selected]
    problems = []
    for row in selected:
        contract = contracts.get(row.feed)
        if row.rejected_count and contract is None:
            problems.append(
                f"{row.name}: {row.rejected_count} rows were rejected; {row.feed} has no contract "
                "that can be used to judge them."
            )
        elif row.delivery_id in released:
            continue
        elif contract and not contract.tolerates(row.rejected_count, row.row_count):
            problems.append(
                f"{row.name}: {row.rejected_count} of {row.row_count} rows were rejected; "
                f"{row.feed} tolerates {contract.most_rejects(row.row_count)} of so many."
            )
    return _verdict(problems, len(selected))


def low_volume_check(settings: Settings) -> CheckOutcome:
    """No month brings less than a quarter of what the months around it bring (FAULTS 20)."""
    return _volume(settings, lambda rows, usual: rows < LOW_VOLUME_SHARE * usual, "few")


def high_volume_check(settings: Settings) -> CheckOutcome:
    """No month brings more than five times what the months around it bring (FAULTS 19)."""
    return _volume(settings, lambda rows, usual: rows > HIGH_VOLUME_SHARE * usual, "many")


def _volume(settings: Settings, odd: Callable[[int, float], bool], word: str) -> CheckOutcome:
    """Compare each month with the three before and the three after it; odd against both counts.

    Months after the last measured period are not judged: there payments of old services run out.
    """
    rows_of: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in _read_deliveries(settings):
        if row.is_selected and row.mode == "period":
            rows_of[row.source_id, row.feed][row.period] += row.row_count
    last_measured = _last_measured_month(settings)
    problems = []
    judged = 0
    for (source, feed), by_period in sorted(rows_of.items()):
        counts = sorted(by_period.items())
        for at, (period, rows) in enumerate(counts):
            if last_measured is not None and period > last_measured:
                continue
            judged += 1
            around = (counts[max(at - 3, 0) : at], counts[at + 1 : at + 4])
            usual = [median(count for _, count in side) for side in around if side]
            if usual and all(odd(rows, count) for count in usual):
                problems.append(
                    f"{source}/{feed}/{period}: {rows} rows are {word}; {usual[0]:.0f} are usual "
                    "around it. Ask the sender, or deliver the month again."
                )
    return _verdict(problems, judged)


def feed_checks(settings: Settings) -> tuple[RegisteredCheck, ...]:
    """One warning check a feed: `arrivals_<feed>`, of what came, how late and how much of it."""
    from orchestration.ingest.layouts import load_layouts

    layouts = load_layouts(settings)
    monthly = {name for name, contract in layouts.contracts.items() if contract.every_month}
    return tuple(
        RegisteredCheck(
            f"arrivals_{feed}",
            feed,
            "ledger",
            False,
            f"No delivery of {feed} waits in quarantine; its senders' newest are neither late nor"
            " of an unusual size.",
            partial(arrivals_check, feed=feed, every_month=feed in monthly),
        )
        for feed in layouts.feeds
    )


@dataclass(frozen=True)
class _Arrived:
    """What the checks of all feeds read."""

    deliveries: tuple[_Delivery, ...]
    quarantined: "tuple[Entry, ...]"
    last_measured: str | None


@lru_cache(maxsize=1)
def _arrived(settings: Settings, _stamp: int) -> _Arrived:
    """Read once for the checks of all feeds; `_stamp` tells one choice of deliveries from another.

    A delivery is set aside or taken before the choice is written, so it is as new as the choice.
    """
    from orchestration.ingest.ledger import read_entries, still_quarantined

    return _Arrived(
        tuple(_read_deliveries(settings)),
        still_quarantined(read_entries(settings)),
        _last_measured_month(settings),
    )


def arrivals_check(settings: Settings, feed: str, every_month: bool) -> CheckOutcome:
    """Freshness and volume of one feed by sender, as of the run's day, and its quarantine.

    Late is a sender whose newest month lies two or more before its newest of any feed. The newest
    month's rows are held against the six months before it; as in `low_volume_check`, months after
    the last measured period are not. Neither concerns feeds that need not come every month.
    """
    chosen = settings.inputs_dir / "delivery.parquet"
    arrived = _arrived(settings, chosen.stat().st_mtime_ns if chosen.exists() else 0)
    last_measured = arrived.last_measured
    problems = [
        f"{entry.source_id}/{feed}/{entry.period} ({entry.delivery_id}) waits in quarantine:"
        f" {entry.reason}. The table `quarantined` of ledger/deliveries says what to do."
        for entry in arrived.quarantined
        if entry.feed == feed
    ]
    newest_of: dict[str, str] = {}
    rows_of: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in arrived.deliveries:
        if row.is_selected and _MONTH.fullmatch(row.period):
            newest_of[row.source_id] = max(newest_of.get(row.source_id, ""), row.period)
            if row.feed == feed:
                rows_of[row.source_id][row.period] += row.row_count
    for source, by_period in sorted(rows_of.items()) if every_month else ():
        months = sorted(by_period)
        behind = len(_months(months[-1], newest_of[source])) - 1
        if behind > 1:
            problems.append(
                f"{source}/{feed}: the newest month is {months[-1]}, {behind} behind the sender's"
                " other feeds. Ask the sender for it."
            )
        *before, newest = [month for month in months if month <= (last_measured or month)] or [""]
        usual = [by_period[month] for month in before[-6:]]
        rows, middle = by_period.get(newest, 0), median(usual) if len(usual) >= 3 else None
        if middle and not LOW_VOLUME_SHARE * middle <= rows <= HIGH_VOLUME_SHARE * middle:
            problems.append(
                f"{source}/{feed}/{newest}: {rows} rows, {middle:.0f} are usual. Ask the sender"
                " whether the delivery is whole."
            )
    newest_months = [max(by_period) for by_period in rows_of.values()]
    counts: dict[str, Scalar] = {
        "senders": len(rows_of),
        "newest_month": max(newest_months, default=None),
        "newest_month_rows": sum(by_period[max(by_period)] for by_period in rows_of.values()),
        "found": len(problems),
    }
    return CheckOutcome("fail" if problems else "pass", counts, tuple(problems[:50]))


def _last_measured_month(settings: Settings) -> str | None:
    """Month in which the last performance period of the programs ends, None without programs."""
    pattern = settings.ledger_dir / "program_terms"
    files = [str(path) for path in sorted(pattern.glob("*/*/*.parquet"))]
    if not files:
        return None
    with engine(settings) as connection:
        rows = connection.execute(
            "select strftime(max(performance_end_date), '%Y-%m') from read_parquet(?)", [files]
        ).fetchall()
    return None if rows[0][0] is None else str(rows[0][0])


def _months(first: str, last: str) -> list[str]:
    year, month = int(first[:4]), int(first[5:])
    months: list[str] = []
    while f"{year:04d}-{month:02d}" <= last:
        months.append(f"{year:04d}-{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return months


LEDGER_CHECKS: tuple[RegisteredCheck, ...] = (
    RegisteredCheck(
        "ledger_conservation",
        "delivery",
        "ledger",
        True,
        "Rows in = loaded + rejected + duplicates for every delivery.",
        conservation_check,
    ),
    RegisteredCheck(
        "ledger_rows_held",
        "delivery",
        "ledger",
        True,
        "The ledger's files hold the rows their manifest entries say.",
        ledger_rows_check,
    ),
    RegisteredCheck(
        "ledger_missing_period",
        "delivery",
        "ledger",
        True,
        "No month is missing in any sender's sequence.",
        missing_period_check,
    ),
    RegisteredCheck(
        "ledger_reject_threshold",
        "delivery",
        "ledger",
        True,
        "Rejects stay within each feed's threshold.",
        reject_threshold_check,
    ),
    RegisteredCheck(
        "ledger_low_volume",
        "delivery",
        "ledger",
        True,
        "No month brings far fewer rows than usual.",
        low_volume_check,
    ),
    RegisteredCheck(
        "ledger_high_volume",
        "delivery",
        "ledger",
        False,
        "No month brings far more rows than usual.",
        high_volume_check,
    ),
)
