"""FAULTS 41, 45, 47, 54, 55 and 56: values that parse but cannot be."""

from pathlib import Path

import pytest
from intake_kit import FILL, LINE, SPAN, Installation, fills, installation, lines

from orchestration.defs.ledger.assets import _table, _way_out
from orchestration.ingest import Outcome
from orchestration.ingest.ledger import read_entries, still_quarantined


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def reason_for(house: Installation, feed: str, good: dict[str, str], **changes: str) -> object:
    """The one reason why a changed row is rejected beside a good one."""
    key = {"pharmacy_claims": "RX_CLM_NO", "medical_claims": "CLM_ID", "eligibility": "MBR_ID"}
    house.drop([good, {**good, key[feed]: "X9", **changes}], feed=feed)
    outcome = house.take_one(feed)
    assert (outcome.entry.loaded_count, outcome.entry.rejected_count) == (1, 1)
    ((row_number, column, _, reason),) = house.rejects(outcome)
    assert row_number == 2
    return column, reason


def test_41_negative_amount_without_a_reversal_is_kept_and_flagged(house: Installation) -> None:
    """Dropping it would change the payer's cash; counting it would change visits."""
    negative = {"ALLOW_AMT": "-110.00", "PAID_AMT": "-90.00"}
    void = {**LINE, "CLM_ID": "C8", "FREQ_CD": "8", "CLM_STAT": "R", **negative}
    house.drop([*lines(2), {**LINE, "CLM_ID": "C9", **negative}, void], feed="medical_claims")
    entry = house.take_one("medical_claims").entry
    assert (entry.loaded_count, entry.flags) == (4, {"negative_without_reversal": 1})


def test_45_service_after_delivery(house: Installation) -> None:
    changes = {"FILL_DT": "2025-02-11", "ADJUD_DT": "2025-02-12"}
    reason = reason_for(house, "pharmacy_claims", FILL, **changes)
    assert reason == ("fill_date", "service_after_delivery")


def test_45_a_span_may_start_after_its_delivery(house: Installation) -> None:
    """Cover that starts next month is known this month."""
    house.drop([{**SPAN, "COV_EFF_DT": "20250301"}], feed="eligibility")
    assert house.take_one("eligibility").entry.loaded_count == 1


def test_47_paid_before_service(house: Installation) -> None:
    reason = reason_for(house, "medical_claims", LINE, CHK_DT="20250104")
    assert reason == ("paid_date", "paid_before_service")


def test_a_service_that_ends_before_it_starts(house: Installation) -> None:
    reason = reason_for(house, "medical_claims", LINE, SVC_THRU_DT="20250104")
    assert reason == ("from_date", "ends_before_start")


def test_54_null_join_keys_are_counted_and_never_vanish(house: Installation) -> None:
    """A person without a number joins to nobody; an inner join would lose her silently."""
    reason = reason_for(house, "medical_claims", LINE, MBR_ID="")
    assert reason == ("person_id", "required_value_missing")
    house.drop([{**LINE, "RNDR_NPI": "", "BILL_NPI": ""}], "2025-02.csv.gz", "medical_claims")
    outcome = house.take_one("medical_claims")
    assert house.rows(outcome, "rendering_npi, billing_npi") == [(None, None)]


def test_52_a_merged_person_is_restated_and_split_again(house: Installation) -> None:
    """The payer found U2 to be U1, and then not to be; each day keeps what was known on it."""
    two = [{**row, "CARDHOLDER_ID": f"U{n + 1}"} for n, row in enumerate(fills(2))]
    one = [{**row, "CARDHOLDER_ID": "U1"} for row in two]
    for version, (rows, day) in enumerate(((two, "02-10"), (one, "03-10"), (two, "04-10")), 1):
        house.drop(rows, f"2025-01.v{version}.csv", control={"delivered_on": f"2025-{day}"})
        house.take()
    for as_of, known in (("2025-02-28", 2), ("2025-03-31", 1), (None, 2)):
        (entry,) = house.select(as_of).selected
        outcome = Outcome(entry, "loaded", 0.0)
        assert len(set(house.rows(outcome, "person_id"))) == known, as_of


@pytest.mark.parametrize("start", ["=1+1", "@SUM(A1)", "+1", "-1+1", "\t=1", "' or 1=1"])
def test_55_no_id_can_be_a_formula(house: Installation, start: str) -> None:
    """Ids are written to files that people open in a spreadsheet."""
    column, reason = reason_for(house, "medical_claims", LINE, MBR_ID=start)  # type: ignore[misc]
    assert (column, reason) in {
        ("person_id", "malformed_identifier"),
        ("person_id", "control_character"),
    }


def test_55_names_and_messages_are_text_in_the_ui(house: Installation) -> None:
    """A file name with a bar once moved every later cell of its row; a tag could run."""
    told = _table(("file", "reason"), [("a|b<img src=x onerror=1>.csv", "one\ntwo `x` [y](z)")])
    assert told.splitlines()[2:] == [
        r"| a\|b&lt;img src=x onerror=1&gt;.csv | one two \`x\` \[y\](z) |"
    ]
    house.drop(b"x", "2025-01.csv", control={"sha256": "0" * 64})
    house.take()
    (entry,) = still_quarantined(read_entries(house.settings))
    assert f'make release DELIVERY={entry.delivery_id} REASON="' in _way_out(entry)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "'; drop table typed; --", "<script>alert(1)</script>", "{0}", "%s", "NULL", 'a"b'],
)
def test_55_text_that_looks_like_code_is_only_text(house: Installation, text: str) -> None:
    house.drop([{**SPAN, "GRP_NO": text}], feed="eligibility")
    assert house.rows(house.take_one("eligibility"), "employer_group") == [(text,)]


@pytest.mark.parametrize("amount", ["99999999999.00", "9" * 17 + ".00", "9" * 40])
def test_56_absurd_amount(house: Installation, amount: str) -> None:
    column, reason = reason_for(house, "medical_claims", LINE, PAID_AMT=amount)  # type: ignore[misc]
    assert column == "paid_amount"
    assert reason in {"out_of_range", "malformed_decimal", "number_too_large"}


def test_57_29_february_is_a_day_only_in_leap_years(house: Installation) -> None:
    assert reason_for(house, "eligibility", SPAN, BIRTH_DT="19790229") == (
        "birth_date",
        "not_a_calendar_date",
    )


def test_58_a_code_of_no_value_set_is_kept(house: Installation) -> None:
    house.drop([{**LINE, "PROC_CD": "ZZ999", "DX_1": "Z9999"}], feed="medical_claims")
    outcome = house.take_one("medical_claims")
    assert house.rows(outcome, "hcpcs_code, diagnosis_code_1") == [("ZZ999", "Z9999")]


def test_a_reversal_repeats_the_id_and_is_no_duplicate(house: Installation) -> None:
    reversal = {**FILL, "RX_STAT": "X", "RX_ALLOW_AMT": "-41.50", "RX_PAID_AMT": "-31.50"}
    house.drop([*fills(1), {**reversal, "DAYS_SUP": "-30", "QTY_DISP": "-30"}])
    entry = house.take_one().entry
    assert (entry.loaded_count, entry.duplicate_count, entry.flags) == (2, 0, {})
