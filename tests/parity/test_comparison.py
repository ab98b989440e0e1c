"""The comparison of the engines finds what is wrong: a check that cannot fail proves nothing."""

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.parity import CLAIM_NAMES, ParityReport, TableParity, compare_relations

MEMBERS = """
    select 1 as person_key, 'F' as sex, cast(12.50 as decimal(18, 2)) as amount, null::int as score
    union all select 2, 'M', 0.00, 7
    union all select 2, 'M', 0.00, 7
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def compared(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> TableParity:
    (only,) = compare_relations(connection, {"t": f"({first})"}, {"t": f"({second})"})
    return only


def test_equal_rows_in_another_order_are_equal(connection: duckdb.DuckDBPyConnection) -> None:
    """Engines order rows as they like; nulls stand for nulls."""
    found = compared(connection, MEMBERS, f"from ({MEMBERS}) order by amount, person_key desc")
    assert found == TableParity("t", rows=3, only_first=0, only_second=0)
    assert found.is_equal


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("* replace (if(person_key = 1, 'M', sex) as sex)", TableParity("t", 3, 1, 1, ("sex",))),
        (
            "* replace (cast(if(person_key = 1, 12.51, amount) as decimal(18, 2)) as amount)",
            TableParity("t", 3, 1, 1, ("amount",)),
        ),
        ("* replace (coalesce(score, 0) as score)", TableParity("t", 3, 1, 1, ("score",))),
        (
            "* replace (nullif(sex, 'F') as sex)",
            TableParity("t", 3, 1, 1, ("sex",)),
        ),
        (
            "* replace (cast(person_key as bigint) as person_key)",
            TableParity("t", 3, 0, 0, ("person_key: INTEGER and BIGINT",)),
        ),
        (
            "* replace (cast(amount as decimal(28, 2)) as amount)",
            TableParity("t", 3, 0, 0, ("amount: DECIMAL(18,2) and DECIMAL(28,2)",)),
        ),
        ("* exclude (score)", TableParity("t", 3, 3, 3, ("columns: score",))),
        ("score, * exclude (score)", TableParity("t", 3, 3, 3, ("columns: order",))),
    ],
    ids=["value", "cent", "null_filled", "null_made", "type", "scale", "column", "order"],
)
def test_one_changed_cell_type_or_column_is_found(
    connection: duckdb.DuckDBPyConnection, change: str, expected: TableParity
) -> None:
    """Each is a way in which one SQL text has meant two things."""
    found = compared(connection, MEMBERS, f"select {change} from ({MEMBERS})")
    assert found == expected
    assert not found.is_equal


def test_a_row_too_few_or_twice_is_found(connection: duckdb.DuckDBPyConnection) -> None:
    """A set comparison would call a duplicated row equal."""
    missing = compared(connection, MEMBERS, f"select distinct * from ({MEMBERS})")
    assert (missing.only_first, missing.only_second) == (1, 0)
    added = compared(connection, MEMBERS, f"{MEMBERS} union all select 3, 'F', 1.00, null")
    assert (added.only_first, added.only_second) == (0, 1)
    assert not missing.is_equal
    assert not added.is_equal


def test_values_that_only_swapped_places_are_found(connection: duckdb.DuckDBPyConnection) -> None:
    """Each column alone holds the same values; the rows do not."""
    first = "select 1 as a, 1 as b union all select 2, 2"
    found = compared(connection, first, "select 1 as a, 2 as b union all select 2, 1")
    assert found == TableParity("t", 2, 2, 2)
    assert not found.is_equal


def test_a_table_that_one_engine_lacks_is_a_difference(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """A model that one engine skipped would otherwise not be missed."""
    present = {"t": f"({MEMBERS})"}
    (not_second,) = compare_relations(connection, present, {})
    (not_first,) = compare_relations(connection, {}, present)
    assert not_second.differences == ("not on the second engine",)
    assert not_first.differences == ("not on the first engine",)
    assert not not_second.is_equal
    assert not not_first.is_equal


def test_keys_of_claims_are_compared_by_the_claims_they_stand_for(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Each engine has a hash of its own, so a wrong key could hide behind `they differ anyway`."""

    def side(keys: tuple[int, int], line_keys: tuple[int, int]) -> dict[str, str]:
        a, b = keys
        names = f"(select {a} as claim_key, 'p A' as claim_name union all select {b}, 'p B')"
        lines = "select {} as claim_key, 1 as line union all select {}, 2".format(*line_keys)
        return {"lines": f"({lines})", CLAIM_NAMES: names}

    duck = side((10, 20), (10, 20))
    (equal,) = compare_relations(connection, duck, side((77, 88), (77, 88)))
    assert equal == TableParity("lines", 2, 0, 0)
    (swapped,) = compare_relations(connection, duck, side((77, 88), (88, 77)))
    assert (swapped.only_first, swapped.only_second) == (2, 2)
    (unnamed,) = compare_relations(connection, duck, side((77, 88), (77, 99)))
    assert unnamed == TableParity("lines", 2, 1, 1, ("claim_key",))


def test_of_claims_chosen_among_equal_proofs_only_the_presence_is_compared(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """The first by an engine's own numbers is another claim on the other engine."""
    proven = {"facts": "(select 1 as fact, 10 as evidence_claim_key)"}
    (other_claim,) = compare_relations(
        connection, proven, {"facts": "(select 1 as fact, 77 as evidence_claim_key)"}
    )
    assert other_claim.is_equal
    (no_claim,) = compare_relations(
        connection, proven, {"facts": "(select 1 as fact, cast(null as int) as evidence_claim_key)"}
    )
    assert not no_claim.is_equal


def test_a_report_is_equal_only_if_every_table_is_and_there_are_some() -> None:
    """Comparing nothing must not pass."""
    equal = TableParity("a", 5, 0, 0)
    assert ParityReport((equal,), {}).is_equal
    assert not ParityReport((equal, TableParity("b", 5, 1, 0)), {}).is_equal
    assert not ParityReport((), {}).is_equal
