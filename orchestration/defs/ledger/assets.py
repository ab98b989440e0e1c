"""The ledger as Dagster shows it; verifying, typing and choosing is `orchestration/ingest`."""

import html
import re
from collections.abc import Mapping, Sequence

import dagster as dg

from orchestration.checks import feed_checks
from orchestration.defs.checks import stage_checks
from orchestration.ingest import (
    Entry,
    FeedContract,
    FeedIntake,
    LandingProblem,
    Outcome,
    landing_problems,
    load_layouts,
    parser_process,
    select_deliveries,
    take_feed,
    take_program_terms,
)
from orchestration.ingest.ledger import read_entries, still_quarantined
from orchestration.ingest.release import RELEASABLE
from orchestration.ingest.remedies import rejections
from orchestration.publication.gate import registered_checks
from orchestration.settings import Settings, load_settings

SHOWN_DELIVERIES = 12


def _intake_result(
    context: dg.AssetExecutionContext, intake: FeedIntake, contract: FeedContract | None
) -> dg.MaterializeResult[None]:
    for problem in intake.problems:
        context.log.error(str(problem))
    for file in intake.waiting:
        context.log.warning(f"{file.path} is still settling and is left for the next intake")
    loaded = [entry for entry in intake.entries if entry.status == "loaded"]
    taken_rows = sum(outcome.entry.row_count for outcome in intake.taken)
    context.log.info(f"{len(intake.taken)} deliveries taken now, {taken_rows:,} rows")
    metadata: Mapping[str, dg.MetadataValue | int] = {
        "dagster/row_count": sum(entry.loaded_count for entry in loaded),
        "deliveries": len(loaded),
        "deliveries_taken_now": len(intake.taken),
        "rows_rejected": sum(entry.rejected_count for entry in loaded),
        "rows_duplicate": sum(entry.duplicate_count for entry in loaded),
        "quarantined": dg.MetadataValue.md(_quarantine_table(still_quarantined(intake.entries))),
        "problems": dg.MetadataValue.md(_problem_table(intake.problems)),
        "newest_deliveries": dg.MetadataValue.md(_delivery_table(loaded)),
        "rejects_by_reason": dg.MetadataValue.md(_reject_table(loaded, contract)),
    }
    return dg.MaterializeResult(metadata=metadata)


def _delivery_table(entries: Sequence[Entry]) -> str:
    newest = sorted(
        entries, key=lambda entry: (entry.delivered_on, entry.period, entry.source_id), reverse=True
    )
    return _table(
        ("sender", "file", "delivered", "rows", "rejected", "duplicates"),
        [
            (
                entry.source_id,
                entry.file_name,
                entry.delivered_on,
                f"{entry.row_count:,}",
                f"{entry.rejected_count:,}",
                f"{entry.duplicate_count:,}",
            )
            for entry in newest[:SHOWN_DELIVERIES]
        ],
    )


def _reject_table(entries: Sequence[Entry], contract: FeedContract | None) -> str:
    """Where and why rows were rejected, in the newest deliveries that have any."""
    newest = sorted(entries, key=lambda entry: (entry.delivered_on, entry.period), reverse=True)
    spoilt = [entry for entry in newest if entry.rejected_by_reason][:SHOWN_DELIVERIES]
    return _table(
        ("sender", "file", "rows", "place", "reason", "what to do"),
        [
            (entry.source_id, entry.file_name, f"{one.rows:,}", one.place, one.reason, one.remedy)
            for entry in spoilt
            for one in (rejections(entry, contract) if contract else ())
        ],
    )


def _quarantine_table(entries: Sequence[Entry]) -> str:
    return _table(
        ("feed", "sender", "file", "delivery", "delivered", "reason", "what to do"),
        [
            (
                entry.feed,
                entry.source_id,
                entry.file_name,
                entry.delivery_id,
                entry.delivered_on,
                entry.reason,
                f"{entry.message} {_way_out(entry)}",
            )
            for entry in entries
        ],
    )


def _way_out(entry: Entry) -> str:
    """What an operator types, or waits for."""
    if entry.reason in RELEASABLE:
        return (
            "Once somebody confirms that the file is right as it is: make release"
            f' DELIVERY={entry.delivery_id} REASON="who confirmed what".'
        )
    return (
        "It is judged again when another file, control file, contract or layout is there, or more"
        " memory."
    )


def _problem_table(problems: Sequence[LandingProblem]) -> str:
    return _table(
        ("file", "reason", "what to do"),
        [(one.path.name, one.reason, one.message) for one in problems],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown; names and values of senders stay text, whatever they try to be (FAULTS 55)."""
    if not rows:
        return "none"
    ruler = ["---" for _ in header]
    lines = [header, ruler, *([_inert(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inert(cell: object) -> str:
    text = html.escape(" ".join(str(cell).split()), quote=False)
    return re.sub(r"([\\|`*_\[\]])", r"\\\1", text)


def _feed_asset(feed: str, meaning: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ledger", feed],
        group_name="ledger",
        kinds={"parquet"},
        pool="ledger",
        description=f"One row per row of an accepted {feed} delivery, never rewritten. {meaning}",
    )
    def ledger_feed(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult[None]:
        def tell(outcome: Outcome) -> None:
            log = context.log.error if outcome.status == "quarantined" else context.log.info
            log(str(outcome))

        intake = take_feed(pipeline, feed, tell)
        return _intake_result(context, intake, load_layouts(pipeline).contracts.get(feed))

    return ledger_feed


def _feed_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset a feed; one whose contract cannot be used stays, and its check says why."""
    layouts = load_layouts(settings)
    waits = "Its contract cannot be used at present, so its deliveries wait."
    return [
        _feed_asset(feed, contract.meaning if contract else waits)
        for feed in layouts.feeds
        for contract in [layouts.contracts.get(feed)]
    ]


feed_assets = _feed_assets(load_settings())


@dg.asset(
    key=["ledger", "program_terms"],
    group_name="ledger",
    kinds={"yaml", "parquet"},
    pool="ledger",
    description=(
        "One row per program and agreement: the terms of `data/programs/*.yml` as agreed on a day,"
        " so that a replay sees the terms of its day."
    ),
)
def program_terms(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    return _intake_result(context, take_program_terms(pipeline), None)


@dg.asset(
    key=["ledger", "deliveries"],
    group_name="ledger",
    kinds={"parquet"},
    deps=[*feed_assets, program_terms],
    description=(
        "One row per delivery in the ledger, with the verdict whether this run reads it: the"
        " newest version as of the run's day. Everything downstream reads these deliveries only."
    ),
)
def deliveries(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    parser_process.end_all()
    selection = select_deliveries(pipeline)
    for problem in landing_problems(pipeline):
        context.log.error(str(problem))
    for missing in selection.missing_periods:
        context.log.error(str(missing))
    waiting = still_quarantined(read_entries(pipeline))
    context.log.info(
        f"as of {selection.as_of}: {len(selection.selected)} deliveries, claims through"
        f" {selection.claims_through_period}"
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(selection.deliveries),
            "selected": len(selection.selected),
            "as_of": str(selection.as_of),
            "claims_through": selection.claims_through_period,
            "input_version": selection.input_version,
            "code_version": selection.code_version,
            "quarantined": dg.MetadataValue.md(_quarantine_table(waiting)),
            "quarantined_count": len(waiting),
            "missing_periods": "\n".join(map(str, selection.missing_periods)) or "none",
        }
    )


ledger_checks = stage_checks(
    "ledger_expectations",
    [
        *(check for check in registered_checks() if check.layer == "ledger"),
        *feed_checks(load_settings()),
    ],
    lambda _: deliveries.key,
)
