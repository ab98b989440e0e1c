"""Risk scores of the demographic-plus-condition fallback (METHODS G.3)."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.outcomes.risk import (
    CONDITION_FLAGS,
    CostExposure,
    RiskCell,
    RiskModel,
    credibility,
    fit_risk_model,
    flags_of,
    risk_factor_rows,
    unfit_factors,
    write_risk_factors,
)
from orchestration.settings import PROJECT_ROOT

MALE_45 = RiskCell(45, "M")


def exposure(cell: RiskCell, tier: int, months: int, cents: int) -> CostExposure:
    """`tier` is a set of flags: 0 none, 1 diabetes, 2 ischemic heart disease, 3 both."""
    return CostExposure(cell, flags_of(tier), months, cents)


exposures = st.lists(
    st.builds(
        exposure,
        cell=st.builds(
            RiskCell, age_from=st.sampled_from((0, 18, 25, 45, 65)), sex=st.sampled_from("FM")
        ),
        tier=st.integers(0, 3),
        months=st.integers(1, 50_000),
        cents=st.integers(0, 10**9),
    ),
    min_size=1,
    max_size=30,
).filter(lambda found: sum(one.truncated_cents for one in found) > 0)


def test_a_score_is_the_factors_over_the_market_mean() -> None:
    """EX-G2: D(male 45–54) + diabetes + heart failure, over the market's mean raw score."""
    model = RiskModel(
        cell_factors={MALE_45: Fraction("1.10")},
        flag_factors={"diabetes": Fraction("0.60"), "heart_failure": Fraction("2.00")},
        market_mean=Fraction("1.25"),
        person_years={MALE_45: Fraction(5_000)},
    )
    assert model.score(MALE_45, ("diabetes", "heart_failure")) == Fraction("2.96")
    assert model.score(MALE_45) == Fraction("0.88")


def test_the_fit_is_the_ridge_regression_on_people() -> None:
    """Sums by cell and flags must give what a regression over every member-year gives."""
    random = np.random.default_rng(7)
    cells = [RiskCell(age, sex) for age in (25, 45) for sex in "FM"]
    market = [
        exposure(cell, tier, int(random.integers(30_000, 90_000)), 0)
        for cell in cells
        for tier in range(4)
    ]
    market = [
        CostExposure(one.cell, one.flags, one.member_months, one.member_months * cost * 1_000)
        for one, cost in zip(market, random.integers(20, 90, len(market)).tolist(), strict=True)
    ]
    market = [
        CostExposure(
            one.cell,
            one.flags,
            one.member_months,
            one.truncated_cents * (1 + 2 * len(one.flags)),
        )
        for one in market
    ]
    model = fit_risk_model(market)
    flags = sorted({flag for one in market for flag in one.flags})
    design = np.array(
        [
            [float(one.cell == cell) for cell in cells] + [float(f in one.flags) for f in flags]
            for one in market
        ]
    )
    weights = np.array([one.member_months / 12 for one in market])
    yearly = np.array([one.truncated_cents / one.member_months * 12 for one in market])
    outcome = yearly / np.average(yearly, weights=weights)
    # The ridge as one more observation for each flag: nothing, with weight 50.
    ridge = np.eye(len(cells) + len(flags))[len(cells) :]
    solved = (
        sm.WLS(
            np.concatenate((outcome, np.zeros(len(flags)))),
            np.concatenate((design, ridge)),
            weights=np.concatenate((weights, np.full(len(flags), 50.0))),
        )
        .fit()
        .params
    )
    assert [float(model.cell_factors[cell]) for cell in cells] == pytest.approx(
        solved[: len(cells)].tolist()
    )
    assert [float(model.flag_factors[flag]) for flag in flags] == pytest.approx(
        solved[len(cells) :].tolist()
    )


def test_illness_is_not_counted_twice() -> None:
    """Cell means first and flags on the residuals would give the older cell its illness again."""
    young, old = RiskCell(25, "F"), RiskCell(55, "F")
    market = [
        exposure(young, 0, 900_000, 900_000 * 100),
        exposure(young, 1, 100_000, 100_000 * 300),
        exposure(old, 0, 500_000, 500_000 * 100),
        exposure(old, 1, 500_000, 500_000 * 300),
    ]
    model = fit_risk_model(market)
    assert float(model.score(young)) == pytest.approx(float(model.score(old)), rel=5e-3)
    ill = model.score(old, flags_of(1)) / model.score(old)
    assert float(ill) == pytest.approx(3, rel=5e-3)


def test_a_negative_flag_is_set_to_nothing_and_the_rest_fitted_again() -> None:
    """A condition must never make a member cheaper; what remains explains the cost alone."""
    market = [
        exposure(MALE_45, 0, 600_000, 600_000 * 200),
        exposure(MALE_45, 1, 300_000, 300_000 * 100),
        exposure(MALE_45, 2, 100_000, 100_000 * 600),
    ]
    model = fit_risk_model(market)
    assert set(model.flag_factors) == {"ischemic_heart_disease"}
    assert model.score(MALE_45, flags_of(1)) == model.score(MALE_45)


def test_a_small_cell_leans_on_its_parent_band() -> None:
    """Step 6: 250 person-years believe their own cost by half."""
    assert credibility(Fraction(250)) == Fraction(1, 2)
    assert credibility(Fraction(1_000)) == credibility(Fraction(9_000)) == 1
    small, large = RiskCell(18, "F"), RiskCell(25, "F")
    market = [exposure(small, 0, 3_000, 3_000 * 900), exposure(large, 0, 300_000, 300_000 * 100)]
    model = fit_risk_model(market)
    own, parent = Fraction(900), Fraction(3_000 * 900 + 300_000 * 100, 303_000)
    assert model.score(small) / model.score(large) == (own + parent) / 2 / 100


def test_a_cell_the_market_lacks_takes_its_parent_band() -> None:
    """A panel member in an unseen cell needs a score, and 0 would be a gift or a theft."""
    model = fit_risk_model([exposure(RiskCell(25, "F"), 0, 300_000, 300_000 * 100)])
    assert model.score(RiskCell(35, "F")) == 1
    assert model.score(RiskCell(65, "M")) == 1


@settings(deadline=None, max_examples=40)
@given(market=exposures)
def test_the_markets_mean_score_is_one(market: list[CostExposure]) -> None:
    """Step 4, exactly: otherwise the benchmark would move with the year's normalisation."""
    assert fit_risk_model(market).mean_score(market) == 1


@settings(deadline=None, max_examples=20)
@given(market=exposures)
def test_no_flag_is_negative_and_order_does_not_matter(market: list[CostExposure]) -> None:
    """Equal populations give the same fractions, so both parties reach the same cent."""
    model = fit_risk_model(market)
    assert all(factor >= 0 for factor in model.flag_factors.values())
    assert fit_risk_model(market[::-1]) == model


def test_without_member_months_there_is_no_mean_score() -> None:
    """An empty panel is absent, not of risk 0."""
    model = fit_risk_model([exposure(MALE_45, 0, 12, 1_000)])
    assert model.mean_score([]) is None
    with pytest.raises(ValueError, match="no mean cost"):
        fit_risk_model([])


def test_every_flag_of_the_warehouse_is_one_of_the_models() -> None:
    """A flag that one side names alone would be adjusted for by nobody."""
    model = PROJECT_ROOT / "dbt_project/models/intermediate/risk/int_risk_condition.yml"
    columns = yaml.safe_load(model.read_text())["models"][0]["columns"]
    named = [column["name"] for column in columns if column["name"].startswith("has_")]
    assert tuple(name.removeprefix("has_") for name in named) == CONDITION_FLAGS
    assert flags_of(0) == frozenset()
    assert flags_of(2 ** len(CONDITION_FLAGS) - 1) == frozenset(CONDITION_FLAGS)
    assert flags_of(5) == {"diabetes", "congestive_heart_failure"}


def test_tenths_and_explained_variation_tell_how_well_scores_fit() -> None:
    """Step 7. Two cells fitted freely: each tenth is predicted; half of the variation is within."""
    market = [
        # Of a cell half of the people cost nothing: Σ cost² / months is twice that of equal people.
        CostExposure(RiskCell(25, "F"), frozenset(), 300_000, 300_000 * 100, 2 * 300_000 * 100**2),
        CostExposure(MALE_45, frozenset(), 300_000, 300_000 * 300, 2 * 300_000 * 300**2),
    ]
    rows = risk_factor_rows("p", "baseline", fit_risk_model(market), market)
    tenths = [row for row in rows if row.factor_kind == "decile"]
    assert [(row.factor_name, row.factor, row.person_years) for row in tenths] == [
        ("03", 0.5, 25_000),
        ("08", 1.5, 25_000),
    ]
    assert {row.predictive_ratio for row in tenths} == {1.0}
    (fit,) = [row for row in rows if row.factor_kind == "fit"]
    # Between people 2 (100² + 300²) / 2 - 200² = 60,000, between the cells 100² = 10,000.
    assert fit.factor == pytest.approx(1 / 6)
    assert unfit_factors(rows) == []


def test_a_flag_that_is_set_to_nothing_predicts_too_much_and_is_told() -> None:
    """Where a condition makes cheaper, its people are overpaid for; that must be seen."""
    market = [
        exposure(MALE_45, 0, 600_000, 600_000 * 200),
        exposure(MALE_45, 1, 300_000, 300_000 * 100),
    ]
    rows = risk_factor_rows("p", "baseline", fit_risk_model(market), market)
    (unfit,) = [row for row in unfit_factors(rows) if row.factor_kind == "flag"]
    assert unfit.factor_name == "diabetes"
    assert unfit.predictive_ratio == pytest.approx(5 / 3)


def test_factors_are_written_normalised_with_their_predictive_ratio(tmp_path: Path) -> None:
    """Step 7: predicted over actual is 1 where a cell is fitted freely and is credible."""
    market = [
        exposure(RiskCell(25, "F"), 0, 300_000, 300_000 * 100),
        exposure(MALE_45, 0, 300_000, 300_000 * 300),
    ]
    rows = risk_factor_rows("p", "baseline", fit_risk_model(market), market)
    cells = [row for row in rows if row.factor_kind == "cell"]
    assert [(row.factor_name, row.factor) for row in cells] == [
        ("F from 25", 0.5),
        ("M from 45", 1.5),
    ]
    assert [row.predictive_ratio for row in cells] == [1.0, 1.0]
    first = write_risk_factors(rows, tmp_path / "a").read_bytes()
    assert write_risk_factors(rows[::-1], tmp_path / "b").read_bytes() == first
