"""Small cells: METHODS K.3 as examples, and as a property against a reader who can compute."""

import itertools
import time
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.errors import PublicationRefused
from orchestration.publication.marts import PublishedMart, SuppressionRules, suppressed
from orchestration.publication.suppression import (
    Total,
    hides_proportion,
    possible_ranges,
    suppress,
)


def shown(counts: list[int | None], *totals: Total) -> list[int | str | None]:
    hidden = suppress(counts, totals).hidden
    return ["*" if at in hidden else count for at, count in enumerate(counts)]


def test_ex_k1_a_single_small_cell_takes_the_next_smallest_with_it() -> None:
    """EX-K1: 60 - 25 - 31 would reveal the 4."""
    assert shown([4, 25, 31], Total((0, 1, 2))) == ["*", "*", 31]


def test_ex_k2_a_proportion_hides_its_small_complement() -> None:
    """EX-K2: 96 of 100 tells that four people are missing."""
    assert hides_proportion(96, 100)
    assert hides_proportion(4, 100)
    assert not hides_proportion(60, 100)
    assert not hides_proportion(100, 100)
    assert not hides_proportion(0, 100)


def test_ex_k2_zero_is_shown() -> None:
    """EX-K2: 0, 15, 20 are all shown."""
    assert shown([0, 15, 20], Total((0, 1, 2))) == [0, 15, 20]


def test_two_ones_of_sixty_are_not_hidden_by_hiding_both() -> None:
    """1, 1, 58 of 60: two hidden cells that sum to 2 can only be 1 and 1."""
    assert shown([1, 1, 58], Total((0, 1, 2))) == ["*", "*", "*"]


def test_cells_that_could_only_all_be_ten_take_another_with_them() -> None:
    """10, 10, 30 of 50: a reader who guesses that both are small knows both."""
    assert shown([10, 10, 30], Total((0, 1, 2))) == ["*", "*", "*"]


def test_without_a_known_total_only_small_cells_are_hidden() -> None:
    """A complement protects against subtraction; where there is no total, it only costs."""
    assert shown([4, 25, 31]) == ["*", 25, 31]


def test_a_total_in_the_table_is_the_last_to_go() -> None:
    """Two partners and their program: the other partner is blanked before the program."""
    assert shown([5, 3000, 3005], Total((0, 1), shown_in=2)) == ["*", "*", 3005]


def test_a_single_part_takes_its_total_with_it() -> None:
    """A program of one partner would otherwise show the partner's count as its own."""
    assert shown([5, 0, 5], Total((0, 1), shown_in=2)) == ["*", 0, "*"]


def test_crossed_totals_do_not_pin_a_cell_that_each_alone_protects() -> None:
    """Three hidden of a 2 by 2 block: rows and columns together would give them away."""
    counts: list[int | None] = [5, 30, 40, 35, 50, 60, 45, 55, 7]
    rows = [Total((0, 1, 2)), Total((3, 4, 5)), Total((6, 7, 8))]
    columns = [Total((0, 3, 6)), Total((1, 4, 7)), Total((2, 5, 8))]
    result = suppress(counts, [*rows, *columns])
    assert result.unprotected == ()
    for _, least, most in possible_ranges(counts, [*rows, *columns], sorted(result.hidden)):
        assert most - least >= 1


def test_totals_that_contain_each_other_cost_no_solving() -> None:
    """A month, its panels and their partners: the panels say all that the month could."""
    counts: list[int | None] = [(at * 7919) % 31 for at in range(20_000)]
    halves = [Total(tuple(range(start, start + 50))) for start in range(0, 20_000, 50)]
    whole = Total(tuple(range(20_000)), is_implied=True)
    started = time.perf_counter()
    assert suppress(counts, [whole, *halves]).unprotected == ()
    assert time.perf_counter() - started < 5


def test_a_total_that_nothing_protects_is_reported() -> None:
    """Eleven cells of one person each, with their total known: nothing is left to blank."""
    totals = [Total(tuple(range(11)))]
    assert suppress([1] * 11, totals).unprotected == tuple(totals)


small_counts = st.one_of(st.integers(0, 12), st.integers(0, 60))


@settings(max_examples=150, deadline=None)
@given(st.lists(small_counts, min_size=1, max_size=5))
def test_no_reader_of_one_total_can_work_out_a_hidden_cell(counts: list[int]) -> None:
    """All ways to fill the hidden cells that fit the total: each cell takes several values."""
    result = suppress(counts, [Total(tuple(range(len(counts))))])
    hidden = sorted(result.hidden)
    assert all(at in result.hidden for at, count in enumerate(counts) if 1 <= count <= 10)
    assert all(counts[at] > 0 for at in hidden)
    known = sum(counts[at] for at in hidden)
    if not hidden or known < 11 or result.unprotected:
        return
    fills = [
        fill
        for fill in itertools.product(range(1, known + 1), repeat=len(hidden) - 1)
        if sum(fill) < known
    ]
    for position in range(len(hidden) - 1):
        assert len({fill[position] for fill in fills}) > 1
    assert len({known - sum(fill) for fill in fills}) > 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(small_counts, min_size=width, max_size=width), min_size=2, max_size=4
        )
    )
)
def test_no_reader_of_rows_and_columns_can_work_out_a_hidden_cell(table: list[list[int]]) -> None:
    """A linear system over both margins leaves a range for every hidden cell."""
    width = len(table[0])
    counts = [count for row in table for count in row]
    positions = range(len(counts))
    totals = [Total(tuple(positions[at : at + width])) for at in range(0, len(counts), width)]
    totals += [Total(tuple(positions[at::width])) for at in range(width)]
    result = suppress(counts, totals)
    known = [
        total
        for total in totals
        if sum(counts[at] for at in total.parts) >= 11 and total not in result.unprotected
    ]
    for _, least, most in possible_ranges(counts, known, sorted(result.hidden)):
        assert most - least >= 1 - 1e-6


def mart(rules: SuppressionRules, *key: str) -> PublishedMart:
    return PublishedMart("agg_attribution", "bi", '"main"."agg_attribution"', key, rules)


def test_small_practices_are_shown_as_one_and_totals_are_kept() -> None:
    """Merging keeps a month's sum, which blanking a hundred practices would take away."""
    table = pa.table(
        {
            "program_id": ["p"] * 6,
            "practice_id": ["A", "A", "B", "C", "C", None],
            "practice_name": ["a", "a", "b", "c", "c", None],
            "reason": ["VISITS", "RX", "VISITS", "VISITS", "RX", "NONE"],
            "members": [40, 20, 9, 6, 3, 100],
            "allowed_amount": pa.array(
                [Decimal("1.10"), Decimal("2.00"), Decimal("3.00"), Decimal("4.05"), None, None],
                pa.decimal128(18, 2),
            ),
        }
    )
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["members"],
            "totals": [["program_id"]],
            "merge": {
                "column": "practice_id",
                "into": "OTHER",
                "people": "members",
                "within": ["program_id"],
                "labels": {"practice_name": "Other practices"},
            },
        }
    )
    result = suppressed(mart(rules, "program_id", "practice_id", "reason"), table)
    rows = {(row["practice_id"], row["reason"]): row for row in result.table.to_pylist()}
    assert rows["OTHER", "VISITS"]["practice_name"] == "Other practices"
    # 15 could be shown, but is the smallest left to protect the 3 of the other reason.
    assert rows["OTHER", "VISITS"]["members"] is None
    assert rows["OTHER", "RX"]["members"] is None
    assert rows["OTHER", "VISITS"]["allowed_amount"] is None
    assert rows["A", "VISITS"]["allowed_amount"] == Decimal("1.10")
    assert rows[None, "NONE"]["members"] == 100
    assert result.table.schema.field("allowed_amount").type == pa.decimal128(18, 2)
    assert result.rows_merged == 3


def test_what_no_rule_speaks_of_is_hidden_with_the_count() -> None:
    """A cost beside a blank would let a reader guess the people from a known cost per person."""
    table = pa.table(
        {"k": ["a", "b"], "members": [4, 40], "allowed_cents": [7, 8], "fixed": [1, 2]}
    )
    rules = SuppressionRules(count_columns=("members",), independent=("fixed",))
    rows = suppressed(mart(rules, "k"), table).table.to_pylist()
    assert rows[0] == {
        "k": "a",
        "members": None,
        "allowed_cents": None,
        "fixed": 1,
        "is_suppressed": True,
    }
    assert rows[1]["allowed_cents"] == 8


def test_rates_go_with_their_numerators_only() -> None:
    """A small number of visits hides the visit rate, and leaves the people shown."""
    table = pa.table({"k": ["a"], "members": [400], "visits": [3], "per_1000": [7.5]})
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["members", "visits"],
            "rates": [{"rate": "per_1000", "numerator": "visits"}],
        }
    )
    row = suppressed(mart(rules, "k"), table).table.to_pylist()[0]
    assert (row["members"], row["visits"], row["per_1000"]) == (400, None, None)


def test_a_share_with_a_small_complement_hides_share_and_numerator() -> None:
    """EX-K2 in a table: 96 beside 100 tells as much as 96 %."""
    table = pa.table({"k": ["a", "b"], "n": [96, 50], "of": [100, 100], "share": [0.96, 0.5]})
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["n", "of"],
            "proportions": [{"rate": "share", "numerator": "n", "denominator": "of"}],
        }
    )
    rows = suppressed(mart(rules, "k"), table).table.to_pylist()
    assert (rows[0]["n"], rows[0]["of"], rows[0]["share"]) == (None, 100, None)
    assert (rows[1]["n"], rows[1]["share"]) == (50, 0.5)


def test_two_counts_that_nearly_agree_hide_the_one_that_may_go() -> None:
    """60 visits sent home of 66 in all: six were admitted."""
    table = pa.table({"k": ["a", "b"], "ed": [60, 60], "ed_all": [66, 90]})
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["ed", "ed_all"],
            "proportions": [{"numerator": "ed_all", "denominator": "ed"}],
        }
    )
    fit = suppressed(mart(rules, "k"), table).table
    assert fit.column("ed").to_pylist() == [60, 60]
    assert fit.column("ed_all").to_pylist() == [None, 90]


def test_totals_may_be_known_of_some_counts_only() -> None:
    """New members of a month are summed nowhere: blanking one needs no second."""
    table = pa.table({"k": ["a", "b"], "members": [40, 50], "new": [3, 20]})
    rules = SuppressionRules.model_validate(
        {"count_columns": ["members", "new"], "totals": [[]], "total_columns": ["members"]}
    )
    assert suppressed(mart(rules, "k"), table).table.column("new").to_pylist() == [None, 20]


def test_parts_of_a_row_are_protected_against_their_sum() -> None:
    """Acute, psychiatric and rehabilitation stays beside all stays."""
    table = pa.table({"k": ["a"], "stays": [60], "acute": [31], "psych": [25], "rehab": [4]})
    rules = SuppressionRules.model_validate(
        {"count_columns": ["stays"], "sums": {"stays": ["acute", "psych", "rehab"]}}
    )
    row = suppressed(mart(rules, "k"), table).table.to_pylist()[0]
    assert (row["stays"], row["acute"], row["psych"], row["rehab"]) == (60, 31, None, None)


def test_partners_of_a_program_are_protected_against_its_row() -> None:
    """Two groups of one arrangement and both together: the small one takes the other with it."""
    table = pa.table(
        {
            "program_id": ["p", "p", "p", "q"],
            "partner_id": [None, "a", "b", None],
            "visits": [507, 7, 501, 300],
        }
    )
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["visits"],
            "total_rows": [{"by": ["program_id"], "column": "partner_id"}],
        }
    )
    fit = suppressed(mart(rules, "program_id", "partner_id"), table)
    assert fit.table.column("visits").to_pylist() == [507, None, None, 300]
    assert fit.cells_hidden == 2


@pytest.mark.parametrize("count", [-1, 2.5])
def test_what_cannot_be_a_count_refuses_the_table(count: float) -> None:
    """A rate declared as a count would pass unhidden."""
    table = pa.table({"k": ["a"], "members": [count]})
    with pytest.raises(PublicationRefused, match="declared a count but holds"):
        suppressed(mart(SuppressionRules(count_columns=("members",)), "k"), table)


def test_three_hundred_practices_and_two_years_take_seconds_at_most() -> None:
    """The nightly budget: 25 months, 300 practices, 5 reasons, many of them small."""
    days = [date(2024 + at // 12, at % 12 + 1, 28) for at in range(25)]
    keys = [
        (day, practice, reason) for day in days for practice in range(300) for reason in "abcde"
    ]
    table = pa.table(
        {
            "snapshot_date": [key[0] for key in keys],
            "program_id": [f"program {key[1] % 5}" for key in keys],
            "practice_id": [str(key[1]) for key in keys],
            "reason": [key[2] for key in keys],
            "members": [(at * 7919) % 41 for at in range(len(keys))],
        }
    )
    rules = SuppressionRules.model_validate(
        {
            "count_columns": ["members"],
            "totals": [["snapshot_date", "program_id"]],
            "merge": {
                "column": "practice_id",
                "into": "OTHER",
                "people": "members",
                "within": ["snapshot_date", "program_id"],
            },
        }
    )
    started = time.perf_counter()
    suppressed(mart(rules, "snapshot_date", "program_id", "practice_id", "reason"), table)
    assert time.perf_counter() - started < 5
