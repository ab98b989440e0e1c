"""The charts of a performance report: one picture a page, in two columns, for desk and phone.

A conversion to SVG is dear whatever it holds, and a portfolio has a hundred pages: so all charts
are one picture, drawn once, and a phone is shown its columns one below the other.
What the charts tell is decided where rows are read (`publication/scorecards.py`).
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from orchestration.pages import SVG_FONT

if TYPE_CHECKING:
    import altair as alt

Row = Mapping[str, object]

FEWEST_POINTS = 6
_LIMITS = 2.66
"""Natural limits of single values: 3 / 1.128 mean moving ranges."""
_MEASURES = (
    ("ed_visits_per_1000", "Emergency room visits per 1,000"),
    ("inpatient_stays_per_1000", "Admissions per 1,000"),
    ("allowed_pmpm_amount", "Allowed cost, dollars a member and month"),
)
_STATED = ("lower", "similar", "higher")
_BLUE, _GREEN, _RED, _GREY = "#1f4e79", "#1b7f5c", "#b4432e", "#8a94a3"
_WIDTH, _HEIGHT, _PADDING = 330, 170, 8
_MOST_PRACTICES, _MOST_MEASURES, _LONGEST = 12, 12, 26
_OUTCOME_NAMES = {"er_visits": "ER use", "cost": "cost"}


class PageRows(Protocol):
    """Rows of the tables that a report shows where they are published."""

    @property
    def agg_change_versus_market(self) -> Sequence[Row]: ...

    @property
    def agg_quality_measure(self) -> Sequence[Row]: ...

    @property
    def agg_outcome_versus_market(self) -> Sequence[Row]: ...


@dataclass(frozen=True)
class Practice:
    """One practice's quality: raw and shrunk share of measures met, and its funnel's limits."""

    name: str
    people: int
    raw: float
    shrunk: float
    low: float
    high: float
    mean: float
    place: str
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ChartData:
    """What the picture is drawn from: plain rows, so that equal data are known to be equal."""

    forest: Sequence[Mapping[str, str | float]]
    practices: Sequence[Practice]
    runs: Sequence[Mapping[str, object]]
    heat: Sequence[Mapping[str, str | float]]
    outlook: Sequence[Mapping[str, str | float]]

    @property
    def key(self) -> str:
        """Changes with the data and with this module."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256((text + Path(__file__).read_text("utf-8")).encode()).hexdigest()[:32]


def charts_of(
    savings: Row,
    er_use: Sequence[Row],
    months: Sequence[Row],
    shown: PageRows,
    practices: Sequence[Practice],
) -> ChartData:
    """The data of every chart of a page; a chart without data is left out."""
    return ChartData(
        forest=_forest(er_use, shown),
        practices=practices,
        runs=_runs(months, savings),
        heat=[
            {"practice": practice.name[:_LONGEST], "measure": measure, "gap": 100 * (1 - rate)}
            for practice in practices[:_MOST_PRACTICES]
            for measure, rate in sorted(practice.rates.items())[:_MOST_MEASURES]
        ],
        outlook=_outlook(savings),
    )


def report_picture(data: ChartData, before: Path | None = None) -> dict[str, str] | None:
    """The picture whole (`wide`) and its two columns (`left`, `right`), with its key; None of none.

    Taken from the page `before` where that was drawn from equal data by this code.
    """
    drawn = _from_page(before, data.key) or _draw(data)
    if drawn is None:
        return None
    found = re.search(r'<svg\b[^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>', drawn)
    if found is None:
        raise ValueError("the drawn picture has no size; see altair's and vl-convert's versions")
    width, height = (float(one) for one in found.groups())
    inner = drawn[found.end() : drawn.rindex("</svg>")]
    # The first plot begins where the picture's root group stands; between the columns: right of it,
    # left of the second one's labels.
    root = re.search(r'transform="translate\(([\d.]+),', inner)
    half = width / 2 if root is None else float(root.group(1)) + _WIDTH + 18
    return {
        "key": data.key,
        "whole": drawn,
        # A colour scale is found by name, also in the picture that is hidden: so it has another.
        "inner": inner.replace("gradient_", "phone_gradient_"),
        "wide": f"0 0 {width:g} {height:g}",
        "left": f"0 0 {half:g} {height:g}",
        "right": f"{half:g} 0 {width - half:g} {height:g}",
    }


def natural_limits(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Mean, lower and upper natural limit of single values; None for fewer than six of them."""
    if len(values) < FEWEST_POINTS:
        return None
    mean = fmean(values)
    moves = [abs(after - before) for before, after in itertools.pairwise(values)]
    width = _LIMITS * fmean(moves)
    return mean, max(mean - width, 0.0), mean + width


def _from_page(before: Path | None, key: str) -> str | None:
    """The picture between its marks, where the page has one of this key."""
    if before is None:
        return None
    try:
        page = before.read_text("utf-8")
    except OSError:
        return None
    start, end = f"<!--picture {key}-->", "<!--/picture-->"
    if start not in page:
        return None
    return page.split(start, 1)[1].split(end, 1)[0].strip()


def _draw(data: ChartData) -> str | None:
    import altair as alt
    import pandas as pd
    import vl_convert

    charts = [
        chart
        for chart in (
            _forest_chart(data.forest),
            _funnel_chart(data.practices),
            *(_run_chart(run) for run in data.runs),
            _heat_chart(data.heat),
            _outlook_chart(data.outlook),
        )
        if chart is not None
    ]
    if not charts:
        return None
    if len(charts) % 2:
        # Two columns of equal width, also in the last row: the phone's pictures are their halves.
        blank = alt.Chart(pd.DataFrame([{"nothing": 0}])).mark_point(opacity=0)
        charts.append(alt.layer(blank).properties(width=_WIDTH, height=10))  # type: ignore[arg-type]
    whole = (
        alt.concat(
            *charts,
            columns=2,
            align={"row": "each", "column": "all"},
            spacing={"row": 26, "column": 40},
        )
        .resolve_scale(color="independent", x="independent", y="independent")
        .configure(
            font=SVG_FONT,
            view=alt.ViewConfig(stroke=None),
            padding=_PADDING,
            axis=alt.AxisConfig(labelFontSize=11, titleFontSize=11, titleFontWeight="normal"),
            title=alt.TitleConfig(anchor="start", fontSize=13, subtitleFontSize=11),
        )
    )
    return str(vl_convert.vegalite_to_svg(whole.to_json(validate=False)))


def _forest(er_use: Sequence[Row], shown: PageRows) -> list[Mapping[str, str | float]]:
    """Percent versus market with intervals: ER use on both bases, changes, the other outcomes."""
    bases = {"all_others": "all others", "attributed_elsewhere": "elsewhere"}
    lines: list[Mapping[str, str | float]] = []

    def add(label: str, row: Row, ratio: str, interval: str = "bootstrap") -> None:
        values = [row.get(name) for name in (ratio, f"{interval}_lower", f"{interval}_upper")]
        numbers = [value for value in values if isinstance(value, float)]
        if row["verdict"] in _STATED and len(numbers) == len(values):
            names = ("percent", "lower", "upper")
            percents = {name: 100 * (value - 1) for name, value in zip(names, numbers, strict=True)}
            lines.append({"line": label, "verdict": str(row["verdict"]), **percents})

    for row in er_use:
        if row["period_role"] == "performance":
            unit = "" if row["partner_id"] is None else f" {row['partner_id']}"
            add(f"ER use v. {bases[str(row['market_basis'])]}{unit}"[:44], row, "sir")
    for row in shown.agg_outcome_versus_market:
        if row["is_inference"] and row["outcome"] != "experience":
            add(str(row["outcome_name"]), row, "ratio", "interval")
    for row in shown.agg_change_versus_market:
        if row["is_published_design"]:
            name = f"change of {_OUTCOME_NAMES[str(row['outcome'])]} since baseline"
            add(name, row, "change_ratio")
    return lines


def _runs(months: Sequence[Row], savings: Row) -> list[Mapping[str, object]]:
    """Months that are told, and the limits of the baseline's, of each measure with enough."""
    first, last = str(savings["baseline_start_date"]), str(savings["baseline_end_date"])
    end = str(savings["performance_end_date"])
    ordered = sorted(months, key=lambda row: str(row["month_start_date"]))
    runs: list[Mapping[str, object]] = []
    for name, title in _MEASURES:
        points = [
            (str(row["month_start_date"]), float(str(row[name])))
            for row in ordered
            if row[name] is not None and str(row["month_start_date"]) <= end
        ]
        if len(points) >= FEWEST_POINTS:
            limits = natural_limits([value for month, value in points if first <= month <= last])
            runs.append({"title": title, "points": points, "limits": limits})
    return runs


def _outlook(savings: Row) -> list[Mapping[str, str | float]]:
    """Benchmark, what it would take to share, and actual cost with the fee; empty without one."""
    benchmark, savings_amount = savings["benchmark_amount"], savings["savings_amount"]
    if benchmark is None or savings_amount is None:
        return []
    whole = float(str(benchmark))
    rate = float(str(savings["msr_percent"])) / 100
    return [
        {"bar": "Benchmark", "dollars": whole, "tone": "base"},
        {"bar": "Needed to share", "dollars": whole * (1 - rate), "tone": "base"},
        {
            "bar": "Cost and fee",
            "dollars": whole - float(str(savings_amount)),
            "tone": "shared" if savings["is_eligible"] else "not shared",
        },
    ]


def _forest_chart(lines: Sequence[Mapping[str, str | float]]) -> "alt.LayerChart | None":
    import altair as alt
    import pandas as pd

    if not lines:
        return None
    base = alt.Chart(pd.DataFrame(lines))
    y = alt.Y("line:N", sort=None, title=None, axis=alt.Axis(labelLimit=190))
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(_STATED), range=[_GREEN, _GREY, _RED]),
        legend=alt.Legend(orient="bottom", title=None),
    )
    market = base.mark_rule(color=_GREY, strokeDash=[4, 3]).encode(x=alt.datum(0))
    interval = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("lower:Q", title="percent against market, with 95 % interval"),
        x2="upper:Q",
        y=y,
        color=colour,
    )
    point = base.mark_point(filled=True, size=60, opacity=1).encode(
        x="percent:Q", y=y, color=colour
    )
    return alt.layer(market, interval, point).properties(
        width=_WIDTH, height=alt.Step(24), title="Against market"
    )  # type: ignore[return-value]


def _funnel_chart(practices: Sequence[Practice]) -> "alt.LayerChart | None":
    import altair as alt
    import pandas as pd

    if len(practices) < 3:
        return None
    data = pd.DataFrame(
        [
            {
                "people": one.people,
                "raw": 100 * one.raw,
                "low": 100 * one.low,
                "high": 100 * one.high,
                "mean": 100 * one.mean,
                "place": one.place,
            }
            for one in practices
        ]
    )
    base = alt.Chart(data)
    x = alt.X("people:Q", title="members measured, all measures", scale=alt.Scale(zero=False))
    y = alt.Y("raw:Q", title="measures met, percent", scale=alt.Scale(zero=False))
    layers = [
        base.mark_line(color=_GREY, strokeDash=[4, 3]).encode(x=x, y=alt.Y("low:Q")),
        base.mark_line(color=_GREY, strokeDash=[4, 3]).encode(x=x, y=alt.Y("high:Q")),
        base.mark_line(color=_GREY).encode(x=x, y=alt.Y("mean:Q")),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            x=x,
            y=y,
            color=alt.Color(
                "place:N",
                scale=alt.Scale(domain=["below", "within", "above"], range=[_RED, _BLUE, _GREEN]),
                legend=alt.Legend(orient="bottom", title="99.8 % limits"),
            ),
        ),
    ]
    return alt.layer(*layers).properties(
        width=_WIDTH, height=_HEIGHT, title="Practices: quality in a funnel"
    )  # type: ignore[return-value]


def _run_chart(run: Mapping[str, object]) -> "alt.LayerChart | None":
    import altair as alt
    import pandas as pd

    points, limits = run["points"], run["limits"]
    if not isinstance(points, Sequence):
        return None
    levels = limits if isinstance(limits, tuple) else ()
    data = pd.DataFrame(
        [
            {
                "month": month,
                "value": value,
                "is": "outside" if levels and not levels[1] <= value <= levels[2] else "within",
            }
            for month, value in points
        ]
    )
    base = alt.Chart(data)
    x = alt.X(
        "month:T",
        title=None,
        axis=alt.Axis(format="%b %Y", labelAngle=0, grid=False, tickCount=3),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True))
    colour = alt.Color(
        "is:N", scale=alt.Scale(domain=["within", "outside"], range=[_BLUE, _RED]), legend=None
    )
    layers: list[alt.Chart] = [
        base.mark_line(color=_BLUE, strokeWidth=1.5).encode(x=x, y=y),
        base.mark_point(filled=True, size=35, opacity=1).encode(x=x, y=y, color=colour),
    ]
    for number, level in enumerate(levels):
        dash = [1, 0] if number == 0 else [4, 3]
        layers.append(base.mark_rule(color=_GREY, strokeDash=dash).encode(y=alt.datum(level)))
    return alt.layer(*layers).properties(width=_WIDTH, height=120, title=str(run["title"]))  # type: ignore[return-value]


def _heat_chart(cells: Sequence[Mapping[str, str | float]]) -> "alt.LayerChart | None":
    import altair as alt
    import pandas as pd

    if not cells:
        return None
    heat = alt.Chart(pd.DataFrame(cells)).mark_rect()
    drawn = heat.encode(
        x=alt.X("measure:N", title=None, axis=alt.Axis(labelAngle=-45)),
        y=alt.Y("practice:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
        color=alt.Color(
            "gap:Q",
            title="open, percent",
            scale=alt.Scale(scheme="orangered", domain=[0, 100]),
            legend=alt.Legend(orient="bottom", gradientLength=160),
        ),
    )
    return alt.layer(drawn).properties(
        width=_WIDTH, height=alt.Step(18), title="Gaps by practice and measure"
    )  # type: ignore[return-value]


def _outlook_chart(bars: Sequence[Mapping[str, str | float]]) -> "alt.LayerChart | None":
    import altair as alt
    import pandas as pd

    if not bars:
        return None
    low = min(float(bar["dollars"]) for bar in bars)
    high = max(float(bar["dollars"]) for bar in bars)
    floor = max(0.0, low - 0.5 * max(high - low, 0.02 * high))
    data = pd.DataFrame([{**bar, "floor": floor} for bar in bars])
    chart = alt.Chart(data)
    y = alt.Y("bar:N", sort=None, title=None)
    layer = chart.mark_bar(size=16).encode(
        x=alt.X(
            "floor:Q",
            title="dollars; the axis does not start at 0",
            scale=alt.Scale(domain=[floor, high], nice=False, zero=False),
            axis=alt.Axis(format="$.4~s", tickCount=4),
        ),
        x2="dollars:Q",
        y=y,
        color=alt.Color(
            "tone:N",
            scale=alt.Scale(domain=["base", "shared", "not shared"], range=[_BLUE, _GREEN, _RED]),
            legend=None,
        ),
    )
    return alt.layer(layer).properties(
        width=_WIDTH, height=alt.Step(28), title="Settlement outlook"
    )  # type: ignore[return-value]
