"""The monthly panel a group gets: who is in it, who joined, who left, and why (METHODS B.6)."""

import csv
from pathlib import Path

import duckdb
import pytest

from orchestration.payment.panel_document import REASON_TEXTS, write_panel_documents

JUNE = 12 * 2025 + 5


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    """Groups 1 and 2 are programs, 3 is none; person 4 moves from a to b in June."""
    connection = duckdb.connect()
    connection.execute(
        f"""
        create table int_person as
        select range::int as person_key, case when range = 1 then '=1' else 'P' || range end
            as person_id
        from range(1, 9);
        create table int_attribution_group as select * from (values
            (1, 'a'), (2, 'b'), (3, null)
        ) t(group_number, program_id);
        create table int_attribution_status as select * from (values
            (1, {JUNE - 1}, null, 'NEW'), (2, {JUNE - 1}, null, 'NEW'),
            (4, {JUNE - 1}, null, 'NEW'),
            (1, {JUNE}, 1, 'RETAINED'), (2, {JUNE}, 1, 'LOST_COVERAGE'), (3, {JUNE}, null, 'NEW'),
            (4, {JUNE}, 1, 'NEW'), (5, {JUNE}, null, 'RETURNED'),
            (6, {JUNE}, null, 'LOST_NO_VISITS'),
            (7, {JUNE - 12}, null, 'NEW')
        ) t(person_key, snapshot_number, previous_program_group_number, status);
        create table int_attribution_decided as select * from (values
            (1, {JUNE - 1}, 1, 11, true), (2, {JUNE - 1}, 1, 12, true),
            (4, {JUNE - 1}, 1, 11, true),
            (1, {JUNE}, 1, 11, true), (2, {JUNE}, null, null, false), (3, {JUNE}, 1, 12, true),
            (4, {JUNE}, 2, 21, true), (5, {JUNE}, 1, 12, true), (6, {JUNE}, null, null, false),
            (7, {JUNE - 12}, 1, 11, true)
        ) t(person_key, snapshot_number, group_number, npi, is_in_program)
        """
    )
    return connection


def test_each_group_gets_its_panel_with_adds_drops_and_reasons(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A group that cannot see who was dropped, and why, cannot dispute it."""
    names = {"a": "Group A", "b": "Group B", "c": "Nobody's"}
    written = write_panel_documents(warehouse, names, tmp_path / "panels")
    assert sorted(path.name for path in written) == [
        "a.2025-06.csv", "a.html", "b.2025-06.csv", "b.html",
    ]  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    with (tmp_path / "panels" / "a.2025-06.csv").open() as file:
        lines = [(row["person_id"], row["change"], row["reason"]) for row in csv.DictReader(file)]
    assert lines == [
        ("P3", "added", "NEW"),
        ("P5", "added", "RETURNED"),
        ("P2", "dropped", "LOST_COVERAGE"),
        ("P4", "dropped", "OTHER_PROGRAM"),
        ("'=1", "stays", "RETAINED"),
    ], "an id that a spreadsheet would take for a formula stands behind an apostrophe"
    page = (tmp_path / "panels" / "a.html").read_text()
    assert REASON_TEXTS["OTHER_PROGRAM"] in page
    assert "2025-05" in page
    assert "2024-06" not in page, "a year is told"
    with (tmp_path / "panels" / "b.2025-06.csv").open() as file:
        assert [row["clinician_npi"] for row in csv.DictReader(file)] == ["0000000021"]


def test_without_any_snapshot_there_is_no_document(tmp_path: Path) -> None:
    """The first day of an installation has nobody to tell."""
    connection = duckdb.connect()
    connection.execute(
        """
        create table int_person (person_key int, person_id varchar);
        create table int_attribution_group (group_number int, program_id varchar);
        create table int_attribution_status (person_key int, snapshot_number int,
            previous_program_group_number int, status varchar);
        create table int_attribution_decided (person_key int, snapshot_number int,
            group_number int, npi bigint, is_in_program boolean)
        """
    )
    assert write_panel_documents(connection, {"a": "Group A"}, tmp_path) == []
