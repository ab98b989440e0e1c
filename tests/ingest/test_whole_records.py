"""A row is judged as a whole and in blocks, and the verdict is that of each of its fields alone."""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_kit import DELIVERED_ON, FILL, SPAN, Installation, Row, fills, installation, parse_here

from orchestration.ingest import Outcome, intake, load_layouts, records
from orchestration.ingest.contract import LONGEST_TEXT, Column, FeedContract
from orchestration.ingest.ledger import rows_path
from orchestration.ingest.sender import Layout

# What parses elsewhere, or reaches across a border: delimiters, separators, other digits, spaces.
ODD = [
    "",
    " ",
    "0",
    "-1",
    "+1",
    "1e3",
    "1_0",
    "12.",
    ".5",
    "1.2345",
    "12345.678",
    "999",
    "1000",
    "9" * 19,
    "٣٠",
    "NaN",
    "infinity",
    "2024-02-29",
    "2025-02-29",
    "20240229",
    "20250229",
    "2025-02-11",
    "1989-12-31",
    "1900-00-00",
    "99991231",
    "U1,U2",
    "U1|U2",
    "U1\x1fU2",
    "|",
    ",",
    'a"b',
    "a\nb",
    "a\x07b",
    "a\tb",
    "é",
    "x" * LONGEST_TEXT,
    "x" * (LONGEST_TEXT + 1),
    "é" * (LONGEST_TEXT // 2 + 1),
    "1234567893",
    "00501",
    "CT",
    "ct",
    "P",
    "X",
    "PP",
    "paid",
]
DATE_FORMS = {"YYYY-MM-DD": r"(\d{4})-(\d\d)-(\d\d)", "YYYYMMDD": r"(\d{4})(\d\d)(\d\d)"}


def is_good(row: Row, contract: FeedContract, layout: Layout) -> bool:
    """The contract in plain Python, field by field."""
    typed: dict[str, object] = {"delivered_on": date.fromisoformat(DELIVERED_ON)}
    for name, headers in layout.headers.items():
        text = row[headers[0]]
        if not text:
            if contract.columns[name].required:
                return False
            continue
        try:
            typed[name] = typed_alone(text, name, contract.columns[name], layout)
        except ValueError:
            return False
    rules: dict[str, Callable[[], bool]] = {
        "service_after_delivery": lambda: typed["fill_date"] <= typed["delivered_on"],  # type: ignore[operator]
        "paid_before_service": lambda: typed["paid_date"] >= typed["fill_date"],  # type: ignore[operator]
    }
    return all(rules[rule.name]() for rule in contract.rules if rule.breach == "reject")


def typed_alone(text: str, name: str, column: Column, layout: Layout) -> object:
    if name in layout.values:
        if text not in layout.values[name]:
            raise ValueError(text)
        return layout.values[name][text]
    value: object = text
    if column.type == "date":
        parts = re.fullmatch(DATE_FORMS[layout.date_format], text, re.ASCII)
        if not parts:
            raise ValueError(text)
        value = date(*map(int, parts.groups()))
    elif not re.fullmatch(column.full_pattern(), text, re.ASCII):
        raise ValueError(text)
    elif column.is_decimal:
        value = Decimal(text)
    elif column.type == "integer":
        value = int(text)
    elif column.type in ("text", "identifier") and len(text.encode()) > LONGEST_TEXT:
        raise ValueError(text)
    is_below = column.least is not None and value < column.least  # type: ignore[operator]
    is_above = column.most is not None and value > column.most  # type: ignore[operator]
    if is_below or is_above:
        raise ValueError(text)
    return value


def written(rows: Sequence[Row], delimiter: str) -> bytes:
    """Rows as CSV with quotes only where needed, so without any where no field needs them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def odd_rows(good: Row) -> st.SearchStrategy[list[Row]]:
    """Rows of which a few fields are odd."""
    changes = st.dictionaries(st.sampled_from(sorted(good)), st.sampled_from(ODD), max_size=3)
    return st.lists(changes.map(lambda odd: {**good, **odd}), min_size=1, max_size=25)


def tolerant(folder: Path, feed: str) -> Installation:
    """An installation that sets no delivery aside for its bad rows."""
    share = {"greatest_rejected_share: 0.02": "greatest_rejected_share: 1"}
    return installation(folder).configure(f"feeds/{feed}.yml", share)


def refused(house: Installation, outcome: Outcome) -> set[object]:
    """Numbers of rejected rows; a repeated row is a good one."""
    rejects = house.rejects(outcome)
    return {number for number, _, _, reason in rejects if reason != "duplicate_of_row"}


@pytest.mark.parametrize(
    ("feed", "good", "delimiter"), [("pharmacy_claims", FILL, ","), ("eligibility", SPAN, "|")]
)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_row_loads_exactly_if_each_of_its_fields_alone_is_good(
    feed: str, good: Row, delimiter: str, data: st.DataObject
) -> None:
    """One pattern over the joined fields must not let a value feign a border between two."""
    rows = [good, *data.draw(odd_rows(good))]
    with tempfile.TemporaryDirectory() as folder:
        house = tolerant(Path(folder), feed)
        layouts = load_layouts(house.settings)
        contract, layout = layouts.contracts[feed], layouts.senders["cigna"].feeds[feed]
        house.drop(written(rows, delimiter), "2025-01.csv", feed=feed, control={"rows": len(rows)})
        outcome = house.take_one(feed)
        assert outcome.status == "loaded", outcome.entry.message
        expected = {
            number for number, row in enumerate(rows, start=1) if not is_good(row, contract, layout)
        }
        assert refused(house, outcome) == expected


@given(
    rows=odd_rows(FILL),
    block_bytes=st.sampled_from([1, 100, 250, 1000]),
    malformed=st.sets(st.integers(0, 25), max_size=3),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_where_a_block_ends_changes_nothing(
    rows: list[Row], block_bytes: int, malformed: set[int]
) -> None:
    """The same rows, rejects, reasons and duplicates under the same numbers, however it is cut."""
    lines = written([FILL, *rows, *fills(2), FILL], ",").split(b"\n")
    for number in malformed & set(range(1, len(lines) - 1)):
        lines[number] += b",more"
    content = b"\n".join(lines)
    found = []
    for size in (records.BLOCK_BYTES, block_bytes):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(records, "BLOCK_BYTES", size)
            patch.setattr(intake, "parse_apart", parse_here)
            house = tolerant(Path(folder), "pharmacy_claims")
            house.drop(content, "2025-01.csv", control={})
            outcome = house.take_one()
            is_loaded = outcome.status == "loaded"
            kept = house.rows(outcome) if is_loaded else []
            found.append((outcome.entry, kept, house.rejects(outcome)))
    assert found[0] == found[1]


def test_equal_bytes_give_equal_bytes(tmp_path: Path) -> None:
    """A ledger restored by taking the same files again must have the same checksums."""
    files = []
    for name in ("first", "second"):
        house = tolerant(tmp_path / name, "pharmacy_claims")
        house.drop([*fills(500), *fills(3), {**FILL, "NDC_11": "1"}])
        outcome = house.take_one()
        rejects = house.settings.ledger_dir / "rejects" / "pharmacy_claims"
        (reject_file,) = rejects.iterdir()
        files.append((rows_path(house.settings, outcome.entry), reject_file))
    (first, first_rejects), (second, second_rejects) = files
    assert first.read_bytes() == second.read_bytes()
    assert first_rejects.read_bytes() == second_rejects.read_bytes()


def test_rows_that_share_a_key_but_differ_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are held back until compared in full, across blocks, and must come back in order."""
    monkeypatch.setattr(records, "BLOCK_BYTES", 300)
    monkeypatch.setattr(intake, "parse_apart", parse_here)
    house = installation(tmp_path)
    changed = {**FILL, "QTY_DISP": "31"}
    house.drop([FILL, changed, *fills(12), FILL, changed, {**FILL, "QTY_DISP": "32"}])
    outcome = house.take_one()
    entry = outcome.entry
    assert (entry.row_count, entry.loaded_count, entry.duplicate_count) == (17, 14, 3)
    kept = house.rows(outcome, "row_number, pharmacy_claim_id, cast(quantity as integer)")
    assert kept[:2] == [(1, "R100", 30), (2, "R100", 31)]
    assert kept[-1] == (17, "R100", 32)
    assert [row[0] for row in kept] == [1, 2, *range(4, 15), 17]
    assert house.rejects(outcome) == [
        (3, "", "1", "duplicate_of_row"),
        (15, "", "1", "duplicate_of_row"),
        (16, "", "2", "duplicate_of_row"),
    ]


@pytest.mark.parametrize("block_bytes", [1, 1 << 24])
def test_a_byte_order_mark_inside_the_file_is_part_of_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    """A reader drops it at the start of what it is given; a number with one is no number."""
    monkeypatch.setattr(records, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(intake, "parse_apart", parse_here)
    house = installation(tmp_path)
    content = written([FILL, {**FILL, "RX_CLM_NO": "\ufeffR9"}], ",")
    house.drop(content, "2025-01.csv", control={})
    outcome = house.take_one()
    assert house.rejects(outcome) == [(2, "pharmacy_claim_id", "\ufeffR9", "malformed_identifier")]


def test_a_column_nobody_asked_for_may_hold_anything(tmp_path: Path) -> None:
    """The pattern of a record must not judge what the contract does not know."""
    house = installation(tmp_path)
    rows = [{**FILL, "RX_CLM_NO": f"R{n}", "NOTE": text} for n, text in enumerate(ODD)]
    plain = [row for row in rows if not re.search('[,"\n]', row["NOTE"])]
    house.drop(written(plain, ","), "2025-01.csv", control={})
    house.drop(written(rows, ","), "2025-02.csv", control={})
    assert [one.entry.loaded_count for one in house.take().taken] == [len(plain), len(rows)]


@pytest.mark.parametrize(("stands_for", "loaded"), [("30", 2), ("many", 1)])
def test_what_stands_for_an_empty_field_is_judged_like_a_value(
    tmp_path: Path, stands_for: str, loaded: int
) -> None:
    """A sender's own meaning of nothing may be one the contract does not allow."""
    values = "    values:\n      claim_status: {P: paid, X: reversed}"
    declared = installation(tmp_path).configure(
        "payers/cigna.yml", {values: f"    empty_as: {{days_supply: '{stands_for}'}}\n{values}"}
    )
    declared.drop([FILL, {**FILL, "RX_CLM_NO": "R2", "DAYS_SUP": ""}])
    assert declared.take_one().entry.loaded_count == loaded
