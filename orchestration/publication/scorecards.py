"""The performance report of each program and the page of the portfolio, from published tables.

They show what is published and nothing else, so what is hidden there is hidden here. Computing
results does not belong here.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import duckdb

from orchestration.pages import SVG_FONT, render
from orchestration.payment.reasons import REASON_TEXTS
from orchestration.programs import Portfolio, load_portfolios
from orchestration.settings import Settings

if TYPE_CHECKING:
    import altair as alt

SCORECARDS_DIR = "scorecards"
_STATED = ("lower", "similar", "higher")
_FEWEST_POINTS = 6
_LIMITS = 2.66
"""Natural limits of single values: 3 / 1.128 mean moving ranges."""
_MEASURES = (
    ("ed_visits_per_1000", "Emergency room visits per 1,000"),
    ("inpatient_stays_per_1000", "Admissions per 1,000"),
    ("allowed_pmpm_amount", "Allowed cost per member and month"),
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
    makes no page.
    """
    if not all((building / f"{name}.parquet").exists() for name in _TABLES):
        return
    with duckdb.connect() as connection:
        programs, savings, er_use, months = (
            _rows(connection, building / f"{name}.parquet") for name in _TABLES
        )
    folder = building / SCORECARDS_DIR
    folder.mkdir()
    by_program = {str(row["program_id"]): row for row in programs}
    for row in savings:
        program_id = str(row["program_id"])
        page = scorecard_page(
            by_program[program_id],
            row,
            [one for one in er_use if one["program_id"] == program_id],
            [one for one in months if one["program_id"] == program_id],
            as_of,
        )
        (folder / f"{program_id}.html").write_text(page, encoding="utf-8")
    page = portfolio_page(programs, savings, er_use, load_portfolios(settings), as_of)
    (folder / "portfolio.html").write_text(page, encoding="utf-8")


def scorecard_page(
    program: Row, savings: Row, er_use: Sequence[Row], months: Sequence[Row], as_of: date
) -> str:
    """One program's page: the triple aim, forest plot, run charts, settlement outlook."""
    reasons = [code for code in str(savings["failed_reasons"] or "").split(",") if code]
    ordered = sorted(months, key=lambda row: str(row["month_start_date"]))
    charts = [
        _Run(title, points, limits)
        for name, title in _MEASURES
        for points, limits in [_points(ordered, name, savings)]
        if len(points) >= _FEWEST_POINTS
    ]
    return render(
        "scorecard.html.j2",
        program=program,
        savings=savings,
        headline=_headline(er_use),
        forest=_forest(er_use),
        run_charts=_run_charts(charts) if charts else None,
        reasons=[] if savings["is_eligible"] else [REASON_TEXTS[code] for code in reasons],
        as_of=as_of,
    )


def portfolio_page(
    programs: Sequence[Row],
    savings: Sequence[Row],
    er_use: Sequence[Row],
    portfolios: Sequence[Portfolio],
    as_of: date,
) -> str:
    """All arrangements: who they are, who meets quality and cost by years in force, the goal."""
    by_program = {str(row["program_id"]): row for row in programs}
    rows = [
        _arrangement(by_program[str(row["program_id"])], row, er_use)
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


def natural_limits(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Mean, lower and upper natural limit of single values; None for fewer than six of them."""
    if len(values) < _FEWEST_POINTS:
        return None
    mean = fmean(values)
    moves = [abs(after - before) for before, after in itertools.pairwise(values)]
    width = _LIMITS * fmean(moves)
    return mean, max(mean - width, 0.0), mean + width


def _rows(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Row]:
    found = connection.execute("from read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def _headline(er_use: Sequence[Row]) -> Row | None:
    return next((row for row in er_use if row["is_headline"]), None)


def _forest(er_use: Sequence[Row]) -> str | None:
    from orchestration.outcomes.er_use import PERFORMANCE, ErUseRow
    from orchestration.outcomes.report import interval_chart

    names = [field.name for field in fields(ErUseRow)]
    rows = [ErUseRow(**{name: row[name] for name in names}) for row in er_use]  # type: ignore[arg-type]
    is_stated = any(row.verdict in _STATED and row.period_role == PERFORMANCE for row in rows)
    return interval_chart(rows).decode() if is_stated else None


def _points(
    months: Sequence[Row], name: str, savings: Row
) -> tuple[list[tuple[str, float]], tuple[float, float, float] | None]:
    """Months that are shown, and the limits of the baseline's."""
    shown = [
        (str(row["month_start_date"]), float(str(row[name])))
        for row in months
        if row[name] is not None
    ]
    first, last = str(savings["baseline_start_date"]), str(savings["baseline_end_date"])
    shown = [point for point in shown if point[0] <= str(savings["performance_end_date"])]
    base = [value for month, value in shown if first <= month <= last]
    return shown, natural_limits(base)


@dataclass(frozen=True)
class _Run:
    """A measure's months, and mean, lower and upper limit of the baseline's."""

    title: str
    points: Sequence[tuple[str, float]]
    limits: tuple[float, float, float] | None

    def is_outside(self, value: float) -> bool:
        return self.limits is not None and not self.limits[1] <= value <= self.limits[2]


def _run_charts(runs: Sequence[_Run]) -> dict[str, str]:
    """All run charts of a page as one SVG for a desk and one for a phone."""
    import altair as alt
    import vl_convert

    pictures = {}
    for name, width in (("wide", 700), ("narrow", 280)):
        chart = alt.vconcat(*(_run_chart(run, width) for run in runs), spacing=22).configure(
            font=SVG_FONT, view=alt.ViewConfig(stroke=None)
        )
        pictures[name] = str(vl_convert.vegalite_to_svg(chart.to_json(validate=False)))
    return pictures


def _run_chart(run: _Run, width: int) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt
    import pandas as pd

    tones = {False: "within", True: "outside its limits"}
    data = pd.DataFrame(
        [
            {"month": month, "value": value, "is": tones[run.is_outside(value)]}
            for month, value in run.points
        ]
    )
    base = alt.Chart(data)
    x = alt.X(
        "month:T",
        title=None,
        axis=alt.Axis(format="%b %Y", labelAngle=0, grid=False, tickCount=width // 100),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True))
    colour = alt.Color(
        "is:N",
        scale=alt.Scale(domain=list(tones.values()), range=["#1f4e79", "#b4432e"]),
        legend=None,
    )
    layers: list[alt.Chart] = [
        base.mark_line(color="#1f4e79", strokeWidth=1.5).encode(x=x, y=y),
        base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour),
    ]
    for number, level in enumerate(run.limits or ()):
        dash = [1, 0] if number == 0 else [4, 3]
        layers.append(base.mark_rule(color="#8a94a3", strokeDash=dash).encode(y=alt.datum(level)))
    title = alt.TitleParams(run.title, anchor="start", fontSize=13)
    return alt.layer(*layers).properties(width=width, height=140, title=title)


def _arrangement(program: Row, savings: Row, er_use: Sequence[Row]) -> dict[str, object]:
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
        "is_quality_met": not reasons & {"REPORTING_FAILED", "QUALITY_GATE"},
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
