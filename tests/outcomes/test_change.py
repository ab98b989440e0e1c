"""Change against baseline: people followed, weights, resampling, placebo groups (METHODS H.5)."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from orchestration.outcomes import propensity
from orchestration.outcomes.change import compare_changes
from orchestration.outcomes.change_people import People, Scope, read_people, scope_of
from orchestration.outcomes.change_report import markdown_table
from orchestration.outcomes.change_row import (
    ATT,
    BALANCE,
    COST,
    ER_VISITS,
    PLACEBO,
    QUARTER,
    UNWEIGHTED,
    ChangeRow,
    Changes,
    change_table,
    detail_table,
    write_changes,
)
from orchestration.outcomes.change_terms import ChangeTerms
from orchestration.outcomes.er_row import INSUFFICIENT
from orchestration.pages.scorecard_charts import report_picture
from orchestration.pages.scorecard_data import charts_of
from orchestration.publication.scorecards import Shown

TERMS = ChangeTerms(
    program_id="program",
    program_name="The Group",
    market_name="Connecticut",
    payer="payer",
    market_area_id="area",
    baseline=(date(2024, 1, 1), date(2024, 12, 31)),
    performance=(date(2025, 1, 1), date(2025, 12, 31)),
    quarter_cap_cents=2_500_000,
)
PANEL, MARKET, GROUPS = 6_000, 24_000, 40


def made(effect: float = 1.0, seed: int = 7, panel: int = PANEL, drift: float = 0.0) -> People:
    """People whose sick are four times as often in the panel; use after the baseline × `effect`.

    The sick use more, and their use rises by a fifth after the baseline, everywhere.
    `drift` makes the panel's use rise by so much a quarter in the baseline.
    """
    random = np.random.default_rng(seed)
    count = panel + MARKET
    is_panel = np.arange(count) < panel
    is_sick = random.random(count) < np.where(is_panel, 0.4, 0.1)
    rate = random.gamma(2.0, 0.5, count) * np.where(is_sick, 0.24, 0.06)
    totals = np.zeros((count, 8, 3), dtype=np.int64)
    for quarter in range(8):
        is_after = quarter >= 4
        now = rate * np.where(is_sick & is_after, 1.2, 1.0)
        now = now * np.where(is_panel & is_after, effect, 1.0)
        now = now * np.where(is_panel & ~is_after, (1 + drift) ** quarter, 1.0)
        totals[:, quarter, 0] = 3
        totals[:, quarter, 1] = random.poisson(now)
        totals[:, quarter, 2] = np.rint(now * random.gamma(2.0, 100_000, count))
    return People(
        program=np.where(is_panel, "program", "").astype(object),
        area=np.full(count, "area", dtype=object),
        group=random.integers(0, GROUPS, count),
        age=random.integers(0, 80, count),
        sex=random.choice(np.array(["F", "M"]), count).astype(object),
        conditions=np.where(is_sick, 2, 0),
        prior_visits=random.poisson(rate * 4),
        prior_cents=np.rint(rate * random.gamma(2.0, 400_000, count)).astype(np.int64),
        totals=totals,
        pre_quarters=4,
    )


def compared(people: People, terms: ChangeTerms = TERMS) -> Changes:
    return compare_changes([terms], {scope_of(terms): people}, "2026-06")


def row_of(changes: Changes, outcome: str, weighting: str) -> ChangeRow:
    (row,) = [row for row in changes.rows if (row.outcome, row.weighting) == (outcome, weighting)]
    return row


@pytest.fixture(scope="module")
def found() -> Changes:
    return compared(made(effect=0.85))


def test_weights_take_away_what_the_sicker_panel_alone_explains(found: Changes) -> None:
    """The sick's use rises everywhere: unweighted, a panel of more sick looks worse than it is."""
    plain, weighted = (row_of(found, ER_VISITS, one) for one in (UNWEIGHTED, ATT))
    assert plain.change_ratio is not None
    assert weighted.change_ratio is not None
    assert plain.change_ratio > weighted.change_ratio + 0.02
    assert weighted.bootstrap_lower is not None
    assert weighted.bootstrap_upper is not None
    assert weighted.bootstrap_lower < 0.85 < weighted.bootstrap_upper
    assert weighted.verdict == "lower"
    assert weighted.largest_difference_before is not None
    assert weighted.largest_difference_before > 0.5
    assert weighted.is_balanced
    assert plain.is_balanced is False
    assert weighted.effective_market_persons is not None
    assert weighted.effective_market_persons < MARKET


def test_the_change_is_the_panels_over_the_markets_after_over_before(found: Changes) -> None:
    """Rates shown and change stated are one calculation."""
    for outcome in (ER_VISITS, COST):
        row = row_of(found, outcome, ATT)
        assert row.panel_before
        assert row.market_before
        assert row.panel_after
        assert row.market_after
        ratio = (row.panel_after / row.panel_before) / (row.market_after / row.market_before)
        assert row.change_ratio == pytest.approx(ratio)
        assert row.difference == pytest.approx(
            row.panel_after - row.panel_before - row.market_after + row.market_before
        )


def test_resampled_sets_are_as_wide_as_resampled_persons() -> None:
    """Persons are drawn in random sets to be cheap; that must not narrow the interval."""
    people = made()
    row = row_of(compared(people), ER_VISITS, UNWEIGHTED)
    random = np.random.default_rng(11)
    sides = [people.totals[people.program == name] for name in ("program", "")]
    logs = []
    for _ in range(400):
        ratio = 1.0
        for side, power in zip(sides, (1, -1), strict=True):
            drawn = side[random.integers(0, len(side), len(side))].sum(axis=0)
            ratio *= (drawn[4:, 1].sum() / drawn[:4, 1].sum()) ** power
        logs.append(np.log(ratio))
    assert row.bootstrap_lower is not None
    assert row.bootstrap_upper is not None
    width = np.log(row.bootstrap_upper / row.bootstrap_lower) / (2 * 1.96)
    assert width == pytest.approx(np.std(logs), rel=0.12)


def test_a_panel_that_moved_apart_before_is_told() -> None:
    """A rise before the program begins is no effect of it, and the reader is warned."""
    calm, drifting = (row_of(compared(made(drift=one)), COST, ATT) for one in (0.0, 0.08))
    assert calm.is_pre_trend_parallel
    assert "moved apart" not in calm.sentence
    assert drifting.pre_trend_percent == pytest.approx(8, abs=2.5)
    assert drifting.is_pre_trend_parallel is False
    assert "moved apart before" in drifting.sentence


def test_an_effect_stands_outside_of_market_groups_and_no_effect_among_them(
    found: Changes,
) -> None:
    """The rank says how often a group without a program moves as far."""
    row = row_of(found, ER_VISITS, ATT)
    assert row.placebo_groups == 30
    assert row.placebo_rank == 1
    assert row.placebo_lower is not None
    assert row.placebo_upper is not None
    assert row.placebo_lower < 1 < row.placebo_upper
    ratios = [
        line.ratio
        for line in found.details
        if (line.part, line.outcome) == (PLACEBO, ER_VISITS) and line.ratio
    ]
    assert len(ratios) == 30
    assert ratios == sorted(ratios), "no group can be told by its place"
    few = replace(made(), group=np.zeros(PANEL + MARKET, dtype=np.int64))
    assert row_of(compared(few), ER_VISITS, ATT).placebo_rank is None


def test_what_cannot_be_stated_says_why() -> None:
    """H.6 holds for changes too; a program without a baseline panel still has its rows."""
    small = row_of(compared(made(panel=200)), ER_VISITS, ATT)
    assert small.verdict == INSUFFICIENT
    assert "fewer than 500 member-years" in small.sentence
    nobody = compared(made(), replace(TERMS, program_id="other"))
    assert len(nobody.rows) == 4
    assert {row.insufficient_reasons for row in nobody.rows} == {"no panel in the baseline"}


def test_equal_people_give_equal_bytes(found: Changes, tmp_path: Path) -> None:
    """Weights are whole numbers, so no order of adding up moves a published figure."""
    again = compared(made(effect=0.85))
    assert again == found
    for one, two in zip(
        write_changes(found, tmp_path / "a"), write_changes(again, tmp_path / "b"), strict=True
    ):
        assert one.read_bytes() == two.read_bytes()
    assert change_table(found.rows).num_rows == 4
    parts = detail_table(found.details).column("part").to_pylist()
    assert set(parts) == {BALANCE, QUARTER, PLACEBO}


def test_the_picture_and_the_table_show_the_design(found: Changes) -> None:
    """A reader judges a propensity design by its balance, pre-trend and placebos."""
    savings = dict.fromkeys(
        ("benchmark_amount", "savings_amount", "baseline_start_date", "baseline_end_date")
    )
    data = charts_of(
        {**savings, "performance_end_date": None},
        [],
        [],
        Shown(
            agg_change_versus_market=change_table(found.rows).to_pylist(),
            agg_change_detail=detail_table(found.details).to_pylist(),
        ),
        [],
    )
    assert [line["outcome"] for line in data.own] == ["ER use", "cost"]
    assert {line["when"] for line in data.quarters} == {"before", "after"}
    picture = report_picture(data, {})
    assert picture is not None
    for told in ("weighted market, by quarter", "among market groups", "Balance of what"):
        assert told in picture["whole"]
    assert "| The Group | ER use | att | -1" in markdown_table(found.rows)


def test_the_few_of_a_level_are_not_shown_and_rare_levels_join_their_neighbour() -> None:
    """A share of 3 people of a small panel tells a count; a level of nobody breaks a regression."""
    people = made(panel=600)
    people.age[np.flatnonzero(people.program == "program")[3:]] = 30
    found = compared(people)
    levels = [line.level for line in found.details if line.item == "age"]
    assert levels == ["18–34"]
    assert row_of(found, COST, ATT).change_ratio is not None


@pytest.mark.parametrize("side", [0, 1])
def test_without_a_side_there_are_no_weights(side: int) -> None:
    """The caller says so instead of comparing with nobody."""
    counts = [np.ones(propensity.CELLS, dtype=np.int64)] * 2
    counts[side] = np.zeros(propensity.CELLS, dtype=np.int64)
    assert propensity.att_weights(*counts) is None


def test_people_are_followed_from_the_baselines_last_month() -> None:
    """Read as the warehouse has it: who belongs when, use before the baseline, the quarter's cap.

    Person 1 leaves the program after the baseline and is still followed; 2 has too few months
    before; 3 is attributed elsewhere; 4 was nobody's; 5 came after the baseline.
    """
    connection = duckdb.connect()
    january = 12 * 2024
    last = january + 11
    connection.execute(
        f"""
        create table int_person as
        select range::int as person_key, 'payer' as payer from range(1, 6);
        create table int_outcome_member_period as select * from (values
            ('2024-01-01_2024-12-31', 1, 'program', 'x', 'area', false, 'F', 41, 2, 12),
            ('2024-01-01_2024-12-31', 1, null, null, 'area', true, 'F', 41, 2, 12),
            ('2024-01-01_2024-12-31', 2, 'program', 'x', 'area', false, 'M', 50, 0, 5),
            ('2024-01-01_2024-12-31', 3, null, null, 'area', true, 'M', 7, 0, 12),
            ('2024-01-01_2024-12-31', 4, null, null, 'area', false, 'M', 7, 0, 12)
        ) t(period_id, person_key, program_id, partner_id, market_area_id,
            is_attributed_elsewhere, sex, age, condition_count, prior_member_months);
        create table int_attribution_decided as select * from (values
            (3, {last - 1}, 77), (3, {last}, 78)
        ) t(person_key, snapshot_number, group_number);
        create table int_member_utilization as select * from (values
            (1, {january - 1}, 2, 100::bigint, 10::bigint),
            (1, {january}, 9, 9999::bigint, 0::bigint),
            (1, {january - 13}, 9, 9999::bigint, 0::bigint)
        ) t(person_key, month_number, ed_visits, medical_allowed_cents, rx_allowed_cents);
        create table int_outcome_member_month as select * from (values
            (1, {january}, null, null, 'area', true, 1, 1, 60, 0),
            (1, {last}, 'program', 'x', 'area', false, 1, 0, 40, 30),
            (1, {last + 1}, null, null, 'area', true, 1, 3, 80, 40),
            (1, {last + 2}, null, null, 'area', true, 1, 0, 80, 0),
            (1, {last + 13}, null, null, 'area', true, 1, 5, 5, 5),
            (2, {last}, 'program', 'x', 'area', false, 1, 0, 0, 0),
            (3, {last}, null, null, 'area', true, 1, 1, 7, 0),
            (4, {last}, null, null, 'area', false, 1, 1, 7, 0),
            (5, {last + 1}, 'program', 'x', 'area', false, 1, 1, 7, 0)
        ) t(person_key, month_number, program_id, partner_id, market_area_id,
            is_attributed_elsewhere, member_months, ed_visits, medical_allowed_cents,
            rx_allowed_cents)
        """
    )
    scope = replace(scope_of(TERMS), quarter_cap_cents=100)
    people = read_people(connection, scope)
    assert people.program.tolist() == ["program", ""]
    assert people.group.tolist() == [-1, 77]
    assert people.age.tolist() == [41, 7]
    assert people.conditions.tolist() == [2, 0]
    assert people.prior_visits.tolist() == [2, 0]
    assert people.prior_cents.tolist() == [110, 0]
    assert people.pre_quarters == 4
    assert people.totals[0].tolist() == [
        [1, 1, 60], [0, 0, 0], [0, 0, 0], [1, 0, 70],
        [2, 3, 100], [0, 0, 0], [0, 0, 0], [0, 0, 0],
    ]  # fmt: skip
    without_rx = read_people(connection, Scope(**{**vars(scope), "include_rx": False}))
    assert without_rx.prior_cents.tolist() == [100, 0]
    assert without_rx.totals[0, 3].tolist() == [1, 0, 40]
