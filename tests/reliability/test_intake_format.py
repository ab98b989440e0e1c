"""FAULTS 21 to 40: what can be wrong with the text of a delivery."""

from pathlib import Path

import pytest
from intake_kit import FILL, LINE, SPAN, Installation, as_csv, fills, installation, lines


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def quarantined(house: Installation, content: bytes, reason: str) -> str:
    """Drop bytes without a control file; the whole delivery must be set aside."""
    house.drop(content, "2025-01.csv", with_control=False)
    outcome = house.take_one()
    assert (outcome.status, outcome.entry.reason) == ("quarantined", reason)
    assert outcome.entry.loaded_count == 0
    return outcome.entry.message


def loaded(house: Installation, content: bytes, count: int) -> Installation:
    house.drop(content, "2025-01.csv", with_control=False)
    outcome = house.take_one()
    assert (outcome.status, outcome.entry.loaded_count) == ("loaded", count), outcome.entry.message
    return house


def rejected(
    house: Installation, content: bytes, feed: str = "pharmacy_claims"
) -> list[tuple[object, ...]]:
    """Drop one bad row among good ones; return its reasons."""
    house.drop(content, "2025-01.csv", feed=feed, control={"delivered_on": "2025-02-10"})
    outcome = house.take_one(feed)
    assert outcome.status == "loaded", outcome.entry.message
    entry = outcome.entry
    assert entry.rejected_count == 1
    assert entry.row_count == entry.loaded_count + entry.rejected_count
    return house.rejects(outcome)


def test_21_wrong_delimiter(house: Installation) -> None:
    message = quarantined(house, as_csv(fills(3), ";"), "wrong_delimiter")
    assert "separated by ;" in message
    assert "','" in message


def test_22_delimiter_inside_an_unquoted_field(house: Installation) -> None:
    """One comma too many shifts every later value into a wrong column."""
    content = as_csv(fills(4)).replace(b"R102,P,U1", b"R102,P,U,1")
    ((row_number, _, value, reason),) = rejected(house, content)
    assert (row_number, reason) == (3, "too_many_fields")
    assert str(value).startswith("R102,P,U,1,")


def test_22_row_numbers_after_a_row_taken_out_still_point_into_the_file(
    house: Installation,
) -> None:
    content = as_csv(fills(6)).replace(b"R101,P,U1", b"R101,P,U,1").replace(b"R103,P", b"R103,Q")
    house.drop(content, "2025-01.csv")
    outcome = house.take_one()
    assert [(row[0], row[3]) for row in house.rejects(outcome)] == [
        (2, "too_many_fields"),
        (4, "unknown_value"),
    ]
    numbers = [(1, "R100"), (3, "R102"), (5, "R104"), (6, "R105")]
    assert house.rows(outcome, "row_number, pharmacy_claim_id") == numbers


def test_23_byte_order_mark(house: Installation) -> None:
    loaded(house, b"\xef\xbb\xbf" + as_csv(fills(3)), 3)


def test_24_utf_16_is_converted_if_declared_else_set_aside(house: Installation) -> None:
    content = as_csv(fills(3)).decode().encode("utf-16")
    quarantined(house, content, "wrong_encoding")
    declared = house.configure(
        "payers/cigna.yml", {"pharmacy_claims:": "pharmacy_claims:\n    encoding: utf-16"}
    )
    assert declared.take_one().entry.loaded_count == 3


@pytest.mark.parametrize("name", ["Peña", "naïve €"])
def test_25_undeclared_cp1252(house: Installation, name: str) -> None:
    """Guessing an encoding turns names into other names."""
    rows = [{**SPAN, "GRP_NO": name}]
    content = as_csv(rows, "|").decode().encode("cp1252")
    house.drop(content, "2025-01.csv", feed="eligibility", with_control=False)
    outcome = house.take_one("eligibility")
    assert outcome.entry.reason == "wrong_encoding"
    assert "Byte 1" in outcome.entry.message
    declared = house.configure(
        "payers/cigna.yml", {"  eligibility:": "  eligibility:\n    encoding: cp1252"}
    )
    again = declared.take_one("eligibility")
    assert house.rows(again, "employer_group") == [(name,)]


def test_26_mixed_line_ends(house: Installation) -> None:
    ends = [b"\r\n", b"\n", b"\r"]
    rows = as_csv(fills(8)).splitlines()
    content = b"".join(line + ends[number % 3] for number, line in enumerate(rows))
    loaded(house, content, 8)


def test_26_a_line_end_split_between_two_blocks(house: Installation) -> None:
    """CRLF across the border of two read blocks once made an empty row."""
    header, *rows = as_csv(fills(1)).splitlines()
    for fill in (0, 1, 2):
        row = rows[0].replace(b"R100", b"R" + b"1" * (150 + fill))
        count = 8000
        unique = [row.replace(b"U1", b"U%d" % number) for number in range(count)]
        content = b"\r\n".join([header, *unique]) + b"\r\n"
        assert len(content) > 1 << 20
        house.drop(content, f"2025-0{fill + 1}.csv", with_control=False)
        assert house.take_one().entry.loaded_count == count


def test_27_unbalanced_quote(house: Installation) -> None:
    """An open quote swallows the rest of the file as one value."""
    content = as_csv(fills(5)).replace(b"R102", b'"R102')
    assert "never closed" in quarantined(house, content, "unbalanced_quote")


def test_27_text_after_a_closing_quote(house: Installation) -> None:
    content = as_csv(fills(5)).replace(b"R102", b'"R1"02')
    assert "Row 3" in quarantined(house, content, "unbalanced_quote")


def test_28_newline_inside_quotes(house: Installation) -> None:
    rows = [{**SPAN, "GRP_NO": "Acme\nHartford", "MBR_ID": f"U{n}"} for n in range(3)]
    house.drop(as_csv(rows, "|"), "2025-01.csv", feed="eligibility", control={"rows": 3})
    outcome = house.take_one("eligibility")
    assert house.rows(outcome, "employer_group, row_number")[2] == ("Acme\nHartford", 3)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1f", "\t"])
def test_29_control_character(house: Installation, character: str) -> None:
    """A NUL ends a string in some tools, so two members can become one."""
    rows = [SPAN, {**SPAN, "MBR_ID": "U2", "GRP_NO": f"Ac{character}me"}]
    ((row_number, column, _, reason),) = rejected(house, as_csv(rows, "|"), "eligibility")
    assert (row_number, column, reason) == (2, "employer_group", "control_character")


def test_30_added_column_is_accepted_with_a_warning(house: Installation) -> None:
    rows = [{"NEW_COL": "x", **row} for row in fills(3)]
    house.drop(rows)
    entry = house.take_one().entry
    assert entry.loaded_count == 3
    assert "NEW_COL" in entry.warnings[0]
    assert entry.header[0] == "NEW_COL"


def test_31_renamed_column_names_the_nearest(house: Installation) -> None:
    content = as_csv(fills(3)).replace(b"RX_PAID_AMT", b"RX_PAID_AMOUNT")
    message = quarantined(house, content, "column_renamed")
    assert "'RX_PAID_AMT' (paid_amount) is missing; 'RX_PAID_AMOUNT' is nearest" in message
    mended = house.configure("payers/cigna.yml", {"RX_PAID_AMT": "[RX_PAID_AMT, RX_PAID_AMOUNT]"})
    assert mended.take_one().entry.loaded_count == 3


def test_32_missing_column(house: Installation) -> None:
    rows = [{name: value for name, value in FILL.items() if name != "NDC_11"}]
    assert "'NDC_11' (ndc_code)" in quarantined(house, as_csv(rows), "column_missing")


def test_33_reordered_columns_are_mapped_by_name(house: Installation) -> None:
    """By position, the paid amount once became the allowed amount for a year."""
    rows = [dict(reversed(row.items())) for row in fills(3)]
    house.drop(rows)
    outcome = house.take_one()
    assert house.rows(outcome, "allowed_amount, paid_amount, ndc_code")[0][2] == "00002143380"
    assert str(house.rows(outcome, "allowed_amount")[0][0]) == "41.50"


def test_34_header_twice_in_the_file(house: Installation) -> None:
    """Two extracts joined with `cat`."""
    content = as_csv(fills(3)) + as_csv(fills(2))
    assert "Row 4 is the header again" in quarantined(house, content, "header_repeated")


def test_34_one_column_twice_in_the_header(house: Installation) -> None:
    content = as_csv(fills(3)).replace(b"PHMCY_NPI", b"PRSCR_NPI")
    assert "'PRSCR_NPI' stands twice" in quarantined(house, content, "header_repeated")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"R9,P,U1", "too_few_fields"),
        (b"", "too_few_fields"),
        (as_csv([FILL]).splitlines()[1] + b",extra", "too_many_fields"),
    ],
)
def test_35_row_too_long_or_short(house: Installation, row: bytes, reason: str) -> None:
    content = as_csv(fills(3)) + row + b"\n" + as_csv(fills(1)).splitlines()[1] + b"x\n"
    content = content.replace(b"2025-01-06x", b"2025-01-07")
    ((row_number, column, _, found),) = rejected(house, content)
    assert (row_number, column, found) == (4, "", reason)


def test_36_trailing_total_row(house: Installation) -> None:
    """A total counted as a claim doubles the month."""
    total = b"TOTAL,,,,,,,,,124.50,94.50,\n"
    content = as_csv(fills(3)) + total
    house.drop(content, "2025-01.csv", control={})
    outcome = house.take_one()
    assert outcome.entry.rejected_count == 1
    assert {row[0] for row in house.rejects(outcome)} == {4}
    declared = house.configure(
        "payers/cigna.yml",
        {"pharmacy_claims:": "pharmacy_claims:\n    trailers: [{pattern: 'TOTAL,.*'}]"},
    )
    declared.drop(content, "2025-02.csv", control={"rows": 3})
    assert declared.take_one().entry.row_count == 3


def test_37_last_line_cut_but_parseable(house: Installation) -> None:
    """`…,31.50,2025-01-06` cut to `…,31.50,2025-01-0` or `…,31.5` still looks like a row."""
    content = as_csv(fills(3))
    assert "no line end" in quarantined(house, content[:-1], "final_newline_missing")
    house.drop(content[:-1], "2025-02.csv", control={"rows": 3})
    assert house.take_one().entry.reason == "final_newline_missing"
    declared = house.configure(
        "payers/cigna.yml", {"pharmacy_claims:": "pharmacy_claims:\n    final_newline: optional"}
    )
    intake = declared.take()
    assert [outcome.entry.loaded_count for outcome in intake.taken] == [3, 3]


def test_37_a_cut_line_is_found_by_control_totals(house: Installation) -> None:
    content = as_csv(fills(3)).replace(b"R102,P", b"R102,P,") + b"\n"
    house.drop(content, "2025-01.csv", control={"rows": 3})
    assert house.take_one().entry.reason == "row_count_differs"


def test_38_leading_zeros_are_kept(house: Installation) -> None:
    """`06101` became 6101, and Hartford vanished from the map."""
    house.drop([SPAN], feed="eligibility")
    house.drop([LINE], feed="medical_claims")
    house.drop(fills(1))
    assert house.rows(house.take_one("eligibility"), "zip_code") == [("06101",)]
    assert house.rows(house.take_one("medical_claims"), "billing_tin") == [("012345678",)]
    assert house.rows(house.take_one(), "ndc_code") == [("00002143380",)]


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("RX_CLM_NO", "1.23E+11", "malformed_identifier"),
        ("PRSCR_NPI", "1.23E+09", "malformed_npi"),
        ("PRSCR_NPI", "1.234567e9", "malformed_npi"),
        ("NDC_11", "2143380", "malformed_code"),
        ("DAYS_SUP", "3e1", "malformed_integer"),
        ("DAYS_SUP", "30.4", "malformed_integer"),
        ("DAYS_SUP", "1_0", "malformed_integer"),
        ("DAYS_SUP", " 30", "malformed_integer"),
        ("DAYS_SUP", "999999999999", "number_too_large"),
        ("DAYS_SUP", "5000", "out_of_range"),
        ("QTY_DISP", "1e3", "malformed_decimal"),
        ("QTY_DISP", "30.1234", "malformed_decimal"),
        ("QTY_DISP", "NaN", "malformed_decimal"),
        ("QTY_DISP", "٣٠", "malformed_decimal"),
        ("FILL_DT", "infinity", "malformed_date"),
        ("FILL_DT", "2025-1-5", "malformed_date"),
        ("FILL_DT", "20250105", "malformed_date"),
        ("FILL_DT", "2025-02-30", "not_a_calendar_date"),
        ("FILL_DT", "1925-01-05", "out_of_range"),
        ("RX_STAT", "paid", "unknown_value"),
        ("RX_STAT", "p", "unknown_value"),
        ("CARDHOLDER_ID", "", "required_value_missing"),
        ("CARDHOLDER_ID", "U" * 201, "too_long"),
    ],
)
def test_39_what_the_engine_would_forgive_is_refused(
    house: Installation, header: str, value: str, reason: str
) -> None:
    """`try_cast` makes 12346 of 12345.6, 100000 of 1e5, and the end of time of `infinity`."""
    content = as_csv([*fills(2), {**FILL, "RX_CLM_NO": "R9", header: value}])
    ((row_number, _, found, reason_found),) = rejected(house, content)
    assert (row_number, found or "", reason_found) == (3, value, reason)


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        ("1,234.50", "1234.50"),
        ("(12.00)", "-12.00"),
        ("$5", "5.00"),
        ("($1,234.50)", "-1234.50"),
        ("-$7.25", "-7.25"),
        ("12.3", "12.30"),
    ],
)
def test_40_forms_of_amounts_are_parsed_only_if_declared(
    house: Installation, amount: str, exact: str
) -> None:
    reversal = {**LINE, "CLM_ID": "C9", "FREQ_CD": "8", "CLM_STAT": "R", "MBR_LIAB_AMT": amount}
    content = as_csv([*lines(2), reversal], "|")
    if amount != "12.3":
        ((_, column, value, reason),) = rejected(house, content, "medical_claims")
        assert (column, value, reason) == ("member_liability_amount", amount, "malformed_decimal")
    declared = house.configure(
        "payers/cigna.yml",
        {
            "  medical_claims:": "  medical_claims:\n    amount_forms: "
            "[thousands_commas, parentheses_negative, dollar_sign]"
        },
    )
    declared.drop(content, "2025-02.csv", feed="medical_claims", control={})
    outcome = declared.take_one("medical_claims")
    assert str(house.rows(outcome, "member_liability_amount")[2][0]) == exact


@pytest.mark.parametrize("amount", ["1,23.50", "(12.00", "5$", "$-5", "1,2345.00", "--5", "()"])
def test_40_half_a_form_is_no_amount(house: Installation, amount: str) -> None:
    declared = house.configure(
        "payers/cigna.yml",
        {
            "  medical_claims:": "  medical_claims:\n    amount_forms: "
            "[thousands_commas, parentheses_negative, dollar_sign]"
        },
    )
    content = as_csv([*lines(2), {**LINE, "CLM_ID": "C9", "PAID_AMT": amount}], "|")
    ((_, column, _, reason),) = rejected(declared, content, "medical_claims")
    assert (column, reason) == ("paid_amount", "malformed_decimal")


def test_too_many_rejects_set_the_whole_delivery_aside(house: Installation) -> None:
    """A month in another date format is not a month with 100 % bad rows to be skipped."""
    bad = [{**row, "FILL_DT": "05.01.2025"} for row in fills(40)[20:]]
    content = as_csv([*fills(20), *bad])
    message = quarantined(house, content, "too_many_rejects")
    assert "20 of 40 rows" in message
    assert "malformed_date in fill_date (first in row 21)" in message
