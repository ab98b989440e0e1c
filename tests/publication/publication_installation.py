"""A small installation to publish: two marts and two outcome tables, all checks passed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.checks import CheckRecord, RegisteredCheck, write_check_records
from orchestration.settings import Settings, load_settings

NO_CHECKS: tuple[RegisteredCheck, ...] = ()

OUTCOMES: Mapping[str, str] = {
    "agg_er_use_versus_market": """
        select 'prohealth' as program_id, 'prohealth' as reporting_unit_id,
            null::varchar as partner_id, 'performance' as period_role,
            'all_others' as market_basis, 5 as observed_visits, 400 as panel_persons,
            90000 as market_persons, 15000 as market_visits, 0.93::double as sir,
            'it was 7 % lower' as sentence, '' as insufficient_reasons, false as is_suppressed
        """,
    "agg_change_versus_market": """
        select 'prohealth' as program_id, 'er_visits' as outcome, 'att' as weighting,
            400 as panel_persons, 90000 as market_persons, 0.92::double as change_ratio,
            'it moved 8 % lower' as sentence, false as is_suppressed
        """,
    "agg_change_detail": """
        select 'prohealth' as program_id, 'placebo' as part, 'er_visits' as outcome,
            0 as item_number, 1.01::double as ratio
        """,
    "agg_outcome_versus_market": """
        select 'prohealth' as program_id, 'inpatient' as outcome, 'all_others' as market_basis,
            400 as panel_count, 9000 as market_count, 0.97::double as ratio
        """,
    "agg_shared_savings": """
        select 'prohealth' as program_id, 1234.56::decimal(18,2) as savings_amount,
            24000 as baseline_persons, 25000 as performance_persons
        """,
}
"""A query for each outcome table that is published."""


@dataclass(frozen=True)
class Installation:
    """Settings of a temporary data folder, and a way to change what stands in its warehouse."""

    settings: Settings

    def warehouse(self, statement: str) -> None:
        self.settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(self.settings.warehouse_file)) as connection:
            connection.execute(statement)

    def run(self, input_version: str = "v1", as_of: str = "2026-07-10") -> None:
        content = {
            "as_of": as_of,
            "input_version": input_version,
            "claims_through_period": "2026-06",
            "code_version": "abc",
        }
        self.settings.inputs_dir.mkdir(parents=True, exist_ok=True)
        (self.settings.inputs_dir / "run.json").write_text(json.dumps(content))

    def pass_checks(self, input_version: str = "v1") -> None:
        write_check_records(
            self.settings,
            [
                CheckRecord(name, "agg_attribution", True, True, input_version)
                for name in ("test.care.unique_members", "model.care.agg_attribution")
            ],
        )


def manifest() -> dict[str, object]:
    """What dbt would say of the marts below, reduced to what publication reads."""
    members = {
        "resource_type": "model",
        "name": "agg_attribution",
        "schema": "main",
        "alias": "agg_attribution",
        "description": "One row per month, program, practice and reason.",
        "columns": {"members": {"name": "members", "description": "People attributed."}},
        "config": {
            "enabled": True,
            "materialized": "table",
            "meta": {
                "publication": "bi",
                "key": ["snapshot_date", "program_id", "practice_id", "reason"],
                "suppression": {
                    "count_columns": ["members"],
                    "totals": [["snapshot_date", "program_id"]],
                },
            },
        },
    }
    facts = {
        "resource_type": "model",
        "name": "fct_attribution",
        "schema": "main",
        "config": {
            "enabled": True,
            "materialized": "ephemeral",
            "meta": {"publication": "restricted", "key": ["person_id"]},
        },
    }
    test = {
        "resource_type": "test",
        "name": "unique_members",
        "config": {"enabled": True, "severity": "ERROR"},
        "depends_on": {"nodes": ["model.care.agg_attribution"]},
    }
    return {
        "nodes": {
            "model.care.agg_attribution": members,
            "model.care.fct_attribution": facts,
            "test.care.unique_members": test,
        },
        "unit_tests": {},
    }


def make_installation(data_dir: Path) -> Installation:
    """Everything that `publish` asks for, with every blocking check passed on inputs v1."""
    settings = load_settings(
        {"CARE_DATA_DIR": str(data_dir), "CARE_KEEP_GENERATIONS": "3", "CARE_THREADS": "2"}
    )
    made = Installation(settings)
    made.run()
    settings.dbt_target_dir.mkdir(parents=True)
    settings.dbt_manifest_file.write_text(json.dumps(manifest()))
    made.warehouse(
        """
        create table agg_attribution as
        select * from (values
            (date '2025-01-31', 'prohealth', 'A', 'VISITS', 60),
            (date '2025-01-31', 'prohealth', 'B', 'VISITS', 25),
            (date '2025-01-31', 'prohealth', 'C', 'VISITS', 4),
            (date '2025-01-31', 'valley', 'D', 'VISITS', 31)
        ) t(snapshot_date, program_id, practice_id, reason, members);
        create table fct_attribution as
        select 'P' || range as person_id, 'prohealth' as program_id from range(1000);
        create table stg_ledger__run as
        select date '2026-07-10' as as_of, '2026-06' as claims_through_period;
        create table stg_ledger__program_terms (program_id varchar, terms_json varchar);
        """
    )
    settings.outcomes_dir.mkdir(parents=True)
    for name, query in OUTCOMES.items():
        _write(settings.outcomes_dir / f"{name}.parquet", query)
    _write(
        settings.inputs_dir / "delivery.parquet",
        """
        select 'd1' as delivery_id, 'cigna' as source_id, 'medical_claims' as feed,
            '2025-01' as period, 'period' as mode, 'loaded' as status, 10::bigint as row_count,
            8::bigint as loaded_count, 1::bigint as rejected_count, 1::bigint as duplicate_count,
            true as is_selected, date '2025-02-10' as delivered_on
        """,
    )
    made.pass_checks()
    return made


def _write(path: Path, query: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{path}' (format parquet)")
