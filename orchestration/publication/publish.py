"""Publish one generation: open the gate, build new, seal, swap; keep the last good one otherwise.

Each step's rule lives in its own module; here is only their order.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb

from orchestration.checks import (
    CheckRecord,
    RegisteredCheck,
    RunInputs,
    load_manifest,
    read_run_inputs,
)
from orchestration.coordination.access_log import Export, record_exports
from orchestration.coordination.monthly import keep_month
from orchestration.coordination.refresh import build_lists
from orchestration.coordination.sources import TABLES as CARE_TABLES
from orchestration.coordination.sources import of_run
from orchestration.errors import PublicationRefused
from orchestration.fence import fenced, take_token
from orchestration.outcomes.clinicians import MEASURES, write_clinician_rates
from orchestration.publication import generations, tables
from orchestration.publication.digests import file_sha256, relation_digest
from orchestration.publication.gate import open_gate, refuse_other_content, registered_checks
from orchestration.publication.generations import Generation
from orchestration.publication.marts import (
    PublishedMart,
    check_columns,
    published_marts,
    suppressed,
)
from orchestration.publication.scorecards import published_rows, write_scorecards
from orchestration.settings import Settings
from orchestration.warehouse import engine, read_warehouse

META = "meta_publication"
META_INPUTS = "meta_publication_input"
WORKLISTS_DIR = "worklists"
_LISTED = (".parquet", ".json", ".html", ".csv", ".txt")
"""Files whose content decides a generation's id; the DuckDB file holds the same tables again."""


def publish(settings: Settings, checks: Sequence[RegisteredCheck] | None = None) -> Generation:
    """Publish what the current run built; a second time with equal content does nothing.

    `checks` are the Python checks to expect (default: all registered). Raises
    `PublicationRefused` where a blocking check is in the way or a mart's declaration does not
    fit, `PipelineBusy` where another publication runs; then, and on any other failure, the
    generation that was current stays. A run that was overtaken is refused at the latest at the swap
    (`RunOvertaken`); where `settings` hold no run's token, one is taken here.
    """
    if settings.token is None:
        settings = replace(settings, token=take_token(settings, f"process {os.getpid()}"))
    with generations.publication_lock(settings):
        inputs = read_run_inputs(settings)
        manifest = load_manifest(settings.dbt_manifest_file)
        expected = registered_checks() if checks is None else checks
        records = open_gate(settings, inputs, manifest, expected)
        marts = published_marts(manifest)
        building = generations.new_building_dir(settings)
        try:
            content, hidden, exports = _build(settings, building, inputs, marts, records)
            manifest_text = json.dumps(content, indent=1, sort_keys=True)
            (building / generations.MANIFEST_FILE).write_text(manifest_text, encoding="utf-8")
            digest = hashlib.sha256(manifest_text.encode()).hexdigest()
            generation_id = f"{inputs.as_of.isoformat()}-{digest[:16]}"
            generations.seal(building)
            with fenced(settings):
                if generations.current_generation(settings) != generation_id:
                    # First the log, then the lists: nobody can read what was not logged.
                    record_exports(settings, f"publication of {generation_id}", exports)
                is_new = generations.adopt(settings, building, generation_id)
            published = generations.generations_dir(settings) / generation_id
            keep_month(
                settings, published / generations.RESTRICTED_DIR / WORKLISTS_DIR, inputs.as_of
            )
        finally:
            shutil.rmtree(building, ignore_errors=True)
        generations.note_publication(settings)
        generations.prune(settings)
        return Generation(
            generation_id,
            generations.generations_dir(settings) / generation_id,
            is_new,
            tuple((name, int(table["rows"])) for name, table in sorted(content["tables"].items())),
            tuple(sorted(hidden.items())),
        )


def _build(
    settings: Settings,
    building: Path,
    inputs: RunInputs,
    marts: Sequence[PublishedMart],
    records: Mapping[str, CheckRecord],
) -> tuple[dict[str, dict[str, dict[str, str | int]]], dict[str, int], tuple[Export, ...]]:
    """Write every file of the generation; return its manifest, cells hidden by table, and lists."""
    restricted = building / generations.RESTRICTED_DIR
    restricted.mkdir(mode=0o700)
    rows: dict[str, int] = {}
    hidden: dict[str, int] = {}
    with read_warehouse(settings) as warehouse:
        tables.keep_order(warehouse)
        for mart in marts:
            if mart.audience == "bi" and not mart.is_outcome:
                path = building / f"{mart.name}.parquet"
                rows[mart.name], hidden[mart.name] = _publish_mart(warehouse, mart, path, records)
    with engine(settings) as connection:
        tables.keep_order(connection)
        for mart in marts:
            if mart.is_outcome:
                path = building / f"{mart.name}.parquet"
                rows[mart.name], hidden[mart.name] = _publish_outcome(
                    settings, connection, mart, path, records
                )
        _write_meta(settings, connection, inputs, building)
        loaded = tables.write_marts_file(
            connection,
            building / generations.MARTS_FILE,
            [(path.stem, path) for path in building.glob("*.parquet")],
            marts,
        )
    # Pages are drawn while the engine sorts what is identified.
    with ThreadPoolExecutor(max_workers=1) as artist:
        drawn = artist.submit(_write_pages, settings, building, inputs)
        with read_warehouse(settings) as warehouse:
            tables.keep_order(warehouse)
            for mart in marts:
                if mart.audience == "restricted":
                    path = restricted / f"{mart.name}.parquet"
                    rows[mart.name], hidden[mart.name] = _publish_mart(
                        warehouse, mart, path, records
                    )
        drawn.result()
    write_clinician_rates(restricted, building / f"{MEASURES}.parquet")
    exports = _write_worklists(settings, restricted, inputs)
    files = sorted(path for path in building.rglob("*") if path.suffix in _LISTED)
    content: dict[str, dict[str, dict[str, str | int]]] = {
        "inputs": {
            "run": {
                "as_of": inputs.as_of.isoformat(),
                "claims_through_period": inputs.claims_through_period,
                "code_version": inputs.code_version,
                "input_version": inputs.input_version,
            }
        },
        "files": {str(path.relative_to(building)): {"sha256": file_sha256(path)} for path in files},
        "tables": {table.name: {"rows": table.rows, "digest": table.digest} for table in loaded},
    }
    for mart in marts:
        if mart.audience == "restricted":
            # Identified tables are in no DuckDB file; the ordered Parquet file is their digest.
            content["tables"][mart.name] = {"rows": rows[mart.name]}
    return content, hidden, exports


def _write_worklists(settings: Settings, restricted: Path, inputs: RunInputs) -> tuple[Export, ...]:
    """Write coordinators' lists from the identified tables of this generation, if it has them."""
    if not all((restricted / f"{table}.parquet").exists() for table in CARE_TABLES.values()):
        return ()
    folder = restricted / WORKLISTS_DIR
    lists = build_lists(settings, restricted, of_run(settings), inputs.as_of, folder)
    return lists.exports


def _write_pages(settings: Settings, building: Path, inputs: RunInputs) -> None:
    _issue_statements(settings, inputs)
    _copy_statements(settings, building)
    _keep_snapshots(settings, building, inputs)
    _report_expectations(settings, building, inputs)
    write_scorecards(settings, building, inputs.as_of)
    _write_panels(settings, building)


def _write_panels(settings: Settings, building: Path) -> None:
    """Each group's monthly panel with adds, drops and reasons; identified, so restricted."""
    from orchestration.payment.panel_document import FOLDER, write_panel_documents

    names = {
        str(row["program_id"]): str(row["program_name"])
        for row in published_rows(building, "dim_program")
    }
    if names:
        with read_warehouse(settings) as warehouse:
            write_panel_documents(warehouse, names, building / generations.RESTRICTED_DIR / FOLDER)


def _issue_statements(settings: Settings, inputs: RunInputs) -> None:
    """Keep the run's statements, now that every check and table has passed (docs/adr/0011)."""
    # Imported here: payment knows this package's digests.
    from orchestration.payment.statement_store import issue_statements

    with fenced(settings):
        issue_statements(settings, inputs.input_version)


def _keep_snapshots(settings: Settings, building: Path, inputs: RunInputs) -> None:
    """Keep this run's attribution snapshots; tell how older ones stand today (docs/adr/0013)."""
    # Imported here: it knows this package's digests.
    from orchestration.attribution.publish import publish_snapshots

    publish_snapshots(settings, inputs, building / generations.RESTRICTED_DIR)


def _report_expectations(settings: Settings, building: Path, inputs: RunInputs) -> None:
    """Tell what was expected of the data and what was found, on exactly these inputs."""
    # Imported here: suites know this package's marts.
    from expectations.verdicts import write_report

    write_report(settings, building, inputs)


def _copy_statements(settings: Settings, building: Path) -> None:
    """Put the statements that stand into the generation: pages for all, lines restricted."""
    from orchestration.payment.statement_store import kept_statements, published_name

    public = building / generations.STATEMENTS_DIR
    restricted = building / generations.RESTRICTED_DIR / generations.STATEMENTS_DIR
    for kept in kept_statements(settings):
        for folder in (public, restricted):
            folder.mkdir(mode=0o700, exist_ok=True)
        name = published_name(kept)
        for path in sorted(kept.iterdir()):
            if path.suffix in (".json", ".html"):
                shutil.copyfile(path, public / f"{name}{path.suffix}")
            elif path.suffix in (".csv", ".txt"):
                shutil.copyfile(path, restricted / f"{name}.{path.name}")


def _publish_mart(
    warehouse: duckdb.DuckDBPyConnection,
    mart: PublishedMart,
    path: Path,
    records: Mapping[str, CheckRecord],
) -> tuple[int, int]:
    described = warehouse.execute(f"describe select * from {mart.relation}").fetchall()
    check_columns(mart, [str(column[0]) for column in described])
    if mart.audience == "restricted":
        return tables.write_parquet(warehouse, mart.relation, mart.key, path), 0
    refuse_other_content(records, mart.name, relation_digest(warehouse, mart.relation))
    order = ", ".join(f'"{column}" nulls first' for column in mart.key) or "all nulls first"
    table = warehouse.sql(f"select * from {mart.relation} order by {order}").to_arrow_table()
    fit = suppressed(mart, table)
    return tables.write_arrow(warehouse, fit.table, mart.key, path), fit.cells_hidden


def _publish_outcome(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    mart: PublishedMart,
    path: Path,
    records: Mapping[str, CheckRecord],
) -> tuple[int, int]:
    source = settings.outcomes_dir / f"{mart.name}.parquet"
    if not source.exists():
        raise PublicationRefused(f"{source}: not there. Materialize {mart.name} first.")
    refuse_other_content(records, mart.name, file_sha256(source))
    order = ", ".join(f'"{column}" nulls first' for column in mart.key)
    table = connection.sql(
        f"select * from read_parquet(?) order by {order}", params=[str(source)]
    ).to_arrow_table()
    fit = suppressed(mart, table)
    return tables.write_arrow(connection, fit.table, mart.key, path), fit.cells_hidden


def _write_meta(
    settings: Settings, connection: duckdb.DuckDBPyConnection, inputs: RunInputs, building: Path
) -> None:
    """`meta_publication` (one row) and the deliveries it stands on; no clock and no run id."""
    connection.execute(
        "create temp table meta_publication as select ?::date as as_of, "
        "?::varchar as claims_through_period, ?::varchar as code_version, "
        "?::varchar as input_version",
        [inputs.as_of, inputs.claims_through_period, inputs.code_version, inputs.input_version],
    )
    tables.write_parquet(connection, META, ["as_of"], building / f"{META}.parquet")
    connection.execute(
        f"""
        create temp table {META_INPUTS} as
        select
            feed,
            source_id,
            status,
            is_selected,
            count(*)::bigint as delivery_count,
            min(period) as first_period,
            max(period) as last_period,
            max(delivered_on)::date as last_delivered_on,
            sum(row_count)::bigint as row_count,
            sum(loaded_count)::bigint as loaded_count,
            sum(rejected_count)::bigint as rejected_count,
            sum(duplicate_count)::bigint as duplicate_count
        from read_parquet(?)
        group by all
        """,
        [str(settings.inputs_dir / "delivery.parquet")],
    )
    key = ["feed", "source_id", "status", "is_selected"]
    tables.write_parquet(connection, META_INPUTS, key, building / f"{META_INPUTS}.parquet")
