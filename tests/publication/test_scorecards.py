"""Performance reports and the portfolio's page, from published rows."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.pages.scorecard_charts import draw_missing, kept_picture
from orchestration.pages.scorecard_data import natural_limits
from orchestration.payment import points, shared_savings
from orchestration.payment.reasons import REASON_TEXTS
from orchestration.programs import load_portfolios
from orchestration.publication.scorecards import Report, Shown, portfolio_page, scorecard_page
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
        "p4p_score": None,
        "is_eligible": not reasons,
        "failed_reasons": reasons,
    }


def page_of(
    months: Sequence[Row] = (),
    shown: Shown | None = None,
    pictures: Mapping[str, str] = {},
    reasons: str = "",
) -> str:
    """The page of a program of which only some tables are published."""
    report = Report(program("p", None, None), savings("p", reasons), [], months, shown or Shown())
    return scorecard_page(report, AS_OF, pictures)


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
    page = page_of(months=months(calm))
    assert page.count("<svg") == 3, "the picture whole, and its two columns for a phone"
    drawn = drawn_points(page)
    assert (drawn["#1f4e79"], drawn["#b4432e"]) == (24, 0)
    wild = {**calm, 20: 300.0, 21: None}
    page = page_of(months=months(wild))
    drawn = drawn_points(page)
    assert (drawn["#1f4e79"], drawn["#b4432e"]) == (22, 1)


def drawn_points(page: str) -> Counter[str]:
    """Points of the whole picture by colour."""
    whole = page.split("<!--picture", 1)[1].split("<!--/picture-->")[0]
    return Counter(re.findall(r'aria-roledescription="point"[^>]*fill="(#[0-9a-f]{6})"', whole))


def quality(practice: str | None, met: int | None, people: int = 100, **other: object) -> Row:
    return {
        "program_id": "p",
        "measure_year": 2025,
        "measure_id": "M05",
        "population": "panel",
        "practice_id": practice,
        "practice_name": None if practice is None else f"Practice {practice}",
        "numerator_count": met,
        "denominator_count": people,
        "is_higher_better": True,
        **other,
    }


def test_practices_stand_in_a_funnel_and_a_gap_table_of_what_is_published() -> None:
    """A hidden count makes neither a point nor a line; an outlier is told as one."""
    rows = [
        *(quality(str(number), 60 + number % 5) for number in range(20)),
        quality("low", 20),
        quality("hidden", None),
        quality(None, 900, 1_000),
        quality("old", 50, measure_year=2024),
        quality("0", 30, measure_id="M06", is_higher_better=False),
    ]
    page = page_of(shown=Shown(agg_quality_measure=rows))
    listed = page.split("<h2>Practices</h2>")[1].split("</table>")[0]
    assert listed.count("<tr><td>Practice") == 15
    assert "of 21." in page, "hidden and old practices are none"
    assert "<td>Practice 0</td><td>200</td><td>65.0 %</td>" in " ".join(page.split()), "60 and 70"
    assert drawn_points(page)["#b4432e"] == 1
    heat = page.split("Gaps by practice and measure")[1].split("</table>")[0]
    assert "<th>M05</th><th>M06</th>" in heat
    cells = re.findall(r"<tr><td>Practice 0</td>(.*?)</tr>", heat)[0]
    assert re.findall(r">(\d*)</td>", cells) == ["40", "30"], "open: 40 of 100, and 30 of 100 bad"
    assert heat.count("<td></td>") == 11, "a measure without a rate is no colour"


def test_changes_and_outcomes_are_told_in_words_and_intervals() -> None:
    """The report shows what is stated beside ER use, and nothing that may not be stated."""
    change = {
        "program_id": "p",
        "outcome": "er_visits",
        "is_published_design": True,
        "verdict": "lower",
        "sentence": "It moved 8 % lower.",
        "change_ratio": 0.92,
        "bootstrap_lower": 0.88,
        "bootstrap_upper": 0.96,
        "placebo_rank": 1,
        "placebo_groups": 30,
    }
    outcome = {
        "program_id": "p",
        "outcome": "inpatient",
        "outcome_name": "Inpatient admissions",
        "unit": "per 1,000 member-years",
        "is_inference": True,
        "verdict": "similar",
        "panel_value": 51.0,
        "market_value": 50.0,
        "ratio": 1.02,
        "interval_lower": 0.97,
        "interval_upper": 1.08,
    }
    unstated = {**outcome, "outcome": "imaging", "outcome_name": "Imaging"}
    cost = {
        **outcome,
        "outcome": "cost_imaging",
        "outcome_name": "Cost of imaging",
        "ratio": 0.9,
        "price_ratio": 0.75,
        "use_ratio": 1.2,
    }
    access = {
        **unstated,
        "outcome": "ehr",
        "outcome_name": "Electronic records",
        "verdict": "described",
        "interval_lower": None,
    }
    shown = Shown(
        agg_change_versus_market=[change, {**change, "is_published_design": False}],
        agg_outcome_versus_market=[
            access,
            cost,
            outcome,
            {**unstated, "verdict": "insufficient"},
        ],
    )
    page = page_of(shown=shown)
    flat = " ".join(page.split())
    assert flat.count("It moved 8 % lower.") == 1
    assert "Among 30 market groups of similar size its place is 1 from the lowest." in flat
    assert "Inpatient admissions</td><td>51.0</td> <td>50.0</td> <td>+2.0 %</td>" in flat
    assert "Imaging</td> <td>51.00</td><td>50.00</td> <td>−10.0 %</td>" in flat
    assert "<td>−25.0 %</td><td>+20.0 %</td><td>similar</td>" in flat, "from price, from use"
    assert flat.count("Imaging<") == 1, "what is not stated is no line"
    assert flat.index("Inpatient admissions") < flat.index("Electronic records</td>")
    assert "no survey of the group" in flat


def test_a_picture_of_equal_data_is_taken_from_the_page_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred pictures a night are dear; one whose data changed must be drawn anew."""
    rows: dict[int, float | None] = {number: 200.0 + number % 3 for number in range(24)}
    first = page_of(months=months(rows))
    before = tmp_path / "p.html"
    before.write_text(first)
    kept = kept_picture(before)
    assert kept_picture(tmp_path / "none.html") == {}

    def forbidden(*_: object) -> None:
        pytest.fail("drawn again")

    with monkeypatch.context() as patch:
        patch.setattr("orchestration.pages.scorecard_charts._draw", forbidden)
        assert page_of(months=months(rows), pictures=kept) == first
    rows[23] = 250.0
    changed = page_of(months=months(rows), pictures=kept)
    assert drawn_points(changed) != drawn_points(first)


def test_pictures_drawn_by_other_processes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portfolio's pages must not depend on how many processes drew them."""
    pages = [
        Report(
            program("p", None, None),
            savings("p"),
            months=months({n: 200.0 + n % k for n in range(12)}),
        ).charts
        for k in (3, 4, 5)
    ]
    alone = draw_missing(pages, {}, 1)
    monkeypatch.setattr("orchestration.pages.scorecard_charts._WORTH_PROCESSES", 2)
    assert draw_missing(pages, {}, 2) == alone
    assert len(alone) == 3
    assert len(set(alone.values())) == 3


def test_the_report_says_why_nothing_is_paid() -> None:
    page = page_of(reasons="QUALITY_GATE,BELOW_MSR")
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
    worse = {"outcome": "quality", "is_inference": True, "ratio": 0.97}
    outcomes = {"old": [{**worse, "ratio": 1.02}], "unstated": [worse]}
    page = portfolio_page(programs, rows, [], portfolios, AS_OF, outcomes)
    flat = " ".join(page.split())
    assert "<td>all</td><td>3</td><td>1 (33 %)</td><td>2 (67 %)</td><td>1 (33 %)</td>" in flat
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
    assert named >= {
        "portfolio.html.j2",
        "scorecard.html.j2",
        "statement.html.j2",
        "statement_panel.html.j2",
        "style.css.j2",
    }


def test_a_report_says_what_practices_offer_and_how_patients_rate_them() -> None:
    """The triple aim's third part is access as well; a hidden cell is a dash, never a zero."""
    row = {
        "partner_id": "greenwich_physicians",
        "practices": 52,
        "with_extended_hours": 26,
        "with_weekend_telephone": None,
        "with_weekend_acute_care": 13,
        "with_ehr": 52,
        "with_e_prescribing": 39,
        "respondents": 2_742,
        "access_score": Decimal("0.7312"),
        "communication_score": Decimal("0.8"),
        "coordination_score": None,
        "overall_score": Decimal("0.7"),
        "overall_score_before": Decimal("0.65"),
        "survey_date": date(2025, 12, 31),
    }
    shown = Shown(agg_access_experience=[row])
    page = page_of(shown=shown)
    cells = re.findall(r"<td>([^<]*)</td>", page[page.index("Access and patients") :])
    assert cells[:7] == ["greenwich physicians", "52", "50 %", "–", "25 %", "100 %", "75 %"]
    assert cells[7:14] == [
        "greenwich physicians",
        "2,742",
        "73.1 %",
        "80.0 %",
        "–",
        "70.0 %",
        "65.0 %",
    ]


def test_the_report_tells_the_comparison_to_infer_from_and_why() -> None:
    """A headline on the published basis alone hides what the program did."""
    row = {
        "period_role": "performance",
        "partner_id": None,
        "market_basis": "all_others",
        "is_headline": True,
        "is_inference": False,
        "verdict": "similar",
        "sentence": "ER use was **similar**.",
        "percent_versus_market": -2.2,
        "sir": 0.978,
        "bootstrap_lower": 0.94,
        "bootstrap_upper": 1.01,
    }
    inferred = {
        **row,
        "market_basis": "attributed_elsewhere",
        "is_headline": False,
        "is_inference": True,
        "verdict": "lower",
        "sentence": "ER use was **7 % lower** (95 % CI 3 % to 11 % lower).",
    }
    report = Report(program("p", None, None), savings("p"), er_use=[row, inferred])
    page = " ".join(scorecard_page(report, AS_OF).split())
    assert page.index("ER use was similar.") < page.index("7 % lower (95 % CI 3 % to 11 % lower)")
    assert "infer from that one" in page
    alone = Report(program("p", None, None), savings("p"), er_use=[row])
    assert "infer from" not in scorecard_page(alone, AS_OF)
