"""What is planted is there: people, illness, use and cost as designed, and effects on target."""

from statistics import NormalDist

import numpy as np
import pyarrow.parquet as pq
import pytest
from simulated_extract import Extract, Simulated

from orchestration.simulator import truth
from orchestration.simulator.attribution import known_conditions
from orchestration.simulator.config import DEMO_MARKETS, demo_config
from orchestration.simulator.providers import luhn_npis

PERFORMANCE_YEAR = (731, 1095)


def full_year(simulated: Simulated) -> np.ndarray:
    """Members covered for at least 300 days of the performance year."""
    people = simulated.people
    first, last = PERFORMANCE_YEAR
    days = np.minimum(people.last_service_day, last) - np.maximum(people.start_day, first) + 1
    return np.flatnonzero(days > 300)


def yearly_cost(simulated: Simulated) -> np.ndarray:
    """Allowed dollars of every member in the performance year, untruncated."""
    use, fills = simulated.use, simulated.fills
    day = use.claims.from_day[use.lines.claim]
    mine = (day >= PERFORMANCE_YEAR[0]) & ~use.lines.is_denied
    size = len(simulated.people)
    person = use.claims.person[use.lines.claim]
    medical = np.bincount(person[mine], use.lines.cents[mine], size)
    late = fills.day >= PERFORMANCE_YEAR[0]
    return (medical + np.bincount(fills.person[late], fills.cents[late], size)) / 100


def test_ages_are_those_of_a_commercial_population(simulated: Simulated) -> None:
    """Panels of retired people would need other rates, rules and risk models."""
    age = simulated.people.age
    assert 0.18 < (age < 18).mean() < 0.27
    assert (age >= 65).mean() < 0.03
    assert 0.48 < simulated.people.is_female.mean() < 0.54


def test_ed_use_is_overdispersed_and_at_a_commercial_level(simulated: Simulated) -> None:
    """A Poisson ED would make every interval of the warehouse look well calibrated."""
    people, visits = simulated.people, simulated.use.ed_visits
    rows = full_year(simulated)
    late = visits.day >= PERFORMANCE_YEAR[0]
    count = np.bincount(visits.person[late], minlength=len(people))[rows]
    assert 0.170 < count.mean() < 0.215
    cell = (people.age_band.astype(int) * 8 + people.is_female * 4)[rows] + np.minimum(
        people.condition_count[rows], 3
    )
    mean = (np.bincount(cell, count) / np.maximum(np.bincount(cell), 1))[cell]
    pearson = ((count - mean) ** 2 / np.maximum(mean, 1e-9)).sum() / (len(rows) - 72)
    assert 1.4 < pearson < 2.5


def test_cost_is_heavy_tailed_around_a_commercial_level(simulated: Simulated) -> None:
    """Truncation, MSR and the interval of savings are only tested by realistic variation."""
    cost = yearly_cost(simulated)[full_year(simulated)]
    assert 2.3 < cost.std() / cost.mean() < 3.6
    assert 400 < cost.mean() / 12 < 520
    assert 0.002 < (cost > 100_000).mean() < 0.012


def test_the_registry_rule_finds_most_conditions_within_a_year(simulated: Simulated) -> None:
    """Risk cells come from diagnoses on claims; ill people without them would all look healthy."""
    people = simulated.people
    found = known_conditions(people, simulated.use.claims, 12, 24)
    present = (people.start_day <= 365) & (people.end_day >= 731) & people.is_user
    for column in (0, 1, 5):
        ill = present & people.conditions[:, column]
        assert found[ill, column].mean() > 0.55, column
    assert found[present & (people.condition_count == 0)].any(axis=1).mean() < 0.06


def test_panels_are_found_at_about_their_true_size(simulated: Simulated) -> None:
    """Members who belong but are never attributed would shrink every program on every page."""
    for number, program in enumerate(simulated.config.programs):
        attributed = (simulated.panels.program[:, 12:] == number).sum() / 12
        assert attributed == pytest.approx(program.members * simulated.config.scale, rel=0.15)


def test_non_users_are_in_no_panel_but_in_the_published_market(simulated: Simulated) -> None:
    """They are why `all_others` is biased: they use less of everything, and only it holds them."""
    people, panels = simulated.people, simulated.panels
    in_panel = panels.program[:, 18] >= 0
    assert people.is_user[in_panel].mean() > 0.97
    assert 0.10 < (~people.is_user).mean() < 0.25
    cost = yearly_cost(simulated)
    rows = full_year(simulated)
    users = people.is_user[rows]
    assert cost[rows][~users].mean() < 0.5 * cost[rows][users].mean()


def test_realised_savings_are_the_planted_ones(simulated: Simulated) -> None:
    """Chance alone moves savings of a small panel by more than 4 %: hence a recorded factor."""
    for result in simulated.costs:
        planted = result.planted_trend_difference / (1 + result.market_trend)
        assert result.gross_savings_share == pytest.approx(planted, abs=0.001)
        if result.average_members > 1_000:
            assert 0.8 < result.factor < 1.25


def test_er_use_meets_the_plants_on_the_basis_for_inference(simulated: Simulated) -> None:
    """Plant, attribution error and what is left of chance: the estimate must lie near the plant."""
    visits = truth.visits_by_month(simulated.people, simulated.use.ed_visits)
    estimates = {
        estimate.program_id: estimate
        for estimate in truth.er_estimates(
            simulated.config,
            simulated.people,
            simulated.panels,
            visits,
            simulated.panels.program,
            "attribution",
        )
        if estimate.period_role == "performance" and estimate.market_basis == "attributed_elsewhere"
    }
    for program in simulated.config.programs:
        estimate = estimates[program.program_id]
        distance = np.log(estimate.ratio / program.effects.ed)
        assert abs(distance) < 2.5 * estimate.standard_error, estimate


def test_the_demos_market_finds_prohealths_effect_with_ninety_percent_power(
    simulated: Simulated,
) -> None:
    """PROGRAMS.md: markets large enough for the published 7 percent, by the formula of H.4."""
    visits = truth.visits_by_month(simulated.people, simulated.use.ed_visits)
    estimate = next(
        estimate
        for estimate in truth.er_estimates(
            simulated.config,
            simulated.people,
            simulated.panels,
            visits,
            simulated.panels.program,
            "attribution",
        )
        if estimate.program_id == "prohealth_physicians"
        and estimate.period_role == "performance"
        and estimate.market_basis == "attributed_elsewhere"
    )
    full_size = 1 / simulated.config.scale
    expected = estimate.expected_visits * full_size
    effect = np.log(0.93)
    variance = estimate.dispersion_panel / (expected * 0.93) + estimate.dispersion_market / (
        estimate.market_visits * full_size
    )
    power = NormalDist().cdf(abs(effect) / np.sqrt(variance) - 1.96)
    assert demo_config().markets == DEMO_MARKETS
    assert power > 0.90


def test_true_membership_is_written_as_runs_of_months(extract: Extract) -> None:
    """Golden tests compare attribution with this table; it must name every true member once."""
    table = pq.read_table(extract.truth_dir / "true_membership.parquet").to_pylist()
    programs = {program.program_id for program in demo_config().programs}
    assert {row["program_id"] for row in table} == programs
    assert all("2023-01" <= row["first_month"] <= row["last_month"] <= "2025-12" for row in table)
    months = [(row["person_id"], row["first_month"]) for row in table]
    assert len(set(months)) == len(months)


def test_the_truth_says_that_everything_is_synthetic(extract: Extract) -> None:
    """No reader may take a simulated payer's figures for real ones."""
    for name in ("effects", "mess", "totals"):
        assert "synthetic" in extract.truth(name)["note"]


def test_npis_pass_the_check_digit_of_the_standard() -> None:
    """1234567893 is the standard's own example."""
    assert luhn_npis(np.array([123_456_789])).tolist() == [1_234_567_893]
