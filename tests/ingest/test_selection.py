"""Which deliveries a run reads: what was known on its day, the newest version of each place."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from intake_kit import CLINICIAN, SPAN, Installation, fills, installation, lines

from orchestration.errors import CareWarehouseError, ConfigurationError
from orchestration.ingest import take_program_terms
from orchestration.ingest.selection import code_version


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def periods(house: Installation, as_of: str | None = None) -> list[tuple[str, int]]:
    return sorted((entry.period, entry.version) for entry in house.select(as_of).selected)


def test_as_of_is_by_default_the_latest_day_of_data_never_today(house: Installation) -> None:
    """A replay next year must not see another day."""
    house.drop(fills(1), control={"delivered_on": "2025-02-10"})
    house.take()
    take_program_terms(house.settings)
    assert house.select().as_of == date(2025, 2, 10)


def test_an_earlier_as_of_sees_only_what_was_known(house: Installation) -> None:
    house.drop(fills(1), "2025-01.csv.gz", control={"delivered_on": "2025-02-10"})
    house.drop(fills(2), "2025-01.v2.csv.gz", control={"delivered_on": "2025-04-10"})
    house.drop(fills(3), "2025-02.csv.gz", control={"delivered_on": "2025-03-10"})
    house.take()
    assert periods(house, "2025-02-10") == [("2025-01", 1)]
    assert periods(house, "2025-03-31") == [("2025-01", 1), ("2025-02", 1)]
    assert periods(house) == [("2025-01", 2), ("2025-02", 1)]


def test_parts_of_a_period_stand_side_by_side(house: Installation) -> None:
    house.drop(fills(1), "2025-01.p01.csv.gz")
    house.drop(fills(2), "2025-01.p02.csv.gz")
    house.drop(fills(3), "2025-01.p02.v2.csv.gz", control={"delivered_on": "2025-03-10"})
    house.take()
    chosen = {(entry.part, entry.loaded_count) for entry in house.select().selected}
    assert chosen == {("p01", 1), ("p02", 3)}


def test_the_newest_snapshot_replaces_all_before(house: Installation) -> None:
    """A clinician who is no longer listed must not live on in an older roster."""
    old = [CLINICIAN, {**CLINICIAN, "PRAC_ID": "L2"}]
    house.drop(old, "2024-01.csv.gz", "provider_roster", control={"delivered_on": "2024-02-10"})
    house.drop([CLINICIAN], "2025-01.csv.gz", "provider_roster")
    house.take("provider_roster")
    assert [entry.loaded_count for entry in house.select().selected] == [1]
    assert [entry.loaded_count for entry in house.select("2024-12-31").selected] == [2]


def test_months_delivered_on_one_day_stand_in_the_order_of_their_months(
    house: Installation,
) -> None:
    """A first load brings years at once; a later month's change must win over an earlier one's."""
    for month in ("2025-03", "2025-01", "2025-02"):
        span = {**SPAN, "GRP_NO": month}
        house.drop([span], f"{month}.csv.gz", "eligibility", control={"delivered_on": "2025-04-10"})
    house.take("eligibility")
    ordered = [(d.entry.period, d.delivery_order) for d in house.select().deliveries]
    assert ordered == [("2025-01", 1), ("2025-02", 2), ("2025-03", 3)]


def test_14_a_missing_month_is_named_and_ends_the_claims(house: Installation) -> None:
    for month in ("2024-11", "2024-12", "2025-02"):
        house.drop(
            lines(2), f"{month}.csv.gz", "medical_claims", control={"delivered_on": "2025-03-10"}
        )
    house.take("medical_claims")
    selection = house.select()
    assert [str(missing) for missing in selection.missing_periods] == [
        "cigna/medical_claims has no usable delivery for 2025-01"
    ]
    assert selection.claims_through_period == "2024-12"


def test_14_a_quarantined_month_is_missing_too(house: Installation) -> None:
    house.drop(fills(2), "2024-12.csv.gz")
    house.drop(b"broken", "2025-01.csv.gz")
    house.drop(fills(2), "2025-02.csv.gz")
    house.take()
    selection = house.select()
    assert [missing.period for missing in selection.missing_periods] == ["2025-01"]
    reasons = {d.entry.period: d.entry.reason for d in selection.deliveries}
    assert reasons == {"2024-12": "", "2025-01": "gzip_corrupt", "2025-02": ""}


def test_equal_ledger_day_and_code_give_equal_inputs(house: Installation) -> None:
    """Only equal inputs can be asked for equal results."""
    house.drop(fills(3))
    house.take()
    first, second = house.select(), house.select()
    assert first.input_version == second.input_version
    inputs = house.settings.inputs_dir
    before = (inputs / "delivery.parquet").read_bytes(), (inputs / "run.parquet").read_bytes()
    house.select()
    after = (inputs / "delivery.parquet").read_bytes(), (inputs / "run.parquet").read_bytes()
    assert before == after
    assert house.select("2025-03-01").input_version != first.input_version


def test_run_and_delivery_files_say_the_same_as_the_selection(house: Installation) -> None:
    house.drop(fills(3))
    house.take()
    selection = house.select()
    run = json.loads((house.settings.inputs_dir / "run.json").read_text())
    assert run["as_of"] == "2025-02-10"
    assert run["input_version"] == selection.input_version
    with duckdb.connect() as connection:
        path = house.settings.inputs_dir / "delivery.parquet"
        query = f"select period, row_count, loaded_count, status, is_selected from '{path}'"
        assert connection.execute(query).fetchall() == [("2025-01", 3, 3, "loaded", True)]


def test_an_empty_ledger_says_what_to_do(house: Installation) -> None:
    with pytest.raises(CareWarehouseError, match="Drop extracts into"):
        house.select()


def test_code_version_changes_with_code_and_not_with_build_leftovers(tmp_path: Path) -> None:
    (tmp_path / "dbt_project" / "target").mkdir(parents=True)
    model = tmp_path / "dbt_project" / "model.sql"
    model.write_text("select 1")
    before = code_version(tmp_path)
    (tmp_path / "dbt_project" / "target" / "compiled.sql").write_text("select 1")
    assert code_version(tmp_path) == before
    model.write_text("select 2")
    assert code_version(tmp_path) != before


def test_agreements_enter_the_ledger_once_and_cannot_be_changed_later(house: Installation) -> None:
    """A fee changed in the file after it was paid would rewrite history."""
    assert len(take_program_terms(house.settings).taken) == 5
    assert take_program_terms(house.settings).taken == ()
    changed = house.configure("programs/valley_preferred.yml", {"fee_pmpm: 3.00": "fee_pmpm: 4.00"})
    with pytest.raises(ConfigurationError, match="raise its version to 2"):
        take_program_terms(changed.settings)


def test_a_replay_sees_the_terms_of_its_day(house: Installation) -> None:
    house.drop(fills(1))
    house.take()
    file = "programs/valley_preferred.yml"
    text = (house.configure(file, {}).settings.config_dir / file).read_text("utf-8")
    old = text[text.index("  - agreed_on") :]
    new = old.replace("2022-12-15", "2025-02-01").replace("fee_pmpm: 3.00", "fee_pmpm: 4.00")
    amended = house.configure(file, {old: old + new})
    take_program_terms(amended.settings)
    chosen = {
        day: [
            str(entry.delivered_on)
            for entry in amended.select(day).selected
            if entry.period == "valley_preferred"
        ]
        for day in ("2022-12-14", "2025-01-31", "2025-02-10")
    }
    assert chosen == {
        "2022-12-14": [],
        "2025-01-31": ["2022-12-15"],
        "2025-02-10": ["2025-02-01"],
    }
