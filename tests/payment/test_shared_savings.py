"""Benchmark, minimum savings rate, eligibility and payment (METHODS I.1–I.5)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.payment.money import cents_of, dollars, rounded, shared_out, whole_cents
from orchestration.payment.shared_savings import (
    INFORMATIONAL_REASONS,
    REASONS_IN_ORDER,
    CostPeriod,
    Quality,
    Settlement,
    benchmark,
    coordination_fee_cents,
    is_run_out_complete,
    settle,
    sliding_msr,
    trend,
)
from orchestration.payment.terms import BenchmarkRounding, FeeNetting, SettlementTerms
from orchestration.payment.truncation import truncated_cents

TERMS = SettlementTerms(
    program_id="p",
    program_name="Program",
    baseline_start_date=date(2024, 1, 1),
    baseline_end_date=date(2024, 12, 31),
    performance_start_date=date(2025, 1, 1),
    performance_end_date=date(2025, 12, 31),
)
GOOD = Quality(Decimal("0.82"), Decimal(1))

EX_I2_TERMS = replace(TERMS, fee_pmpm=Decimal("3.50"))
EX_I2_MONTHS = 192_000


def cost(pmpm: str, risk: str, months: int = 100) -> CostPeriod:
    return CostPeriod(cents_of(Decimal(pmpm)) * months, months, Fraction(risk))


EX_I2_PERIODS = (
    cost("380.00", "1.000"),
    cost("395.00", "1.040"),
    cost("365.00", "0.990"),
    cost("387.00", "1.000"),
)


def ex_i2(terms: SettlementTerms, actual_pmpm: str = "395.00") -> Settlement:
    """EX-I2 and EX-I3 under the given terms."""
    found = benchmark(terms, *EX_I2_PERIODS)
    assert found is not None
    return settle(
        terms,
        average_members=Fraction(16_000),
        benchmark_cents=found.pmpm_cents * EX_I2_MONTHS,
        actual_cents=cents_of(Decimal(actual_pmpm)) * EX_I2_MONTHS,
        fee_cents=coordination_fee_cents(terms, EX_I2_MONTHS),
        quality=GOOD,
        is_claims_complete=True,
    )


# --- Minimum savings rate ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "percent"),
    [
        (2_193, "6.49295"),
        (3_300, "4.835"),
        (5_500, "3.75"),
        (12_000, "2.88"),
        (16_000, "2.66"),
        (18_084, "2.57664"),
        (26_011, "2.43989"),
        (70_000, "2.0"),
    ],
)
def test_sliding_rate_of_the_worked_examples(members: int, percent: str) -> None:
    """I.3: straight lines between Medicare's points, exact (2,193 and 26,011 as published)."""
    assert sliding_msr(Fraction(members)) * 100 == Fraction(percent)


@pytest.mark.parametrize(("members", "percent"), [(499, "12.2"), (500, "12.2"), (60_000, "2.0")])
def test_sliding_rate_at_its_ends(members: int, percent: str) -> None:
    """Below the table no extrapolation, above it the floor."""
    assert sliding_msr(Fraction(members)) * 100 == Fraction(percent)


@given(
    fewer=st.fractions(min_value=0, max_value=100_000),
    more=st.fractions(min_value=0, max_value=100_000),
)
def test_sliding_rate_never_rises_with_members(fewer: Fraction, more: Fraction) -> None:
    """METHODS T: a larger panel never needs larger savings."""
    fewer, more = sorted((fewer, more))
    assert sliding_msr(fewer) >= sliding_msr(more)


# --- Real Medicare cases -----------------------------------------------------------------------

MEDICARE = replace(
    TERMS, min_panel=5_000, fee_netting="none", sharing_form="gate_only", cap=Decimal("0.20")
)


@pytest.mark.parametrize(
    (
        "members",
        "benchmark_amount",
        "expenditure",
        "savings_percent",
        "msr",
        "terms",
        "quality",
        "paid",
        "tolerance",
        "reasons",
    ),
    [
        pytest.param(
            18_084, 207_024_377, 197_509_062, 4.596, 2.58,
            replace(MEDICARE, max_rate=Decimal("0.40"), admin_withhold=Decimal("0.02")),
            "1", 3_730_003, 1, (), id="ProHealth Physicians ACO 2021",
        ),
        pytest.param(
            26_011, 352_112_937, 343_111_751, 2.556, 2.44,
            replace(MEDICARE, max_rate=Decimal("0.40"), admin_withhold=Decimal("0.02")),
            "1", 3_528_465, 1, (), id="Hartford HealthCare ACO 2021",
        ),
        pytest.param(
            23_615, 292_109_964, 287_020_010, 1.742, 2.46,
            replace(MEDICARE, max_rate=Decimal("0.40")),
            "1", 0, 0, ("BELOW_MSR",), id="Hartford HealthCare ACO 2020",
        ),
        pytest.param(
            22_217, 268_792_265, 277_771_058, -3.340, 2.48,
            replace(MEDICARE, max_rate=Decimal("0.50")),
            "1", 0, 0, ("NO_SAVINGS", "BELOW_MSR"), id="Hartford HealthCare ACO 2018",
        ),
        pytest.param(
            22_496, 254_597_959, 243_230_335, 4.465, 2.48,
            replace(
                MEDICARE,
                max_rate=Decimal("0.50"),
                admin_withhold=Decimal("0.02"),
                sharing_form="quality_scaled",
            ),
            "0.9134", 5_087_892, 200, (), id="ProHealth Physicians ACO 2018",
        ),
        pytest.param(
            19_093, 201_541_230, 186_703_079, 7.362, 2.54,
            replace(MEDICARE, max_rate=Decimal("0.40"), sharing_form="quality_scaled"),
            "0.96875", 5_749_783, 1, (), id="ProHealth Physicians ACO 2020",
        ),
    ],
)  # fmt: skip
def test_public_medicare_results_are_reproduced(
    members: int,
    benchmark_amount: int,
    expenditure: int,
    savings_percent: float,
    msr: float,
    terms: SettlementTerms,
    quality: str,
    paid: int,
    tolerance: int,
    reasons: tuple[str, ...],
) -> None:
    """EX-I1: within $1, for 2018 within $200 because the published quality score is rounded."""
    settled = settle(
        terms,
        average_members=Fraction(members),
        benchmark_cents=Fraction(benchmark_amount * 100),
        actual_cents=expenditure * 100,
        fee_cents=0,
        quality=Quality(Decimal(quality), Decimal(1)),
        is_claims_complete=True,
    )
    assert settled.savings_cents == (benchmark_amount - expenditure) * 100
    assert settled.savings_share is not None
    assert float(100 * settled.savings_share) == pytest.approx(savings_percent, abs=5e-4)
    assert float(100 * settled.minimum_savings_rate) == pytest.approx(msr, abs=5.1e-3)
    assert abs(dollars(settled.payment_cents) - paid) <= tolerance
    assert settled.failed_reasons == reasons
    assert settled.loss_payment_cents == 0


# --- The worked contract -----------------------------------------------------------------------


def test_benchmark_of_the_worked_example() -> None:
    """EX-I2: market trend on risk-adjusted cost, risk growth capped at 3 %, rounded to the cent."""
    found = benchmark(EX_I2_TERMS, *EX_I2_PERIODS)
    assert found is not None
    assert found.market_trend_factor is not None
    assert float(found.market_trend_factor) == pytest.approx(1.0496712, abs=5e-8)
    assert (found.risk_ratio, found.risk_ratio_applied) == (Fraction("1.04"), Fraction("1.03"))
    assert found.pmpm_cents == 41_084
    uncapped = benchmark(replace(EX_I2_TERMS, risk_cap=Decimal(1)), *EX_I2_PERIODS)
    assert uncapped is not None
    assert uncapped.pmpm_cents == 41_483


@pytest.mark.parametrize(
    ("netting", "savings", "payment"),
    [
        ("none", "3041280.00", "1246924.80"),
        ("as_cost", "2369280.00", "971404.80"),
        ("offset", "3041280.00", "574924.80"),
    ],
)
def test_payment_of_the_worked_example_by_fee_netting(
    netting: FeeNetting, savings: str, payment: str
) -> None:
    """EX-I2: the same year pays three amounts, so the contract must say which netting it means."""
    settled = ex_i2(replace(EX_I2_TERMS, fee_netting=netting))
    assert settled.is_eligible
    assert settled.failed_reasons == ()
    assert settled.sharing_rate == Fraction("0.41")
    assert dollars(settled.savings_cents) == Decimal(savings)
    assert dollars(settled.payment_cents) == Decimal(payment)


def test_savings_percent_of_the_worked_example() -> None:
    """EX-I2: 3.8555 % before and 3.0036 % after the fee, against 2.66 %."""
    plain = ex_i2(replace(EX_I2_TERMS, fee_netting="none"))
    net = ex_i2(EX_I2_TERMS)
    assert plain.savings_share is not None
    assert net.savings_share is not None
    assert rounded(100 * plain.savings_share, 4) == Decimal("3.8555")
    assert rounded(100 * net.savings_share, 4) == Decimal("3.0036")
    assert net.minimum_savings_rate == Fraction("0.0266")


def test_an_unrounded_benchmark_pays_another_amount() -> None:
    """I.2: `benchmark_rounding = none` keeps full precision and pays 1,247,028.75."""
    terms = replace(EX_I2_TERMS, fee_netting="none", benchmark_rounding="none")
    assert dollars(ex_i2(terms).payment_cents) == Decimal("1247028.75")


def test_loss_of_a_two_sided_contract() -> None:
    """EX-I3: 815,616 without, 1,017,216 with the fee as cost; the 4 % cap does not bind."""
    two_sided = replace(EX_I2_TERMS, loss_rate=Decimal("0.30"))
    settled = ex_i2(replace(two_sided, fee_netting="none"), "425.00")
    assert settled.savings_share is not None
    assert rounded(-100 * settled.savings_share, 4) == Decimal("3.4466")
    assert settled.loss_payment_cents == 815_616_00
    assert settled.payment_cents == 0
    assert ex_i2(two_sided, "425.00").loss_payment_cents == 1_017_216_00
    capped = ex_i2(replace(two_sided, loss_rate=Decimal(1)), "600.00")
    assert dollars(capped.loss_payment_cents) == Decimal("3155251.20")


def test_a_loss_below_the_minimum_loss_rate_is_not_owed() -> None:
    """I.4: losses count from the first dollar, but only beyond the minimum loss rate."""
    two_sided = replace(EX_I2_TERMS, loss_rate=Decimal("0.30"), fee_netting="none")
    assert (
        ex_i2(replace(two_sided, minimum_loss_rate=Decimal("0.035")), "425.00").loss_payment_cents
        == 0
    )
    assert ex_i2(replace(two_sided, minimum_loss_rate=Decimal("0.03")), "425.00").loss_payment_cents


def test_a_loss_is_owed_in_spite_of_blocking_reasons() -> None:
    """METHODS T: a missed quality gate stops a gain, not a debt."""
    settled = settle(
        replace(TERMS, loss_rate=Decimal("0.30"), is_terminated=True),
        average_members=Fraction(16_000),
        benchmark_cents=Fraction(100_000_00),
        actual_cents=110_000_00,
        fee_cents=0,
        quality=None,
        is_claims_complete=False,
    )
    assert settled.loss_payment_cents == 3_000_00


# --- Eligibility -------------------------------------------------------------------------------


def settled_with(
    terms: SettlementTerms = TERMS,
    members: int = 16_000,
    actual: int = 90_000_00,
    quality: Quality | None = GOOD,
    is_claims_complete: bool = True,
    benchmark_cents: Fraction | None = Fraction(100_000_00),
) -> Settlement:
    return settle(
        terms,
        average_members=Fraction(members),
        benchmark_cents=benchmark_cents,
        actual_cents=actual,
        fee_cents=0,
        quality=quality,
        is_claims_complete=is_claims_complete,
    )


def test_all_failed_reasons_are_stored_in_the_order_of_the_contract() -> None:
    """I.4: a group told one reason at a time would fix its quality to learn of its size."""
    settled = settled_with(
        replace(TERMS, is_terminated=True),
        members=900,
        actual=101_000_00,
        quality=Quality(Decimal("0.42"), Decimal(1)),
        is_claims_complete=False,
    )
    assert settled.failed_reasons == (
        "PANEL_TOO_SMALL",
        "INCOMPLETE_CLAIMS",
        "QUALITY_GATE",
        "NO_SAVINGS",
        "BELOW_MSR",
        "TERMINATED",
    )


def test_absent_quality_is_reporting_failed() -> None:
    """No score is not a score of 0: the group is told to report, not to improve."""
    assert settled_with(quality=None).failed_reasons == ("REPORTING_FAILED",)


@pytest.mark.parametrize(
    ("score", "weight", "reasons"),
    [
        ("0.60", "0.60", ()),
        ("0.5999", "1", ("QUALITY_GATE",)),
        ("0.42", "0.8333", ("QUALITY_GATE",)),
        ("0.82", "0.8333", ()),
        ("0.82", "0.5999", ("QUALITY_GATE",)),
    ],
)
def test_the_quality_gate_needs_score_and_weight(
    score: str, weight: str, reasons: tuple[str, ...]
) -> None:
    """EX-J1's 0.42 misses a gate of 0.60; EX-J2's 10/12 of the weight is enough, 59.99 % is not."""
    quality = Quality(Decimal(score), Decimal(weight))
    assert settled_with(quality=quality).failed_reasons == reasons


def test_savings_at_the_minimum_rate_are_enough() -> None:
    """I.4 says ≥: a tie with the rate is decided for the group, on the unrounded value."""
    fixed = replace(TERMS, msr_type="fixed", msr_fixed=Decimal("0.02"))
    assert settled_with(fixed, actual=98_000_00).failed_reasons == ()
    assert settled_with(fixed, actual=98_000_01).failed_reasons == ("BELOW_MSR",)


def test_only_savings_above_the_minimum_are_shared_where_agreed() -> None:
    """I.4: `first_dollar = false` shares what exceeds the minimum savings rate."""
    fixed = replace(TERMS, msr_type="fixed", msr_fixed=Decimal("0.02"), first_dollar=False)
    assert settled_with(fixed).shareable_cents == 8_000_00
    assert settled_with(replace(fixed, first_dollar=True)).shareable_cents == 10_000_00


def test_sharing_scaled_by_quality_or_by_the_gate_alone() -> None:
    """I.4: the classic form multiplies, the newer one does not."""
    assert settled_with().sharing_rate == Fraction("0.41")
    assert settled_with(replace(TERMS, sharing_form="gate_only")).sharing_rate == Fraction("0.50")


def test_the_cap_is_told_and_does_not_block() -> None:
    """CAP_APPLIED is informational: the group is paid, and knows why not more."""
    settled = settled_with(replace(TERMS, cap=Decimal("0.02")), actual=70_000_00)
    assert settled.failed_reasons == ("CAP_APPLIED",)
    assert settled.is_eligible
    assert settled.payment_cents == 2_000_00
    assert settled.cap_reduction_cents == settled.earned_cents - 2_000_00


def test_without_a_benchmark_there_is_nothing_to_pay() -> None:
    """A new group without a baseline gets a row and a reason, not a missing page."""
    settled = settled_with(benchmark_cents=None)
    assert settled.failed_reasons == ("NO_BENCHMARK",)
    assert (settled.payment_cents, settled.savings_share) == (0, None)


def test_a_statistical_rate_must_be_given() -> None:
    """The rate is computed from the panel; the rule itself assumes none."""
    statistical = replace(TERMS, msr_type="statistical")
    with pytest.raises(ValueError, match="standard error"):
        settled_with(statistical)


settlements = st.builds(
    lambda terms, members, total, actual, fee, quality, complete: settle(
        terms,
        average_members=members,
        benchmark_cents=total,
        actual_cents=actual,
        fee_cents=fee,
        quality=quality,
        is_claims_complete=complete,
    ),
    terms=st.builds(
        replace,
        st.just(TERMS),
        fee_netting=st.sampled_from(("none", "as_cost", "offset")),
        first_dollar=st.booleans(),
        sharing_form=st.sampled_from(("quality_scaled", "gate_only")),
        cap=st.sampled_from((Decimal("0.001"), Decimal("0.10"))),
        admin_withhold=st.sampled_from((Decimal(0), Decimal("0.02"))),
        loss_rate=st.sampled_from((Decimal(0), Decimal("0.30"))),
        is_terminated=st.booleans(),
    ),
    members=st.fractions(min_value=0, max_value=70_000, max_denominator=12),
    total=st.none() | st.fractions(min_value=0, max_value=10**11, max_denominator=1_000),
    actual=st.integers(0, 10**11),
    fee=st.integers(0, 10**9),
    quality=st.none()
    | st.builds(
        Quality,
        score=st.decimals(0, 1, places=4),
        weight_scored=st.decimals(0, 1, places=4),
    ),
    complete=st.booleans(),
)


@given(settled=settlements)
def test_no_gain_is_paid_with_a_blocking_reason(settled: Settlement) -> None:
    """METHODS T: eligibility and payment can never disagree."""
    blocking = [reason for reason in settled.failed_reasons if reason not in INFORMATIONAL_REASONS]
    assert settled.is_eligible == (not blocking)
    if blocking:
        assert settled.payment_cents == 0
    assert list(settled.failed_reasons) == [
        reason for reason in REASONS_IN_ORDER if reason in settled.failed_reasons
    ]


@given(settled=settlements)
def test_the_parts_of_a_payment_add_up_to_the_cent(settled: Settlement) -> None:
    """A partner who adds up the statement must reach the amount paid."""
    parts = (settled.withheld_cents, settled.cap_reduction_cents, settled.fee_offset_cents)
    assert all(part >= 0 for part in parts)
    assert settled.earned_cents - sum(parts) == settled.payment_cents >= 0
    assert settled.payment_cents == 0 or settled.loss_payment_cents == 0
    if settled.savings_share is not None:
        assert settled.savings_cents == (
            settled.benchmark_cents - settled.actual_cents - settled.fee_in_cost_cents
        )


# --- Trend, benchmark variants, run-out, money ---------------------------------------------------


def test_trend_is_on_risk_adjusted_cost() -> None:
    """I.1: cost that grows as fast as risk is no trend."""
    assert trend(cost("100.00", "1"), cost("104.00", "1.04")) == 0
    assert (
        trend(cost("365.00", "0.990"), cost("387.00", "1.000"))
        == Fraction(38_700, 36_500) * Fraction("0.99") - 1
    )


def test_a_concurrent_market_benchmark_needs_no_baseline() -> None:
    """I.2's alternative is for groups without own history."""
    terms = replace(TERMS, benchmark_method="concurrent_market")
    found = benchmark(terms, None, EX_I2_PERIODS[1], None, EX_I2_PERIODS[3])
    assert found is not None
    assert found.pmpm_cents == whole_cents(Fraction("38700") * Fraction("1.04"))
    assert benchmark(TERMS, None, EX_I2_PERIODS[1], None, EX_I2_PERIODS[3]) is None


def test_a_blend_moves_the_benchmark_towards_the_markets_level() -> None:
    """I.2: final = (1 − b) · own + b · market."""
    found = benchmark(replace(TERMS, blend=Decimal("0.25")), *EX_I2_PERIODS)
    own = Fraction(38_000) * Fraction(38_700, 36_500) * Fraction("0.99") * Fraction("1.03")
    assert found is not None
    assert found.pmpm_cents == whole_cents(own * Fraction("0.75") + Fraction("40248") / 4)


def test_the_fee_of_results_is_paid_in_full_on_the_plan_of_the_first_year() -> None:
    """I.5: planned improvement first, achieved improvement later; no report, no results to pay."""
    scaled = replace(TERMS, fee_scaled_by_results=True)
    assert coordination_fee_cents(TERMS, 1_000, GOOD) == 3_000_00
    assert coordination_fee_cents(scaled, 1_000, GOOD) == 2_460_00
    assert coordination_fee_cents(scaled, 1_000, None) == 0
    planned = replace(scaled, fee_first_year="planned")
    assert coordination_fee_cents(planned, 1_000, GOOD) == 2_460_00
    assert coordination_fee_cents(replace(planned, is_first_year=True), 1_000, None) == 3_000_00


@pytest.mark.parametrize("rounding", ["cent", "none"])
def test_the_steps_lead_to_the_benchmark(rounding: BenchmarkRounding) -> None:
    """The waterfall of a statement: base, trend, risk, blend; the last one holds the rounding."""
    terms = replace(EX_I2_TERMS, blend=Decimal("0.25"), benchmark_rounding=rounding)
    found = benchmark(terms, *EX_I2_PERIODS)
    assert found is not None
    assert [name for name, _ in found.steps] == ["base_cost", "trend", "risk", "blend"]
    assert found.steps[0][1] == 38_000
    assert float(found.steps[1][1]) == pytest.approx(38_000 * 1.0496712, abs=1e-2)
    assert found.steps[-1][1] == found.pmpm_cents


def test_claims_are_complete_when_the_run_out_is_reached() -> None:
    """I.4: settlement waits six months of payments after the period."""
    assert is_run_out_complete("2026-06", date(2025, 12, 31), 6)
    assert not is_run_out_complete("2026-05", date(2025, 12, 31), 6)
    assert is_run_out_complete("2026-01", date(2025, 6, 30), 6)


@pytest.mark.parametrize(
    ("value", "places", "result"),
    [
        ("0.5", 0, "1"),
        ("-0.5", 0, "-1"),
        ("2.345", 2, "2.35"),
        ("1/3", 4, "0.3333"),
        ("0", 2, "0.00"),
    ],
)
def test_rounding_is_half_away_from_zero_from_the_exact_value(
    value: str, places: int, result: str
) -> None:
    """Binary 2.345 is below its half and would lose the cent."""
    assert str(rounded(Fraction(value), places)) == result


@given(
    cents=st.integers(0, 10**12),
    weights=st.dictionaries(st.text("abc", min_size=1), st.integers(0, 10**6)),
)
def test_a_payment_is_shared_out_to_the_last_cent(cents: int, weights: dict[str, int]) -> None:
    """A group shares out what it got, no cent more or less, and nobody is a cent off his part."""
    parts = shared_out(cents, weights)
    total = sum(weights.values())
    assert sum(parts.values()) == (cents if total else 0)
    for name, part in parts.items():
        assert abs(part - Fraction(cents * weights[name], total)) < 1
    assert shared_out(cents, dict(reversed(weights.items()))) == parts


def test_the_odd_cent_goes_to_the_largest_remainder_then_to_the_smallest_name() -> None:
    """Ties end in a total order, or two runs would pay two doctors differently."""
    assert shared_out(100, {"b": 1, "a": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert shared_out(10, {"a": 1, "b": 2}) == {"a": 3, "b": 7}
    assert shared_out(10, {"a": 0}) == {}
    with pytest.raises(ValueError, match="0 or more"):
        shared_out(-1, {"a": 1})


def test_an_amount_finer_than_a_cent_is_refused() -> None:
    """A fee of 3.505 must not be cut silently."""
    with pytest.raises(ValueError, match="whole number of cents"):
        cents_of(Decimal("3.505"))


def test_cost_is_truncated_a_person() -> None:
    """EX-A6: cap 250,000; a prorated cap halves for six months."""
    cap = 250_000_00
    costs = (12_000_00, 340_000_00, 260_000_00)
    assert [truncated_cents(one, cap) for one in costs] == [12_000_00, cap, cap]
    assert truncated_cents(costs[2], cap, member_months=6, is_prorated=True) == 125_000_00
