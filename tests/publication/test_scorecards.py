"""Performance reports and the portfolio's page, from published rows."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.payment import points, shared_savings
from orchestration.payment.reasons import REASON_TEXTS
from orchestration.programs import load_portfolios
from orchestration.publication.scorecards import natural_limits, portfolio_page, scorecard_page
from orchestration.settings import PROJECT_ROOT, load_settings

AS_OF = date(2026, 7, 10)
Row = dict[str, object]


def program(name: str, since: date | None, clinicians: int | None) -> Row:
    return {
        "program_id": name,
        "program_name": f"The payer's program - {name}",
        "market_state": "CT",
        "effective_date": since,
        "expected_clinicians": clinicians,
    }


def savings(name: str, reasons: str = "", trend: str = "-1.9", members: str = "16000") -> Row:
    return {
        "program_id": name,
        "program_name": name,
        "baseline_start_date": date(2024, 1, 1),
        "baseline_end_date": date(2024, 12, 31),
        "performance_start_date": date(2025, 1, 1),
        "performance_end_date": date(2025, 12, 31),
        "claims_through_period": "2026-06",
        "average_members": Decimal(members),
        "quality_score": Decimal("0.82"),
        "weight_scored": Decimal(1),
        "panel_trend_percent": Decimal("3.1"),
        "market_trend_percent": Decimal("5.0"),
        "trend_difference_points": Decimal(trend),
        "benchmark_amount": Decimal("100000.00"),
        "actual_amount": Decimal("90000.00"),
        "savings_amount": Decimal("10000.00"),
        "savings_percent": Decimal(10),
        "msr_percent": Decimal("2.66"),
        "payment_amount": Decimal("4100.00"),
        "loss_amount": Decimal(0),
        "p4p_payment_amount": None,
        "is_eligible": not reasons,
        "failed_reasons": reasons,
    }


def months(of: Mapping[int, float | None]) -> list[Row]:
    """Months from January 2024 on; the ER rate is told or, where it was suppressed, null."""
    return [
        {
            "program_id": "p",
            "month_start_date": date(2024 + number // 12, number % 12 + 1, 1),
            "ed_visits_per_1000": value,
            "inpatient_stays_per_1000": None,
            "allowed_pmpm_amount": None,
        }
        for number, value in of.items()
    ]


def test_limits_are_of_month_to_month_noise() -> None:
    """A trend must not widen the limits that are to reveal it: moving ranges, not a deviation."""
    assert natural_limits([10.0, 12.0, 10.0, 12.0, 10.0]) is None, "five points are no baseline"
    limits = natural_limits([10.0, 12.0, 10.0, 12.0, 10.0, 12.0])
    assert limits == pytest.approx((11.0, 11 - 2.66 * 2, 11 + 2.66 * 2))
    assert natural_limits([0.0, 3.0] * 3) == pytest.approx((1.5, 0.0, 1.5 + 2.66 * 3))


def test_a_month_outside_its_limits_is_marked_and_a_suppressed_one_left_out() -> None:
    """The page shows what is published; a hidden count must not come back as a point."""
    calm: dict[int, float | None] = {number: 200.0 + number % 2 for number in range(24)}
    page = scorecard_page(program("p", None, None), savings("p"), [], months(calm), AS_OF)
    assert "#b4432e" not in page.split("</style>")[1]
    drawn = page.count('aria-roledescription="point"')
    wild = {**calm, 20: 300.0, 21: None}
    page = scorecard_page(program("p", None, None), savings("p"), [], months(wild), AS_OF)
    assert "#b4432e" in page.split("</style>")[1]
    assert page.count('aria-roledescription="point"') == drawn - 2, "in each picture one less"
    assert page.count("<svg") == 2, "one picture for a desk, one for a phone; no empty ones"


def test_the_report_says_why_nothing_is_paid() -> None:
    page = scorecard_page(
        program("p", None, None), savings("p", "QUALITY_GATE,BELOW_MSR"), [], [], AS_OF
    )
    assert "the quality gate was missed; savings are below the minimum savings rate" in page
    assert "<script" not in page


def test_the_portfolio_counts_who_meets_what_by_years_in_force() -> None:
    """An arrangement that began last July is not yet in its second year."""
    programs = [
        program("old", date(2009, 10, 1), None),
        program("new", date(2025, 7, 1), 200),
        program("unstated", None, 150),
    ]
    rows = [
        savings("old"),
        savings("new", "QUALITY_GATE", "0.4", "1000"),
        savings("unstated", "", "0.0", "500"),
    ]
    portfolios = load_portfolios(load_settings({"CARE_CONFIG_DIR": str(PROJECT_ROOT / "data")}))
    page = portfolio_page(programs, rows, [], portfolios, AS_OF)
    flat = " ".join(page.split())
    assert "<td>all</td><td>3</td><td>2 (67 %)</td><td>2 (67 %)</td><td>2 (67 %)</td>" in flat
    assert "<td>at least 1</td><td>1</td><td>1 (100 %)</td>" in flat
    assert "17,500" in flat
    assert "350" in flat
    assert "Arrangements: 3 here, 89 stated by the payer, goal 100" in flat
    assert "width: 1.75%" in flat


def test_every_reason_has_words() -> None:
    """A new code must not end a page with a stack trace in the night it first occurs."""
    codes = {*shared_savings.REASONS_IN_ORDER}
    codes |= {points.WEIGHT_TOO_SMALL, points.BELOW_PAYOUT, points.TREND_TOO_HIGH}
    assert codes == set(REASON_TEXTS)


def test_the_templates_are_where_the_package_finds_them() -> None:
    """They are data files: an installation that left them out fails at its first page."""
    pages = Path(PROJECT_ROOT) / "orchestration" / "pages"
    named = {path.name for path in pages.glob("*.j2")}
    assert named == {"portfolio.html.j2", "scorecard.html.j2", "statement.html.j2", "style.css.j2"}
