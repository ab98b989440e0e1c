"""Declared forms of dates and amounts: each text means exactly one value, or nothing."""

from datetime import date
from decimal import Decimal

import duckdb
import pytest
from intake_kit import LINE, Installation, Row, as_csv, installation, lines

from orchestration.ingest import load_layouts
from orchestration.ingest.forms import (
    AmountForm,
    amount_pattern,
    date_form,
    plain_amount,
    timestamp_form,
)


def read(text: str, pattern: str, cast: str) -> object:
    """What a text is taken for; None where it does not match or cannot be cast."""
    typed = cast.format("t")
    query = f"select case when regexp_full_match(t, ?) then {typed} end from (select ? as t)"
    with duckdb.connect() as engine:
        return engine.execute(query, [pattern, text]).fetchall()[0][0]


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("DD/MM/YYYY", "03/02/2024", date(2024, 2, 3)),
        ("DD/MM/YYYY", "31/02/2024", None),
        ("DD/MM/YYYY", "2024-02-03", None),
        ("DD.MM.YYYY", "03.02.2024", date(2024, 2, 3)),
        ("DD.MM.YYYY", "03x02x2024", None),
        ("DD-MON-YYYY", "03-FEB-2024", date(2024, 2, 3)),
        ("DD-MON-YYYY", "03-Feb-2024", date(2024, 2, 3)),
        ("DD-MON-YYYY", "03-FEV-2024", None),
        ("YYYYDDD", "2024060", date(2024, 2, 29)),
        ("YYYYDDD", "2023366", None),
        ("MMDDYYYY", "02032024", date(2024, 2, 3)),
        ("HL7", "20240203101500+0100", date(2024, 2, 3)),
    ],
)
def test_a_date_form_means_one_day(form: str, text: str, day: date | None) -> None:
    assert read(text, *date_form(form)) == day


@pytest.mark.parametrize("form", ["DMY", "YY-MM-DD", "YYYY-MM", "YYYY-MM-DD-DD", "YYYY:MM:DD", ""])
def test_a_form_that_leaves_a_day_open_is_refused(form: str) -> None:
    """Two digits of a year say no century; a month alone is no day."""
    with pytest.raises(ValueError, match="Known: YYYY-MM-DD"):
        date_form(form)
    with pytest.raises(ValueError, match="Known: YYYY-MM-DD HH:MM"):
        timestamp_form(f"{form} HH:MM")


def test_a_time_needs_hour_and_minute() -> None:
    pattern, cast = timestamp_form("DD/MM/YYYY HH:MM")
    assert str(read("03/02/2024 07:05", pattern, cast)) == "2024-02-03 07:05:00"
    assert str(read("03/02/2024 07:05:09", pattern, cast)) == "2024-02-03 07:05:09"
    assert read("03/02/2024", pattern, cast) is None


@pytest.mark.parametrize(
    ("forms", "text", "amount"),
    [
        ([], "-12.30", "-12.30"),
        ([], "12.300", None),
        ([], "+12.30", None),
        (["leading_plus"], "+12.30", "12.30"),
        (["trailing_sign"], "12.30-", "-12.30"),
        (["trailing_sign"], "12.30+", "12.30"),
        (["trailing_sign"], "-12.30-", None),
        (["credit_suffix"], "12.30CR", "-12.30"),
        (["credit_suffix"], "12.30 CR", "-12.30"),
        (["credit_suffix"], "12.30DR", None),
        (["decimal_comma"], "12,30", "12.30"),
        (["decimal_comma"], "12.30", None),
        (["decimal_comma", "thousands_commas", "trailing_sign"], "1.234,50-", "-1234.50"),
        (["decimal_comma", "thousands_commas"], "1.23,50", None),
        (["implied_decimals"], "0000012345", "123.45"),
        (["implied_decimals"], "5", "0.05"),
        (["implied_decimals"], "-5", "-0.05"),
        (["implied_decimals"], "1.5", None),
        (["implied_decimals", "overpunched_sign"], "0001234E", "123.45"),
        (["implied_decimals", "overpunched_sign"], "0001234N", "-123.45"),
        (["implied_decimals", "overpunched_sign"], "0001234}", "-123.40"),
        (["implied_decimals", "overpunched_sign"], "{", "0.00"),
        (["implied_decimals", "overpunched_sign"], "0001234S", None),
        (["extra_zeros"], "12.3000", "12.30"),
        (["extra_zeros"], "12.3001", None),
        (["parentheses_negative", "dollar_sign"], "($12.30)", "-12.30"),
        (["parentheses_negative"], "(12.30", None),
    ],
)
def test_an_amount_form_means_one_amount(
    forms: list[AmountForm], text: str, amount: str | None
) -> None:
    """Money read with a wrong sign or point pays a wrong sum."""
    cast = f"try_cast({plain_amount('t', 2, forms)} as decimal(18, 2))".replace("{", "{{")
    cast = cast.replace("}", "}}")
    found = read(text, amount_pattern(18, 2, forms), cast)
    assert found == (None if amount is None else Decimal(amount))


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return installation(tmp_path_factory.mktemp("house"))


FIELDS = ", ".join(LINE)


def without_header(rows: list[Row]) -> bytes:
    return as_csv(rows, "|").split(b"\n", 1)[1]


def declared(house: Installation, *more: str) -> Installation:
    """The payer's medical claims with more said of the file."""
    text = "".join(f"    {one}\n" for one in more)
    return house.configure(
        "payers/cigna.yml", {"  medical_claims:\n": f"  medical_claims:\n{text}"}
    )


def test_fields_may_be_named_by_the_layout_where_no_line_does(house: Installation) -> None:
    house = declared(house, "header_line: absent", f"fields: [{FIELDS}]")
    house.drop(without_header(lines(3)), "2025-01.csv", "medical_claims", control={"rows": 3})
    outcome = house.take_one("medical_claims")
    assert (outcome.entry.loaded_count, outcome.entry.warnings) == (3, ())


TRAILER = (
    r"trailers: [{pattern: 'T\|(?P<rows>[0-9]+)\|(?P<paid>-?[0-9.]+)', sums: {paid: PAID_AMT}}]"
)


@pytest.mark.parametrize(
    ("trailer", "reason"),
    [
        ("T|3|270.00\n", ""),
        ("T|4|270.00\n", "row_count_differs"),
        ("T|3|270.01\n", "sum_differs"),
        ("T|3|...\n", "trailer_unreadable"),
        ("", "trailer_missing"),
    ],
)
def test_a_declared_trailer_is_held_against_the_file(
    house: Installation, trailer: str, reason: str
) -> None:
    """A file that lost its end lost its trailer too; one that has it says what should be there."""
    house = declared(house, TRAILER, r"leaders: [{pattern: 'H\|[0-9]{6}'}]")
    content = b"H|202501\n" + as_csv(lines(3), "|") + trailer.encode()
    house.drop(content, "2025-01.csv", "medical_claims")
    entry = house.take_one("medical_claims").entry
    assert entry.reason == reason, entry.message
    assert entry.loaded_count == (0 if reason else 3)
    if not reason:
        house.drop(content[9:], "2025-02.csv", "medical_claims")
        assert house.take_one("medical_claims").entry.reason == "leader_missing"


def test_taken_back_amounts_are_summed_as_the_sender_writes_them(house: Installation) -> None:
    """The control file sums the file; the ledger holds what it means."""
    house = declared(house, "negated: {where: {CLM_STAT: [R]}, columns: [paid_amount]}")
    rows = lines(2)
    rows[1] |= {"CLM_STAT": "R", "FREQ_CD": "8"}
    control = {"sums": {"PAID_AMT": "180.00"}, "rows": 2}
    house.drop(rows, "2025-01.csv", "medical_claims", control=control)
    outcome = house.take_one("medical_claims")
    assert [str(row[0]) for row in house.rows(outcome, "paid_amount")] == ["90.00", "-90.00"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("positions: {A: 1-2}", "belong to format: fixed_width"),
        ("header_line: absent", "name the fields where header_line is absent"),
        ("trailers: [{pattern: '('}]", "pattern is not a regular expression"),
        ("trailers: [{pattern: 'T', sums: {paid: PAID_AMT}}]", "the group 'paid'"),
        ("date_formats: {paid_date: YY}", "Known: YYYY-MM-DD"),
        ("date_formats: {paid_day: YYYYMMDD}", "Did you mean 'paid_date'"),
        ("shared_headers: {claim_status: CLM_ID}", "under headers and under shared_headers"),
        ("negated: {where: {CLM_STAT: [R]}, columns: [claim_id]}", "Known: "),
        ("amount_forms: [trailing_sing]", "trailing_sign"),
    ],
)
def test_a_mistake_in_a_form_is_told_with_its_fix(
    house: Installation, more: str, told: str
) -> None:
    house = declared(house, more)
    problems = [
        str(problem) for one in load_layouts(house.settings).unusable for problem in one.problems
    ]
    assert any(told in problem and "cigna.yml" in problem for problem in problems), problems
