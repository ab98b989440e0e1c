"""Rejected rows: told to the warehouse without values, shown to the engineer with them."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from intake_kit import Installation, Row, fills, installation, lines
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import CareWarehouseError
from orchestration.ingest.rejects import rejected_rows


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def told(house: Installation) -> list[Row]:
    house.select()
    rows: list[Row] = pq.read_table(house.settings.inputs_dir / "rejected_row.parquet").to_pylist()
    return rows


def spoilt_fills() -> list[Row]:
    rows = fills(30)
    rows[3]["QTY_DISP"] = "U1-SECRET"
    rows[5] |= {"NDC_11": "123", "DAYS_SUP": "many"}
    return [*rows, rows[0]]


def test_a_run_is_told_row_column_reason_and_remedy_and_never_the_value(
    house: Installation,
) -> None:
    """A value that is no amount may be a name: it must not leave the ledger."""
    house.drop(spoilt_fills())
    outcome = house.take_one()
    rows = told(house)
    assert [(row["row_number"], row["column_name"], row["reason"]) for row in rows] == [
        (4, "quantity", "malformed_decimal"),
        (6, "days_supply", "malformed_integer"),
        (6, "ndc_code", "malformed_code"),
    ]
    assert {row["delivery_id"] for row in rows} == {outcome.entry.delivery_id}
    assert all("Ask the sender" in row["remedy"] for row in rows)
    content = (house.settings.inputs_dir / "rejected_row.parquet").read_bytes()
    assert b"SECRET" not in content


def test_where_nothing_was_rejected_there_is_an_empty_table(house: Installation) -> None:
    """The models read the table also on a day without rejects."""
    house.drop(fills(2))
    house.take()
    assert told(house) == []


def test_the_engineer_sees_values_of_one_column_with_what_to_do(house: Installation) -> None:
    house.drop(spoilt_fills())
    delivery_id = house.take_one().entry.delivery_id
    every = rejected_rows(house.settings, delivery_id)
    assert (every.findings, len(every.rows)) == (3, 3)
    found = rejected_rows(house.settings, delivery_id, column="quantity")
    (one,) = found.rows
    assert (one.row_number, one.value, found.findings) == (4, "U1-SECRET", 1)
    assert rejected_rows(house.settings, delivery_id, reason="too_long").rows == ()
    assert len(rejected_rows(house.settings, delivery_id, at_most=1).rows) == 1


def test_rows_of_a_quarantined_delivery_are_judged_again_and_nothing_is_released(
    house: Installation,
) -> None:
    """Too many rejects is a reason to look at them, not to load the rest."""
    rows = lines(20)
    for row in rows[:15]:
        row["ALLOW_AMT"] = "12.3.4"
    house.drop(rows, feed="medical_claims")
    entry = house.take_one("medical_claims").entry
    assert entry.reason == "too_many_rejects"
    found = rejected_rows(house.settings, entry.delivery_id, at_most=2)
    assert (found.findings, [one.value for one in found.rows]) == (15, ["12.3.4", "12.3.4"])
    assert not (house.settings.ledger_dir / "releases").exists()
    assert house.take("medical_claims").taken == ()
    house.folder("medical_claims").joinpath("2025-01.csv.gz").unlink()
    assert "does not lie in landing" in rejected_rows(house.settings, entry.delivery_id).told


def test_the_command_prints_them_and_refuses_an_unknown_delivery(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARE_DATA_DIR", str(house.settings.data_dir))
    house.drop(spoilt_fills())
    delivery_id = house.take_one().entry.delivery_id
    ran = CliRunner().invoke(app, ["rejects", delivery_id, "--limit", "1"])
    assert ran.exit_code == 0, ran.output
    assert "row 4, quantity: 'U1-SECRET' (malformed_decimal)" in ran.output
    assert "1 of 3 findings" in ran.output
    with pytest.raises(CareWarehouseError, match="fct_delivery"):
        rejected_rows(house.settings, "0000")
