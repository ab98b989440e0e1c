"""Contracts and senders as files: adding one is adding a file, and a mistake is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from intake_kit import FILL, Installation, as_csv, installation

from orchestration.errors import ConfigurationError
from orchestration.ingest import load_layouts


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def test_adding_a_sender_is_adding_a_file(house: Installation) -> None:
    """The next payer writes other headers, dates and codes into another file name."""
    house = house.configure("payers/cigna.yml", {})
    (house.settings.payers_dir / "aetna.yml").write_text(
        """
source_id: aetna
name: Another payer
payer: aetna
meaning: Fills of another payer.
feeds:
  pharmacy_claims:
    file_name: 'RX_(?P<year>[0-9]{4})(?P<month>[0-9]{2})_R(?P<version>[0-9]+)\\.csv'
    delimiter: ";"
    date_format: MM/DD/YYYY
    headers:
      pharmacy_claim_id: claim
      person_id: member
      fill_date: filled
      ndc_code: ndc
      days_supply: days
      allowed_amount: allowed
      paid_amount: paid
      paid_date: decided
    constants: {claim_status: paid}
    empty_as: {days_supply: "30"}
""",
        "utf-8",
    )
    row = {
        "claim": "A1",
        "member": "M1",
        "filled": "01/31/2025",
        "ndc": "00002143380",
        "days": "",
        "allowed": "10",
        "paid": "9.5",
        "decided": "02/01/2025",
    }
    house.drop(as_csv([row], ";"), "RX_202501_R3.csv", source="aetna", control={})
    outcome = house.take_one()
    assert (outcome.entry.period, outcome.entry.version, outcome.entry.payer) == (
        "2025-01",
        3,
        "aetna",
    )
    columns = "cast(fill_date as varchar), claim_status, days_supply, quantity, payer, source_id"
    assert house.rows(outcome, columns) == [("2025-01-31", "paid", 30, None, "aetna", "aetna")]


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("payers/cigna.yml", "person_id: CARDHOLDER_ID", "persn_id: C", "mean 'person_id'"),
        ("payers/cigna.yml", "X: reversed", "X: reverst", "Did you mean 'reversed'"),
        ("payers/cigna.yml", "  pharmacy_claims:", "  pharmacy_claim:", "mean 'pharmacy_claims'"),
        ("payers/cigna.yml", "date_format: YYYY-MM-DD", "date_format: DMY", "Known: YYYY-MM-DD"),
        ("payers/cigna.yml", "source_id: cigna", "source_id: cinga", "Name the file cinga.yml"),
        ("payers/primed.yml", '";"', '";;"', "delimiter"),
        (
            "payers/primed.yml",
            "npi: npi\n",
            "npi: npi\n      specialty_code: npi\n",
            "stands twice",
        ),
        ("feeds/eligibility.yml", "type: npi", "type: npy", "Did you mean 'npi'"),
        ("feeds/eligibility.yml", "mode: append", "mode: add", "append"),
        ("feeds/eligibility.yml", "key: [person_id,", "key: [persn_id,", "mean 'person_id'"),
        ("feeds/eligibility.yml", "birth_date <= delivered_on", "born <= today", "no column"),
        ("feeds/eligibility.yml", "least: 1990-01-01", "least: 1990", "must be a date"),
    ],
)
def test_a_mistake_in_a_layout_names_file_place_and_fix(
    house: Installation, file: str, before: str, after: str, told: str
) -> None:
    spoiled = house.configure(file, {before: after})
    problems = [
        str(problem)
        for unusable in load_layouts(spoiled.settings).unusable
        for problem in unusable.problems
    ]
    assert any(Path(file).name in problem and told in problem for problem in problems), problems


def test_a_missing_folder_is_told(house: Installation, tmp_path: Path) -> None:
    nowhere = Installation(replace(house.settings, config_dir=tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"no \*.yml"):
        nowhere.take()


def test_a_layout_change_does_not_touch_what_is_loaded(house: Installation) -> None:
    """Truth once accepted is never rewritten, whatever the mapping says later."""
    house.drop([FILL])
    house.take()
    changed = house.configure("payers/cigna.yml", {"X: reversed": "R: reversed"})
    assert changed.take().taken == ()


def test_every_committed_contract_column_says_what_it_means() -> None:
    layouts = load_layouts(installation(Path("/nowhere")).settings)
    assert layouts.unusable == ()
    for contract in layouts.contracts.values():
        assert contract.meaning
        for name, column in contract.columns.items():
            assert column.meaning.endswith("."), (contract.feed, name)
