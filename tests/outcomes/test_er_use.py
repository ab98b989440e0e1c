"""ER use of reporting units against their market, from patterns to sentence (METHODS H)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from orchestration.errors import CareWarehouseError
from orchestration.outcomes.er_populations import (
    ErPattern,
    Population,
    Unit,
    populations_of,
    read_populations,
)
from orchestration.outcomes.er_row import ErUseRow, er_use_table, sentence, write_er_use
from orchestration.outcomes.er_terms import ErComparisonTerms
from orchestration.outcomes.er_use import compare_er_use
from orchestration.outcomes.report import interval_chart, markdown_table
from orchestration.outcomes.standardize import Cell

CELLS = [Cell(age, sex, tier) for age in (18, 35, 55) for sex in "FM" for tier in (0, 1)]
PROGRAM = "prohealth_physicians"


def terms_of(program_id: str, name: str) -> ErComparisonTerms:
    return ErComparisonTerms(
        program_id=program_id,
        program_name=name,
        market_name="Connecticut",
        is_whole_state=True,
        baseline=(date(2024, 1, 1), date(2024, 12, 31)),
        performance=(date(2025, 1, 1), date(2025, 12, 31)),
        partner_names=(("primed", "PriMed"),),
        bootstrap_draws=300,
    )


TERMS = {
    PROGRAM: terms_of(PROGRAM, "ProHealth Physicians"),
    "primed_greenwich": terms_of("primed_greenwich", "PriMed and Greenwich"),
}


def population(seed: int, persons: int, effect: float) -> list[tuple[Cell, int, int, int]]:
    """Overdispersed persons over the cells, whose rate is 200 per 1,000 times `effect`."""
    random = np.random.default_rng(seed)
    cell = random.integers(0, len(CELLS), persons)
    rate = 0.2 * effect * (1 + 0.4 * (cell % 2))
    visits = random.poisson(random.gamma(0.7, rate / 0.7))
    counted = Counter(zip(cell.tolist(), visits.tolist(), strict=True))
    return [(CELLS[number], 12, seen, n) for (number, seen), n in counted.items()]


def patterns_for(
    unit: str, program_id: str, partner_id: str | None, panel_persons: int, effect: float
) -> list[ErPattern]:
    rows = []
    for number, role in enumerate(("baseline", "performance")):
        of_panel = effect if role == "performance" else 1.0
        for comparison, persons, of_rows in (
            ("panel", panel_persons, of_panel),
            ("all_others", 40_000, 0.9),
            ("attributed_elsewhere", 30_000, 1.0),
        ):
            seed = 10 * number + len(comparison)
            rows += [
                ErPattern(unit, program_id, partner_id, role, comparison, *row)
                for row in population(seed, persons, of_rows)
            ]
    return rows


@pytest.fixture(scope="module")
def patterns() -> list[ErPattern]:
    return [
        *patterns_for(PROGRAM, PROGRAM, None, 20_000, 0.85),
        *patterns_for("primed_greenwich", "primed_greenwich", None, 9_000, 1.0),
        *patterns_for("primed_greenwich/primed", "primed_greenwich", "primed", 300, 1.0),
    ]


@pytest.fixture(scope="module")
def rows(patterns: Sequence[ErPattern]) -> list[ErUseRow]:
    return compare_er_use(populations_of(patterns), TERMS, "2026-06")


def one(rows: Sequence[ErUseRow], unit: str, basis: str, role: str = "performance") -> ErUseRow:
    (found,) = (
        row
        for row in rows
        if (row.reporting_unit_id, row.market_basis, row.period_role) == (unit, basis, role)
    )
    return found


def test_every_unit_has_both_bases_in_both_periods(rows: Sequence[ErUseRow]) -> None:
    """The published basis is never shown without the one that inference rests on."""
    keys = [
        (row.program_id, row.reporting_unit_id, row.period_role, row.market_basis) for row in rows
    ]
    assert keys == sorted(set(keys))
    assert len(keys) == 3 * 2 * 2


def test_one_headline_per_program_on_the_published_basis(rows: Sequence[ErUseRow]) -> None:
    """H.6: one pre-specified headline; all else is controlled for false discovery."""
    headlines = [(row.program_id, row.market_basis) for row in rows if row.is_headline]
    assert headlines == [("primed_greenwich", "all_others"), (PROGRAM, "all_others")]
    assert all(row.q_value is None for row in rows if row.is_headline)
    assert all(
        (row.q_value or 0) >= row.p_value
        for row in rows
        if not row.is_headline and row.p_value is not None
    )
    assert {row.market_basis for row in rows if row.is_inference} == {"attributed_elsewhere"}


def test_a_planted_effect_is_found_and_no_effect_is_similar(rows: Sequence[ErUseRow]) -> None:
    """The verdict follows the release interval: lower for −15 %, similar for none."""
    lower = one(rows, PROGRAM, "attributed_elsewhere")
    assert lower.verdict == "lower"
    assert lower.bootstrap_lower is not None
    assert lower.bootstrap_upper is not None
    assert lower.bootstrap_lower <= 0.85 <= lower.bootstrap_upper < 1
    assert one(rows, "primed_greenwich", "attributed_elsewhere").verdict == "similar"


def test_bootstrap_and_quasi_intervals_agree_on_large_panels(rows: Sequence[ErUseRow]) -> None:
    """Two ways to the same uncertainty: a large gap would mean that one of them is wrong."""
    row = one(rows, PROGRAM, "attributed_elsewhere")
    assert row.bootstrap_lower == pytest.approx(row.quasi_lower, abs=0.012)
    assert row.bootstrap_upper == pytest.approx(row.quasi_upper, abs=0.012)
    assert row.exact_lower is not None
    assert row.quasi_lower is not None
    assert row.quasi_lower < row.exact_lower


def test_change_against_baseline_stands_on_performance_rows_only(
    rows: Sequence[ErUseRow],
) -> None:
    """H.5: the ratio of the two SIRs on one basis, with an interval wider than either's."""
    row = one(rows, PROGRAM, "attributed_elsewhere")
    before = one(rows, PROGRAM, "attributed_elsewhere", "baseline")
    assert row.sir is not None
    assert before.sir is not None
    assert row.change_ratio == pytest.approx(row.sir / before.sir)
    assert before.change_ratio is None
    assert row.change_quasi_lower is not None
    assert row.change_quasi_upper is not None
    assert row.quasi_lower is not None
    assert row.quasi_upper is not None
    assert row.change_quasi_upper / row.change_quasi_lower > row.quasi_upper / row.quasi_lower
    assert row.change_bootstrap_upper == pytest.approx(row.change_quasi_upper, abs=0.03)


def test_a_panel_below_the_minimum_numbers_is_not_stated(rows: Sequence[ErUseRow]) -> None:
    """H.6: 300 member-years allow no statement, and the sentence shows no count of theirs."""
    row = one(rows, "primed_greenwich/primed", "all_others")
    assert row.verdict == "insufficient"
    assert row.insufficient_reasons == "fewer than 500 member-years"
    assert row.sentence.startswith("ER use of PriMed (")
    assert "cannot be compared" in row.sentence
    assert "per 1,000" not in row.sentence


def test_few_visits_are_suppressed_whatever_the_interval_says() -> None:
    """EX-H2: O = 7 says nothing, and 7 itself must not be shown (K.3)."""
    market = [
        ErPattern(PROGRAM, PROGRAM, None, "performance", basis, *row)
        for basis in ("all_others", "attributed_elsewhere")
        for row in population(1, 20_000, 1.0)
    ]
    panel = [
        ErPattern(PROGRAM, PROGRAM, None, "performance", "panel", CELLS[0], 12, visits, persons)
        for visits, persons in ((0, 600), (1, 7))
    ]
    row = one(
        compare_er_use(populations_of([*market, *panel]), {PROGRAM: TERMS[PROGRAM]}, "2026-06"),
        PROGRAM,
        "all_others",
    )
    assert row.verdict == "insufficient"
    assert row.is_suppressed
    assert "fewer than 11 visits" in row.insufficient_reasons
    assert " 7 " not in row.sentence
    assert "| \\* |" in markdown_table([row])


def test_the_sentence_states_what_h7_asks_for(rows: Sequence[ErUseRow]) -> None:
    """H.7: adjustment, basis, rates, months, claims through, interval, size and caveat."""
    row = replace(
        one(rows, PROGRAM, "all_others"),
        verdict="lower",
        sir=2_900 / 3_110,
        adjusted_panel_per_1000=198.69,
        crude_market_per_1000=213.08,
        bootstrap_lower=0.888,
        bootstrap_upper=0.979,
        panel_member_months=180_000,
    )
    assert sentence(row, TERMS[PROGRAM]) == (
        "ER use of ProHealth Physicians (treat-and-release emergency department visits, adjusted "
        "for age, sex and conditions known before the period) was **7 % lower** than for other "
        "members of the plan in Connecticut: 198.7 versus 213.1 visits per 1,000 member-years in "
        "the 12 months to 2025-12-31, claims through 2026-06 (95 % CI 2 % to 11 % lower; "
        "N = 15,000 member-years). Comparison group: all other members in the state. "
        "Observational; not proof that the program caused the difference."
    )


def test_the_words_follow_the_interval_not_the_rounded_percent(rows: Sequence[ErUseRow]) -> None:
    """H.7: 0.4 % higher may be significant, 4 % lower may be chance."""
    row = one(rows, PROGRAM, "attributed_elsewhere")
    similar = replace(row, verdict="similar", sir=0.96, bootstrap_lower=0.9, bootstrap_upper=1.03)
    text = sentence(similar, TERMS[PROGRAM])
    assert "was **similar** to that of members of the plan in Connecticut attributed to" in text
    assert "(4 % lower; difference could be chance)" in text
    assert "95 % CI 10 % lower to 3 % higher" in text
    higher = replace(row, verdict="higher", sir=1.004, bootstrap_lower=1.001, bootstrap_upper=1.02)
    assert "was **0.4 % higher** than" in sentence(higher, TERMS[PROGRAM])
    assert "95 % CI 0.1 % to 2 % higher" in sentence(higher, TERMS[PROGRAM])


def test_the_file_has_equal_bytes_whatever_the_order_of_rows_or_threads(
    patterns: Sequence[ErPattern], rows: Sequence[ErUseRow], tmp_path: Path
) -> None:
    """DESIGN decision 2: a rerun publishes equal digests."""
    again = compare_er_use(populations_of(list(reversed(patterns))), TERMS, "2026-06", threads=2)
    first = write_er_use(rows, tmp_path / "a").read_bytes()
    assert write_er_use(again, tmp_path / "b").read_bytes() == first


def test_another_programs_arrival_does_not_move_a_result(
    patterns: Sequence[ErPattern], rows: Sequence[ErUseRow]
) -> None:
    """Draws belong to a population, not to its place in the run."""
    alone = compare_er_use(
        populations_of([row for row in patterns if row.program_id == PROGRAM]),
        {PROGRAM: TERMS[PROGRAM]},
        "2026-06",
    )
    assert alone == [row for row in rows if row.program_id == PROGRAM]


def test_a_program_without_members_has_insufficient_rows() -> None:
    """A program must not vanish from the page because nobody was attributed to it."""
    rows = compare_er_use({}, {PROGRAM: TERMS[PROGRAM]}, "2026-06")
    assert [row.verdict for row in rows] == ["insufficient"] * 4
    assert er_use_table(rows).num_rows == 4


def test_patterns_of_an_unknown_program_stop_the_run() -> None:
    """Silently leaving a program out would publish a page that looks complete."""
    stray = ErPattern("x", "x", None, "performance", "panel", CELLS[0], 12, 0, 5)
    with pytest.raises(CareWarehouseError, match=r"data/programs/x\.yml"):
        compare_er_use(populations_of([stray]), TERMS, "2026-06")


def test_patterns_are_read_from_the_warehouse_with_bands_as_ages() -> None:
    """The read sums equal patterns and keeps the published types."""
    with duckdb.connect() as warehouse:
        warehouse.execute(
            """
            create table int_er_exposure_pattern as
            select
                'p' as reporting_unit_id, 'p' as program_id, null::varchar as partner_id,
                'performance' as period_role, 'panel' as comparison, '6-17' as age_band,
                'F' as sex, 3 as condition_tier, 12 as member_months, 2 as visits,
                unnest([4, 5])::bigint as persons
            union all
            select 'p', 'p', null, 'performance', 'panel', '18-24', 'M', 0, 12, 2, 4
            """
        )
        read = read_populations(warehouse)
    made = populations_of(
        [
            ErPattern("p", "p", None, "performance", "panel", cell, 12, 2, persons)
            for cell, persons in ((Cell(18, "M", 0), 4), (Cell(6, "F", 3), 9))
        ]
    )
    assert read.keys() == made.keys() == {Population(Unit("p", "p", None), "performance", "panel")}
    (one,), (two,) = read.values(), made.values()
    assert one.cells == two.cells == (Cell(6, "F", 3), Cell(18, "M", 0))
    assert one.digest == two.digest


def test_the_picture_draws_what_may_be_stated_and_names_the_rest(
    rows: Sequence[ErUseRow],
) -> None:
    """The asset's picture must not show an interval of a unit that H.6 keeps silent."""
    svg = interval_chart(rows).decode()
    assert svg.startswith("<svg")
    assert "ProHealth Physicians" in svg
    assert "too few to state: PriMed" in svg
    assert interval_chart(rows) == svg.encode()


def test_the_picture_of_nothing_is_still_a_picture() -> None:
    """An empty result must not fail the asset that only wants to show it."""
    assert interval_chart([]).startswith(b"<svg")


def test_the_text_table_has_a_line_per_performance_row(rows: Sequence[ErUseRow]) -> None:
    """Baseline rows belong to the change, not to the page's table."""
    table = markdown_table(rows)
    assert table.count("\n") == 1 + 6
    assert "| ProHealth Physicians | all_others | yes |" in table


def test_the_text_table_shows_no_difference_that_may_not_be_stated(
    rows: Sequence[ErUseRow],
) -> None:
    """H.6: a number beside the word insufficient would be read as the result."""
    (line,) = markdown_table([one(rows, "primed_greenwich/primed", "all_others")]).splitlines()[2:]
    assert line.endswith("|  |  | insufficient |")


def test_the_columns_are_declared(rows: Sequence[ErUseRow], tmp_path: Path) -> None:
    """Published columns and types are written down; a change here is a change for BI users."""
    schema = pq.read_schema(write_er_use(rows, tmp_path))
    assert schema.names == list(ErUseRow.__annotations__)
    assert str(schema.field("observed_visits").type) == "int64"
    assert str(schema.field("sir").type) == "double"
    assert str(schema.field("period_end_date").type) == "date32[day]"
