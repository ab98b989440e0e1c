"""Cells, their collapse, and the two standardised ratios (METHODS H.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import CareWarehouseError
from orchestration.outcomes.standardize import (
    NO_EXPOSURE,
    Cell,
    CellGroups,
    Exposure,
    collapse_cells,
    first_year_of_age,
    standardize,
)

EX_H1_MARKET = {
    Cell(18, "F", 0): Exposure(60_000 * 12, 15_000),
    Cell(35, "F", 0): Exposure(110_000 * 12, 24_200),
    Cell(55, "F", 0): Exposure(90_000 * 12, 16_200),
}
EX_H1_PANEL = {
    Cell(18, "F", 0): Exposure(3_000 * 12, 690),
    Cell(35, "F", 0): Exposure(5_000 * 12, 1_040),
    Cell(55, "F", 0): Exposure(7_000 * 12, 1_170),
}

cells = st.builds(
    Cell,
    age_from=st.sampled_from((0, 2, 6, 18, 25, 35, 45, 55, 65)),
    sex=st.sampled_from("FMU"),
    condition_tier=st.integers(0, 3),
)
exposures = st.builds(
    Exposure, member_months=st.integers(0, 9_000), visits=st.integers(0, 200)
).map(lambda found: found if found.member_months else NO_EXPOSURE)
populations = st.dictionaries(cells, exposures, max_size=40)


def test_indirect_and_direct_rates_of_the_worked_example() -> None:
    """EX-H1: crude rates overstate an older panel's advantage; both adjusted forms do not."""
    rates = standardize(EX_H1_PANEL, EX_H1_MARKET, collapse_cells(EX_H1_MARKET))
    assert rates.observed_visits == 2_900
    assert rates.expected_visits == pytest.approx(3_110)
    assert rates.expected_by_group == pytest.approx((750, 1_100, 1_260))
    assert rates.sir == pytest.approx(0.93248, abs=5e-6)
    assert rates.crude_panel_per_1000 == pytest.approx(193.33, abs=0.005)
    assert rates.crude_market_per_1000 == pytest.approx(213.08, abs=0.005)
    assert rates.adjusted_panel_per_1000 == pytest.approx(198.69, abs=0.005)
    assert rates.direct_rate_per_1000 == pytest.approx(198.93, abs=0.005)
    assert rates.direct_ratio == pytest.approx(0.93363, abs=5e-6)
    assert rates.direct_cells_at_market_rate == 0


def test_a_panel_cell_below_25_member_years_takes_the_markets_rate_and_is_counted() -> None:
    """A handful of people in one cell must not swing the directly standardised rate."""
    panel = {**EX_H1_PANEL, Cell(55, "F", 0): Exposure(24 * 12, 60)}
    rates = standardize(panel, EX_H1_MARKET, collapse_cells(EX_H1_MARKET))
    assert rates.direct_cells_at_market_rate == 1
    expected = (60 * 230 + 110 * 208 + 90 * 180) / 260
    assert rates.direct_rate_per_1000 == pytest.approx(expected)


def test_a_thin_cell_joins_its_older_neighbour_and_the_oldest_its_younger() -> None:
    """H.3's rule, both directions, within one sex and tier."""
    enough, thin = Exposure(200 * 12, 20), Exposure(199 * 12, 19)
    market = {
        Cell(18, "F", 0): thin,
        Cell(25, "F", 0): enough,
        Cell(35, "F", 0): enough,
        Cell(65, "F", 0): thin,
        Cell(18, "M", 0): enough,
        Cell(25, "M", 0): enough,
    }
    groups = collapse_cells(market)
    assert groups.groups == (
        (Cell(18, "F", 0), Cell(25, "F", 0)),
        (Cell(18, "M", 0),),
        (Cell(25, "M", 0),),
        (Cell(35, "F", 0), Cell(65, "F", 0)),
    )
    assert groups.cells_collapsed == 4
    assert "F from 18 with 0 conditions + F from 25 with 0 conditions" in groups.description


def test_both_thresholds_must_be_met() -> None:
    """200 member-years without 20 visits, or the reverse, is still a thin cell."""
    enough = Exposure(5_000, 100)
    market = {
        Cell(18, "F", 0): Exposure(5_000, 19),
        Cell(35, "F", 0): enough,
        Cell(18, "M", 0): Exposure(2_399, 100),
        Cell(35, "M", 0): enough,
    }
    assert collapse_cells(market).groups == (
        (Cell(18, "F", 0), Cell(35, "F", 0)),
        (Cell(18, "M", 0), Cell(35, "M", 0)),
    )


def test_a_thin_tier_joins_the_next_milder_one_at_the_same_ages() -> None:
    """Without this a rare tier would keep a rate made of nothing."""
    enough, thin = Exposure(3_000, 30), Exposure(30, 3)
    market = {
        Cell(age, "F", tier): thin if tier == 3 else enough
        for age in (18, 35)
        for tier in (1, 2, 3)
    }
    groups = collapse_cells(market)
    assert (Cell(18, "F", 2), Cell(18, "F", 3)) in groups.groups
    assert (Cell(18, "F", 1),) in groups.groups


def test_a_cell_that_only_the_panel_has_is_compared_with_its_neighbours_market() -> None:
    """A panel member in a cell the market lacks would otherwise have no expectation."""
    only_panel = Cell(65, "F", 0)
    panel = {**EX_H1_PANEL, only_panel: Exposure(1_200, 30)}
    groups = collapse_cells(EX_H1_MARKET, panel)
    rates = standardize(panel, EX_H1_MARKET, groups)
    assert (Cell(55, "F", 0), only_panel) in groups.groups
    assert rates.expected_visits == pytest.approx(3_110 + 100 * 0.18)


@given(market=populations, panel=populations)
def test_collapsing_never_loses_or_doubles_exposure(
    market: dict[Cell, Exposure], panel: dict[Cell, Exposure]
) -> None:
    """Each cell is in exactly one group, so member months and visits are conserved."""
    groups = collapse_cells(market, panel)
    listed = [cell for group in groups.groups for cell in group]
    assert sorted(listed) == sorted({*market, *panel})
    for population in (market, panel):
        assert sum(groups.total(population), NO_EXPOSURE) == sum(population.values(), NO_EXPOSURE)


@given(market=populations)
def test_a_group_is_thin_only_if_the_whole_market_is(market: dict[Cell, Exposure]) -> None:
    """The collapse goes on until every rate rests on enough, or one cell is left."""
    groups = collapse_cells(market)
    if len(groups.groups) > 1:
        totals = groups.total(market)
        assert all(total.member_months >= 2_400 and total.visits >= 20 for total in totals)


@given(market=populations.filter(lambda found: sum(e.visits for e in found.values()) > 0))
def test_the_market_against_itself_is_one(market: dict[Cell, Exposure]) -> None:
    """METHODS T: whatever the collapse did, a population does not differ from itself."""
    rates = standardize(market, market, collapse_cells(market))
    assert rates.sir == pytest.approx(1)
    assert rates.direct_ratio == pytest.approx(1)


def test_without_a_market_nothing_is_computed() -> None:
    """An empty market is an absent answer, not a division by zero or a zero rate."""
    rates = standardize(EX_H1_PANEL, {}, collapse_cells({}, EX_H1_PANEL))
    assert (rates.sir, rates.expected_visits, rates.direct_rate_per_1000) == (None, None, None)
    assert rates.panel_member_months == 15_000 * 12
    assert collapse_cells({}) == CellGroups(())


@pytest.mark.parametrize(("band", "age"), [("0-1", 0), ("6–17", 6), ("65+", 65)])
def test_an_age_band_is_ordered_by_its_first_year(band: str, age: int) -> None:
    """Text order would put 6-17 behind 55-64."""
    assert first_year_of_age(band) == age


@pytest.mark.parametrize("band", ["", "unknown", None])
def test_an_unreadable_age_band_is_named(band: str | None) -> None:
    """A new label in the warehouse must stop the run, not form a cell of its own."""
    with pytest.raises(CareWarehouseError, match="age band"):
        first_year_of_age(band)
