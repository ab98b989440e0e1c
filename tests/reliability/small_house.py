"""A small installation whose whole night takes a fraction of a second.

Everything is the real thing (lock, fence, intake, choice of deliveries, ledger checks, gate,
statements, publication) but Dagster, and dbt, whose place one SQL statement takes. What disturbs a
night does not belong here (`disturb.py`).
"""

import gzip
import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb
import yaml

from orchestration.checks import (
    LEDGER_CHECKS,
    forget_dbt_results,
    read_run_inputs,
    record_dbt_results,
    run_check,
)
from orchestration.growth import begin_build, complete_build
from orchestration.ingest import intake, layouts, select_deliveries, selection, take_feed
from orchestration.ingest.ledger import read_entries
from orchestration.payment import statement_page
from orchestration.payment.statement import LINES_FILE, STATEMENT_FILE, write_statement
from orchestration.payment.statement_store import drafts_dir
from orchestration.pipeline_lock import pipeline_lock
from orchestration.publication import publish, verify_current
from orchestration.publication.digests import file_sha256, relation_digest
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from tests.intake_kit import CLINICIAN, DELIMITER, FILL, LINE, NOW, SPAN, Row, as_csv, parse_here
from tests.publication.publication_installation import OUTCOMES

FEEDS = ("eligibility", "medical_claims", "pharmacy_claims", "provider_roster")
SOURCE = "cigna"
ROWS = 60
TABLES = ("agg_attribution", "fct_attribution")


@dataclass(frozen=True)
class Parcel:
    """One file as the sender drops it, and the day its control file states."""

    feed: str
    name: str
    content: bytes
    delivered_on: str

    def path(self, settings: Settings) -> Path:
        return settings.landing_dir / SOURCE / self.feed / self.name

    def drop(self, settings: Settings, sha256: str | None = None) -> None:
        """Put the file into landing, complete at once; `sha256` replaces the true one."""
        path = self.path(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        stated = {
            "sha256": sha256 or hashlib.sha256(self.content).hexdigest(),
            "delivered_on": self.delivered_on,
        }
        path.with_name(f"{self.name}.control.json").write_text(json.dumps(stated))


def parcels() -> tuple[Parcel, ...]:
    """Three months of four feeds: parts, restatements, bad and doubled rows among them."""

    def fills(month: int, first: int, count: int = ROWS) -> list[Row]:
        day = {"FILL_DT": f"2025-{month:02d}-05", "ADJUD_DT": f"2025-{month:02d}-06"}
        return [{**FILL, **day, "RX_CLM_NO": f"R{first + n}"} for n in range(count)]

    def lines(month: int) -> list[Row]:
        days = {"SVC_FROM_DT": f"2025{month:02d}05", "SVC_THRU_DT": f"2025{month:02d}05"}
        days["CHK_DT"] = f"2025{month:02d}20"
        return [{**LINE, **days, "CLM_ID": f"C{month}{n:03d}"} for n in range(ROWS)]

    def spans(month: int) -> list[Row]:
        return [{**SPAN, "MBR_ID": f"U{month}{n:03d}"} for n in range(ROWS)]

    dearer = [{**row, "RX_PAID_AMT": "32.50"} for row in fills(1, 1000)]
    bad_and_doubled = [*fills(3, 3000), fills(3, 3000)[0], {**FILL, "RX_STAT": "?"}]
    made: list[tuple[str, str, list[Row], str]] = [
        ("pharmacy_claims", "2025-01.csv.gz", fills(1, 1000), "2025-02-10"),
        ("pharmacy_claims", "2025-01.v2.csv.gz", dearer, "2025-03-10"),
        ("pharmacy_claims", "2025-02.a.csv.gz", fills(2, 2000, 30), "2025-03-10"),
        ("pharmacy_claims", "2025-02.b.csv.gz", fills(2, 2500, 30), "2025-03-11"),
        ("pharmacy_claims", "2025-03.csv.gz", bad_and_doubled, "2025-04-10"),
        ("provider_roster", "2025-01.csv.gz", [CLINICIAN], "2025-02-10"),
        ("provider_roster", "2025-03.csv.gz", [{**CLINICIAN, "PANEL_STAT": "C"}], "2025-04-10"),
    ]
    for month in (1, 2, 3):
        day = f"2025-{month + 1:02d}-10"
        made.append(("medical_claims", f"2025-{month:02d}.csv.gz", lines(month), day))
        made.append(("eligibility", f"2025-{month:02d}.csv.gz", spans(month), day))
    return tuple(
        Parcel(feed, name, gzip.compress(as_csv(rows, DELIMITER.get(feed, "|")), mtime=0), day)
        for feed, name, rows, day in made
    )


def small_settings(data_dir: Path, config: Path) -> Settings:
    """An installation of one sender and four feeds, configured as the committed one."""
    if not config.exists():
        (config / "feeds").mkdir(parents=True)
        for feed in FEEDS:
            shutil.copy(PROJECT_ROOT / "data" / "feeds" / f"{feed}.yml", config / "feeds")
        sender = yaml.safe_load((PROJECT_ROOT / "data/payers" / f"{SOURCE}.yml").read_text())
        sender["feeds"] = {feed: sender["feeds"][feed] for feed in FEEDS}
        (config / "payers").mkdir()
        (config / "payers" / f"{SOURCE}.yml").write_text(yaml.safe_dump(sender, sort_keys=False))
    return load_settings(
        {
            "CARE_DATA_DIR": str(data_dir),
            "CARE_CONFIG_DIR": str(config),
            "CARE_THREADS": "1",
            "CARE_MEMORY_LIMIT": "512MB",
            "CARE_LOCK_WAIT_SECONDS": "20",
            "CARE_KEEP_GENERATIONS": "3",
        }
    )


def _same_code() -> str:
    return "as it is"


def lighten(config: Path) -> None:
    """Do once for all nights what costs each of them most and no disturbance touches.

    Configuration is read and modules are imported before any fork; the code's digest (which would
    change under a run of half an hour) and pictures are left out, and files are parsed where the
    durable steps are counted, not in a child. For processes of their own.
    """
    intake.parse_apart = parse_here
    selection.code_version = _same_code
    statement_page.statement_page = lambda statement: f"<p>{statement['seal']}</p>"
    layouts.read_each = cache(layouts.read_each)  # type: ignore[assignment]
    layouts.load_layouts(small_settings(config, config))
    importlib.import_module("pandas")


def night(
    settings: Settings, run_id: str = "night", before: Callable[[str], None] = lambda _: None
) -> str:
    """One night; returns the generation's id. `before` is told the name of each stage."""
    with pipeline_lock(settings, run_id, lambda _: None, lambda _: None) as token:
        held = replace(settings, token=token)
        before("intake")
        held.spill_dir.mkdir(parents=True, exist_ok=True)
        for feed in FEEDS:
            take_feed(held, feed, now=NOW)
        select_deliveries(held)
        inputs = read_run_inputs(held)
        for check in LEDGER_CHECKS:
            run_check(held, check, inputs)
        before("build")
        _write_dbt_manifest(held)
        forget_dbt_results(held)
        plan = begin_build(held, is_whole=True)
        _build(held)
        (held.dbt_target_dir / "run_results.json").write_text(json.dumps(_RUN_RESULTS))
        record_dbt_results(held, inputs.input_version)
        complete_build(held, plan)
        before("outcomes")
        _compute_outcomes(held)
        before("publish")
        verify_current(held)
        generation = publish(held, LEDGER_CHECKS)
        before("end")
    return generation.id


@dataclass(frozen=True)
class State:
    """All that two installations of equal deliveries must agree on, however they came there."""

    entries: tuple[str, ...]
    ledger: tuple[tuple[str, str], ...]
    tables: tuple[tuple[str, str], ...]
    published: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[object, ...], ...]


def state_of(settings: Settings) -> State:
    """What the ledger, the warehouse and the current generation hold.

    Quarantined entries are left out, and so is their line of `meta_publication_input`: they tell
    what went wrong on the way, which differs.
    """
    loaded = [entry for entry in read_entries(settings) if entry.status == "loaded"]
    rows = sorted(settings.ledger_dir.glob("*/*/*/*.parquet"))
    current = settings.published_dir / "current"
    files = sorted(path for path in current.rglob("*.parquet"))
    meta = current / "meta_publication_input.parquet"
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as warehouse:
        tables = tuple((table, relation_digest(warehouse, table)) for table in TABLES)
        counted = warehouse.execute(
            "select * from read_parquet(?) where status = 'loaded' order by all", [str(meta)]
        ).fetchall()
    return State(
        entries=tuple(entry.model_dump_json() for entry in loaded),
        ledger=tuple((str(p.relative_to(settings.ledger_dir)), file_sha256(p)) for p in rows),
        tables=tables,
        published=tuple((str(p.relative_to(current)), file_sha256(p)) for p in files if p != meta),
        inputs=tuple(tuple(row) for row in counted),
    )


def differences(found: State, expected: State) -> Iterable[str]:
    """Where two states differ, by the name of the part and the first thing that does."""
    for part in ("entries", "ledger", "tables", "published", "inputs"):
        mine, theirs = getattr(found, part), getattr(expected, part)
        if mine != theirs:
            odd = sorted(set(map(str, mine)) ^ set(map(str, theirs)))
            yield f"{part}: {len(mine)} against {len(theirs)}: {odd[:2]}"


def _build(settings: Settings) -> None:
    """What dbt would do: one transaction a table, from the selected deliveries alone."""
    feeds = []
    for feed in FEEDS:
        files = settings.ledger_dir / feed / "*" / "*" / "*.parquet"
        feeds.append(
            f"select '{feed}' as feed, delivery_id, row_number from read_parquet('{files}')"
        )
    selected = settings.inputs_dir / "delivery.parquet"
    with duckdb.connect(str(settings.warehouse_file), config={"threads": 1}) as warehouse:
        warehouse.execute(
            f"""
            create or replace table fct_attribution as
            select
                concat_ws('/', feed, delivery_id, row_number) as person_id,
                'prohealth' as program_id
            from ({" union all ".join(feeds)})
            where delivery_id in (
                select delivery_id from read_parquet('{selected}') where is_selected
            )
            """
        )
        warehouse.execute(
            f"""
            create or replace table agg_attribution as
            select
                (period || '-01')::date as snapshot_date,
                'prohealth' as program_id,
                source_id || part as practice_id,
                feed as reason,
                sum(loaded_count)::int as members
            from read_parquet('{selected}')
            where is_selected
            group by all
            """
        )
        # What publication asks the warehouse for besides the tables it publishes.
        warehouse.execute(
            f"""
            create or replace table stg_ledger__run as
            select date '{read_run_inputs(settings).as_of}' as as_of,
                '2025-03' as claims_through_period;
            create or replace table stg_ledger__program_terms (
                program_id varchar, terms_json varchar
            );
            """
        )


def _compute_outcomes(settings: Settings) -> None:
    """The outcome tables and a draft of a statement, both from the warehouse."""
    settings.outcomes_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as warehouse:
        ((rows,),) = warehouse.execute("select sum(members)::int from agg_attribution").fetchall()
        for name, query in OUTCOMES.items():
            path = settings.outcomes_dir / f"{name}.parquet"
            query = query.replace("1234.56", f"{rows}.00")
            warehouse.execute(f"copy ({query}) to '{path}.tmp' (format parquet)")
            Path(f"{path}.tmp").replace(path)
    inputs = read_run_inputs(settings)
    draft = drafts_dir(settings) / "prohealth"
    draft.mkdir(parents=True, exist_ok=True)
    (draft / LINES_FILE).write_text(f"person_id,allowed_amount\nP1,{rows}.00\n")
    write_statement(
        draft / STATEMENT_FILE,
        {
            "program_id": "prohealth",
            "period": "2025-01-01_2025-12-31",
            "kind": "interim",
            "settlement": {"payment_amount": f"{rows}.00", "loss_amount": "0.00"},
            "provenance": {
                "as_of": inputs.as_of.isoformat(),
                "input_version": inputs.input_version,
                "code_version": inputs.code_version,
            },
            "inputs": [],
        },
    )


def _mart(name: str, audience: str, **meta: object) -> dict[str, object]:
    return {
        "resource_type": "model",
        "name": name,
        "schema": "main",
        "alias": name,
        "description": "",
        "columns": {},
        "config": {
            "enabled": True,
            "materialized": "table",
            "meta": {"publication": audience, **meta},
        },
    }


_DBT_MANIFEST = {
    "nodes": {
        "model.care.agg_attribution": _mart(
            "agg_attribution",
            "bi",
            key=["snapshot_date", "program_id", "practice_id", "reason"],
            suppression={"count_columns": ["members"]},
        ),
        "model.care.fct_attribution": _mart("fct_attribution", "restricted", key=["person_id"]),
    },
    "unit_tests": {},
}
_RUN_RESULTS = {
    "results": [
        {"unique_id": name, "status": "success"}
        for name in ("model.care.agg_attribution", "model.care.fct_attribution")
    ]
}


def _write_dbt_manifest(settings: Settings) -> None:
    settings.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    unfinished = settings.dbt_target_dir / f"manifest.{os.getpid()}"
    unfinished.write_text(json.dumps(_DBT_MANIFEST))
    unfinished.replace(settings.dbt_manifest_file)
