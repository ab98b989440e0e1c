"""Tables that were added to equal tables that were built at once; and when adding is refused."""

import json
import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.dbt_process import executable
from orchestration.growth import BuildPlan, begin_build, complete_build
from orchestration.ingest import select_deliveries
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import dbt_environment
from tests.conftest import Demo

# They tell how the other tables were built.
HOW_IT_WAS_BUILT = {
    "stg_ledger__new_delivery",
    "int_claim_changed",
    "int_claim_line_changed",
    "int_person_changed",
}


# What a later build adds to, and what that is made from.
GROWING = ("--select", "+config.materialized:incremental")


def build(settings: Settings, as_of: date | None, *selection: str) -> BuildPlan:
    """The tables as of a day, as the night builds them but for the tests."""
    select_deliveries(settings, as_of)
    plan = begin_build(settings, is_whole=True)
    mode = {"CARE_BUILD": "growth" if plan.is_growth else "rebuild"}
    built = subprocess.run(
        [executable(), "build", "--exclude-resource-type", "unit_test", "test", *selection],
        env={**os.environ, **dbt_environment(settings), **mode},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    complete_build(settings, plan)
    return plan


@pytest.mark.xdist_group("copies")
def test_a_warehouse_that_grew_equals_one_that_was_rebuilt(demo: Demo, tmp_path: Path) -> None:
    """A table that drifts from the ledger by a row a night is found out in a year, in court."""
    shutil.copytree(demo.data_dir / "ledger", tmp_path / "ledger", copy_function=os.link)
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    settings.spill_dir.mkdir(parents=True)
    steps = [build(settings, day, *GROWING) for day in (date(2024, 9, 20), date(2025, 11, 12))]
    steps.append(build(settings, None))
    assert [step.is_growth for step in steps] == [False, True, True], [s.reason for s in steps]
    with duckdb.connect() as connection:
        for name, file in (("grown", settings), ("rebuilt", demo.settings)):
            connection.execute(f"attach '{file.warehouse_file}' as {name} (read_only)")
        tables = {
            name: {
                str(table)
                for (table,) in connection.execute(
                    "select table_name from duckdb_tables() where database_name = ?", [name]
                ).fetchall()
            }
            for name in ("grown", "rebuilt")
        }
        assert tables["grown"] == tables["rebuilt"]
        unequal = {
            table
            for table in tables["grown"]
            if rows(connection, f"(from grown.{table} except all from rebuilt.{table})")
            or rows(connection, f"(from rebuilt.{table} except all from grown.{table})")
        }
        assert unequal == HOW_IT_WAS_BUILT
        changed = rows(connection, "grown.int_claim_line_changed")
        assert 0 < 10 * changed < rows(connection, "grown.int_claim_line")
        taken = rows(
            connection,
            "(from grown.int_attribution_decided inner join grown.int_person_changed using"
            " (person_key) where snapshot_number >= changed_month_number)",
        )
        assert 0 < 3 * taken < rows(connection, "grown.int_attribution_decided")


def rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


DELIVERY = {
    "feed": "medical_claims",
    "payer": "cigna",
    "delivery_order": 1,
    "delivered_on": date(2025, 1, 10),
    "is_selected": True,
}
OLD = {
    "claims": DELIVERY,
    "terms": {**DELIVERY, "feed": "program_terms"},
    "roster": {**DELIVERY, "feed": "provider_roster"},
}
LATER = {**DELIVERY, "delivery_order": 2, "delivered_on": date(2025, 2, 10)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    settings.inputs_dir.mkdir(parents=True)
    settings.warehouse_file.touch()
    return settings


def read(settings: Settings, deliveries: dict[str, dict[str, object]], code: str = "c1") -> None:
    """Write the inputs of a run that reads these deliveries."""
    rows = [{"delivery_id": name, **delivery} for name, delivery in deliveries.items()]
    pq.write_table(pa.Table.from_pylist(rows), settings.inputs_dir / "delivery.parquet")
    told = {"as_of": "2025-02-10", "input_version": "v", "claims_through_period": "2025-01"}
    (settings.inputs_dir / "run.json").write_text(json.dumps({**told, "code_version": code}))


def built_from(settings: Settings, deliveries: dict[str, dict[str, object]]) -> None:
    read(settings, deliveries)
    complete_build(settings, begin_build(settings, is_whole=True))


def new_deliveries(settings: Settings) -> list[str]:
    column = pq.read_table(settings.inputs_dir / "new_delivery.parquet")["delivery_id"]
    return [str(name) for name in column.to_pylist()]


def test_younger_deliveries_are_added(settings: Settings) -> None:
    """The common night. A roster is read whole by every build and may change as it likes."""
    built_from(settings, OLD)
    assert new_deliveries(settings) == ["claims", "terms"]
    roster = {"roster_2": {**LATER, "feed": "provider_roster"}}
    read(settings, {"claims": DELIVERY, "terms": OLD["terms"], "more": LATER, **roster})
    plan = begin_build(settings, is_whole=True)
    assert plan.is_growth, plan.reason
    assert new_deliveries(settings) == ["more"]


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"terms": OLD["terms"], "claims_v2": LATER}, "claims was superseded"),
        ({**OLD, "claims": {**DELIVERY, "delivery_order": 2}}, "stands elsewhere"),
        ({**OLD, "claims": {**DELIVERY, "is_selected": False}}, "claims was superseded"),
        ({**OLD, "terms_2": {**LATER, "feed": "program_terms"}}, "program_terms changed"),
        ({**OLD, "more": {**LATER, "payer": "aetna"}}, "aetna is a new payer"),
        ({**OLD, "more": {**LATER, "delivered_on": date(2025, 1, 10)}}, "arrived late"),
    ],
    ids=["restated", "reordered", "dropped", "terms", "payer", "late"],
)
def test_what_is_not_growth_alone_is_rebuilt(
    settings: Settings, now: dict[str, dict[str, object]], reason: str
) -> None:
    built_from(settings, OLD)
    read(settings, now)
    plan = begin_build(settings, is_whole=True)
    assert not plan.is_growth
    assert reason in plan.reason
    assert len(new_deliveries(settings)) == len(plan.deliveries)


def test_other_code_rebuilds(settings: Settings) -> None:
    """A corrected rule must reach the claims of all years."""
    built_from(settings, OLD)
    read(settings, {**OLD, "more": LATER}, code="c2")
    assert "code" in begin_build(settings, is_whole=True).reason


def test_a_build_that_died_or_covered_some_tables_is_followed_by_a_rebuild(
    settings: Settings,
) -> None:
    """Half of the tables hold the new month: adding it again would count it twice."""
    built_from(settings, OLD)
    assert begin_build(settings, is_whole=True).is_growth
    after_death = begin_build(settings, is_whole=True)
    assert not after_death.is_growth
    complete_build(settings, after_death)
    partial = begin_build(settings, is_whole=False)
    assert partial.reason == "only some tables are built"
    assert not begin_build(settings, is_whole=True).is_growth
