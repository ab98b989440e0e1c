"""The performance report of each program and the page of the portfolio, from published tables.

They show what is published and nothing else, so what is hidden there is hidden here. Computing
results does not belong here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from orchestration.outcomes.er_row import INSUFFICIENT
from orchestration.outcomes.outcome_row import DESCRIBED, NAMES
from orchestration.outcomes.practices import standings
from orchestration.pages import render
from orchestration.pages.scorecard_charts import draw_missing, kept_picture, report_picture
from orchestration.pages.scorecard_data import COST_PREFIX, ChartData, Practice, charts_of, gaps_of
from orchestration.payment.reasons import REASON_TEXTS
from orchestration.programs import Portfolio, load_portfolios
from orchestration.settings import Settings

SCORECARDS_DIR = "scorecards"
_OPTIONAL_TABLES = (
    "agg_change_versus_market",
    "agg_change_detail",
    "agg_quality_measure",
    "agg_outcome_versus_market",
    "agg_access_experience",
)

_TABLES = (
    "dim_program",
    "agg_shared_savings",
    "agg_er_use_versus_market",
    "agg_program_utilization",
)

Row = Mapping[str, object]


def write_scorecards(settings: Settings, building: Path, as_of: date) -> None:
    """Write `scorecards/<program>.html` and `scorecards/portfolio.html` of a generation.

    Reads the tables that lie in the building folder already; one that is not published there
    makes no page. A picture of equal data is taken from the page that is published now.
    """
    if not all((building / f"{name}.parquet").exists() for name in _TABLES):
        return
    programs, savings, er_use, months = (published_rows(building, name) for name in _TABLES)
    others = {name: _by_program(published_rows(building, name)) for name in _OPTIONAL_TABLES}
    of_er, of_months = _by_program(er_use), _by_program(months)
    folder = building / SCORECARDS_DIR
    folder.mkdir()
    by_program = {str(row["program_id"]): row for row in programs}
    reports = {
        program_id: Report(
            by_program[program_id],
            row,
            of_er.get(program_id, []),
            of_months.get(program_id, []),
            Shown(**{name: rows.get(program_id, []) for name, rows in others.items()}),
        )
        for program_id, row in ((str(row["program_id"]), row) for row in savings)
    }
    known: dict[str, str] = {}
    for program_id in reports:
        published = settings.published_dir / "current" / SCORECARDS_DIR / f"{program_id}.html"
        known |= kept_picture(published)
    pictures = draw_missing([one.charts for one in reports.values()], known, settings.threads)
    for program_id, report in reports.items():
        page = scorecard_page(report, as_of, pictures)
        (folder / f"{program_id}.html").write_text(page, encoding="utf-8")
    outcomes = others["agg_outcome_versus_market"]
    page = portfolio_page(programs, savings, er_use, load_portfolios(settings), as_of, outcomes)
    (folder / "portfolio.html").write_text(page, encoding="utf-8")


@dataclass(frozen=True)
class Shown:
    """Rows of a program from the tables that a page shows where they are published."""

    agg_change_versus_market: Sequence[Row] = ()
    agg_change_detail: Sequence[Row] = ()
    agg_quality_measure: Sequence[Row] = ()
    agg_outcome_versus_market: Sequence[Row] = ()
    agg_access_experience: Sequence[Row] = ()


@dataclass(frozen=True)
class Report:
    """Everything one program's page shows, as it is published."""

    program: Row
    savings: Row
    er_use: Sequence[Row] = ()
    months: Sequence[Row] = ()
    shown: Shown = Shown()

    @cached_property
    def practices(self) -> Sequence[Practice]:
        return _practices(self.shown.agg_quality_measure, self.savings)

    @cached_property
    def charts(self) -> ChartData:
        return charts_of(self.savings, self.er_use, self.months, self.shown, self.practices)


def scorecard_page(report: Report, as_of: date, pictures: Mapping[str, str] = {}) -> str:
    """One program's page: the triple aim, one picture of all charts, tables, settlement outlook.

    `pictures` are those drawn already, by key.
    """
    savings, shown = report.savings, report.shown
    stated = _stated_outcomes(shown.agg_outcome_versus_market)
    reasons = [code for code in str(savings["failed_reasons"] or "").split(",") if code]
    return render(
        "scorecard.html.j2",
        program=report.program,
        savings=savings,
        headline=_headline(report.er_use),
        inferred=_inferred(report.er_use),
        outcomes=[row for row in stated if not _is_cost(row)],
        costs=[row for row in stated if _is_cost(row)],
        experience=_outcome(shown.agg_outcome_versus_market, "experience"),
        access=shown.agg_access_experience,
        changes=[row for row in shown.agg_change_versus_market if row["is_published_design"]],
        practices=report.practices,
        gaps=gaps_of(report.practices),
        picture=report_picture(report.charts, pictures),
        reasons=[] if savings["is_eligible"] else [REASON_TEXTS[code] for code in reasons],
        as_of=as_of,
    )


def portfolio_page(
    programs: Sequence[Row],
    savings: Sequence[Row],
    er_use: Sequence[Row],
    portfolios: Sequence[Portfolio],
    as_of: date,
    outcomes: Mapping[str, Sequence[Row]] = {},
) -> str:
    """All arrangements: who they are, who meets quality and cost by years in force, the goal."""
    by_program = {str(row["program_id"]): row for row in programs}
    rows = [
        _arrangement(
            by_program[str(row["program_id"])],
            row,
            er_use,
            _outcome(outcomes.get(str(row["program_id"]), []), "quality"),
        )
        for row in sorted(savings, key=lambda row: str(row["program_name"]))
    ]
    members = sum((Decimal(str(row["members"])) for row in rows), Decimal(0))
    clinicians = [row["clinicians"] for row in rows if row["clinicians"] is not None]
    return render(
        "portfolio.html.j2",
        rows=rows,
        states=sorted({str(row["state"]) for row in rows}),
        members=members,
        clinicians=sum(int(str(count)) for count in clinicians),
        stated_clinicians=len(clinicians),
        portfolios=[_goal(one, len(rows), members) for one in portfolios],
        met=[_met(rows, least) for least in (0, 1, 2)],
        as_of=as_of,
    )


def published_rows(building: Path, name: str) -> list[Row]:
    """Rows of a table of the generation that is being built; none where it is not published."""
    path = building / f"{name}.parquet"
    if not path.exists():
        return []
    rows: list[Row] = pq.read_table(path).to_pylist()
    return rows


def _headline(er_use: Sequence[Row]) -> Row | None:
    return next((row for row in er_use if row["is_headline"]), None)


def _inferred(er_use: Sequence[Row]) -> Row | None:
    """The whole program's row to infer from, where it can be stated."""
    return next(
        (
            row
            for row in er_use
            if row["is_inference"] and row["partner_id"] is None and row["verdict"] != INSUFFICIENT
        ),
        None,
    )


def _by_program(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["program_id"])].append(row)
    return found


def _practices(measures: Sequence[Row], savings: Row) -> list[Practice]:
    """Each practice's quality: shares of measures met, lower is better reversed, drawn to the mean.

    Of the last measurement year in the performance period, and of practices whose counts are told.
    """
    end = savings["performance_end_date"]
    years = {row["measure_year"] for row in measures if isinstance(row["measure_year"], int)}
    year = max((one for one in years if isinstance(end, date) and one <= end.year), default=None)
    met: dict[str, int] = defaultdict(int)
    people: dict[str, int] = defaultdict(int)
    names: dict[str, str] = {}
    rates: dict[str, dict[str, float]] = defaultdict(dict)
    for row in measures:
        practice, denominator = row["practice_id"], row["denominator_count"]
        numerator = row["numerator_count"]
        if (
            row["measure_year"] != year
            or row["population"] != "panel"
            or practice in (None, "none")
            or not isinstance(numerator, int)
            or not isinstance(denominator, int)
            or not denominator
        ):
            continue
        good = numerator if row["is_higher_better"] else denominator - numerator
        key = str(practice)
        met[key] += good
        people[key] += denominator
        names[key] = str(row["practice_name"] or practice)
        rates[key][str(row["measure_id"])] = good / denominator
    ordered = sorted(people, key=lambda key: (-people[key], key))
    placed = standings([(met[key], people[key]) for key in ordered])
    return [
        Practice(names[key], people[key], one, rates[key])
        for key, one in zip(ordered, placed, strict=True)
    ]


def _outcome(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if row["outcome"] == name and row["is_inference"]), None)


def _stated_outcomes(rows: Sequence[Row]) -> list[Row]:
    """What is compared, then what is described, each in the order of its names."""
    order = list(NAMES)
    told = [row for row in rows if row["is_inference"] and row["verdict"] != INSUFFICIENT]
    return sorted(
        told, key=lambda row: (row["verdict"] == DESCRIBED, order.index(str(row["outcome"])))
    )


def _is_cost(row: Row) -> bool:
    return str(row["outcome"]).startswith(COST_PREFIX)


def _arrangement(
    program: Row, savings: Row, er_use: Sequence[Row], index: Row | None
) -> dict[str, object]:
    """Quality is met by the gate and an index that is at least the market's, where it is known."""
    ratio = None if index is None else index["ratio"]
    reasons = set(str(savings["failed_reasons"] or "").split(","))
    trend = savings["trend_difference_points"]
    headline = _headline([one for one in er_use if one["program_id"] == savings["program_id"]])
    since = program["effective_date"]
    end = savings["performance_end_date"]
    return {
        "name": savings["program_name"],
        "state": program["market_state"],
        "since": since,
        "years": _years(since, end),
        "members": savings["average_members"],
        "clinicians": program["expected_clinicians"],
        "quality": savings["quality_score"],
        "index": ratio,
        "is_quality_met": not reasons & {"REPORTING_FAILED", "QUALITY_GATE"}
        and (not isinstance(ratio, float) or ratio >= 1),
        "trend": trend,
        "is_cost_met": trend is not None and Decimal(str(trend)) <= 0,
        "er": headline["verdict"] if headline else "–",
        "savings": savings["savings_percent"],
        "paid": savings["payment_amount"],
    }


def _years(since: object, end: object) -> int:
    """Completed years in force; 0 where the start is not stated."""
    if not isinstance(since, date) or not isinstance(end, date):
        return 0
    return end.year - since.year - ((end.month, end.day) < (since.month, since.day))


def _met(rows: Sequence[Mapping[str, object]], least: int) -> dict[str, object]:
    counted = [row for row in rows if int(str(row["years"])) >= least]

    def share(*names: str) -> str:
        if not counted:
            return "–"
        met = sum(all(row[name] for name in names) for row in counted)
        return f"{met} ({100 * met / len(counted):.0f} %)"

    return {
        "label": "all" if not least else f"at least {least}",
        "count": len(counted),
        "quality": share("is_quality_met"),
        "cost": share("is_cost_met"),
        "both": share("is_quality_met", "is_cost_met"),
    }


def _goal(portfolio: Portfolio, arrangements: int, members: Decimal) -> dict[str, object]:
    stated, goal = portfolio.commercial, portfolio.goal
    bars = (
        ("Arrangements", Decimal(arrangements), stated.arrangements.count, goal.arrangements),
        ("Members", members, stated.members.count, goal.members),
    )
    return {
        "payer": portfolio.payer,
        "year": goal.year,
        "bars": [
            {
                "label": label,
                "here": here,
                "stated": said,
                "goal": aim,
                "percent": f"{min(100 * float(here) / aim, 100):.2f}",
            }
            for label, here, said, aim in bars
        ],
    }
