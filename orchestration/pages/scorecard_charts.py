"""The charts of a performance report: one picture a page, in two columns, for desk and phone.

A conversion to SVG is dear whatever it holds, and a portfolio has a hundred pages: so all charts
are one picture, drawn once, and a phone is shown its columns one below the other.
What the charts tell is decided elsewhere (`scorecard_data.py`).
"""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.pages import SVG_FONT
from orchestration.pages.drawing import Data, svg_filled
from orchestration.pages.scorecard_data import STATED, ChartData

if TYPE_CHECKING:
    import altair as alt

    _Layered = alt.LayerChart | alt.FacetChart

_BLUE, _GREEN, _RED, _GREY, _AMBER = "#1f4e79", "#1b7f5c", "#b4432e", "#8a94a3", "#b7791f"
_WIDTH, _HEIGHT, _PADDING = 330, 170, 8
_WORTH_PROCESSES, _MOST_PROCESSES = 16, 4


@dataclass(frozen=True)
class Shape:
    """Which charts a picture holds; pictures of one shape differ in their data alone."""

    charts: tuple[str, ...]
    run_titles: tuple[str, ...]


def report_picture(data: ChartData, known: Mapping[str, str]) -> dict[str, str] | None:
    """The picture whole (`wide`) and its two columns (`left`, `right`), with its key; None of none.

    Taken from `known`, pictures by key, where it is there.
    """
    key = data.key(_code())
    drawn = known.get(key) or _draw(data)
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
        "key": key,
        "whole": drawn,
        "inner": inner,
        "wide": f"0 0 {width:g} {height:g}",
        "left": f"0 0 {half:g} {height:g}",
        "right": f"{half:g} 0 {width - half:g} {height:g}",
    }


@lru_cache(maxsize=1)
def _code() -> str:
    """The code that decides how a picture looks."""
    folder = Path(__file__).parent
    names = ("drawing.py", "scorecard_charts.py", "scorecard_data.py")
    return "".join((folder / name).read_text("utf-8") for name in names)


def kept_picture(page: Path) -> dict[str, str]:
    """The picture of a page that was written before, by its key; empty where there is none."""
    try:
        text = page.read_text("utf-8")
    except OSError:
        return {}
    found = re.search(r"<!--picture (\w+)-->(.*?)<!--/picture-->", text, re.DOTALL)
    return {found.group(1): found.group(2).strip()} if found else {}


def draw_missing(
    pages: Sequence[ChartData], known: Mapping[str, str], processes: int
) -> dict[str, str]:
    """`known` and every other page's picture by key, drawn by several processes if many are."""
    wanted = {data.key(_code()): data for data in pages}
    missing = {key: data for key, data in wanted.items() if key not in known}
    if len(missing) < _WORTH_PROCESSES or processes < 2:
        drawn = [_draw(data) for data in missing.values()]
    else:
        # Spawned: a copy of a process that holds the engine and its threads may hang.
        context = get_context("spawn")
        with ProcessPoolExecutor(min(processes, _MOST_PROCESSES), context) as pool:
            drawn = list(pool.map(_draw, missing.values(), chunksize=4))
    found = {key: svg for key, svg in zip(missing, drawn, strict=True) if svg is not None}
    return {**known, **found}


def _draw(data: ChartData) -> str | None:
    rows: Data = {
        "forest": data.forest,
        "funnel": data.funnel,
        "outlook": data.outlook,
        "quarters": data.quarters,
        "placebos": data.placebos if data.own else (),
        "own": data.own if data.placebos else (),
        "balance": data.balance,
    }
    for number, run in enumerate(data.runs):
        rows = {**rows, f"run_{number}": run.points, f"limits_{number}": run.limits}
    drawn = {name: of_name for name, of_name in rows.items() if of_name}
    if not drawn:
        return None
    titles = tuple(run.title for run in data.runs)
    return svg_filled(_charts, Shape(tuple(drawn), titles), drawn)


def _charts(shape: Shape) -> "alt.ConcatChart":
    """Every chart of the shape, in the order they are read; each names its data."""
    import altair as alt

    makers = {
        "forest": _forest_chart,
        "funnel": _funnel_chart,
        "outlook": _outlook_chart,
        "quarters": _quarters_chart,
        "placebos": _placebos_chart,
        "balance": _balance_chart,
    }
    charts = {name: make for name, make in makers.items() if name in shape.charts}
    drawn: list[_Layered] = [
        make() for name, make in charts.items() if name in ("forest", "funnel")
    ]
    for number, title in enumerate(shape.run_titles):
        drawn.append(_run_chart(number, title, f"limits_{number}" in shape.charts))
    drawn += [make() for name, make in charts.items() if name not in ("forest", "funnel")]
    if len(drawn) % 2:
        # Two columns of equal width, also in the last row: the phone's pictures are their halves.
        blank = alt.Chart(alt.InlineData([{}])).mark_point(opacity=0)
        drawn.append(alt.layer(blank, width=_WIDTH, height=10))
    whole: alt.ConcatChart = (
        alt.concat(
            *drawn,
            columns=2,
            align={"row": "each", "column": "all"},
            spacing={"row": 26, "column": 40},
        )
        .resolve_scale(
            color="independent",
            shape="independent",
            strokeDash="independent",
            x="independent",
            y="independent",
        )
        .configure(
            font=SVG_FONT,
            view=alt.ViewConfig(stroke=None),
            padding=_PADDING,
            axis=alt.AxisConfig(labelFontSize=11, titleFontSize=11, titleFontWeight="normal"),
            title=alt.TitleConfig(anchor="start", fontSize=13, subtitleFontSize=11),
        )
    )
    return whole


def _of(name: str) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.NamedData(name=name))


def _forest_chart() -> "_Layered":
    import altair as alt

    base = _of("forest")
    y = alt.Y("line:N", sort=None, title=None, axis=alt.Axis(labelLimit=190))
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(STATED), range=[_GREEN, _GREY, _RED]),
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
    return alt.layer(
        market, interval, point, width=_WIDTH, height=alt.Step(24), title="Against market"
    )


def _funnel_chart() -> "_Layered":
    import altair as alt

    base = _of("funnel")
    x = alt.X("people:Q", title="members measured, all measures", scale=alt.Scale(zero=False))
    y = alt.Y("raw:Q", title="measures met, percent", scale=alt.Scale(zero=False))
    return alt.layer(
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
        width=_WIDTH,
        height=_HEIGHT,
        title="Practices: quality in a funnel",
    )


def _run_chart(number: int, title: str, has_limits: bool) -> "_Layered":
    import altair as alt

    base = _of(f"run_{number}")
    x = alt.X(
        "month:T",
        title=None,
        axis=alt.Axis(format="%b %Y", labelAngle=0, grid=False, tickCount=3),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True))
    colour = alt.Color(
        "is:N", scale=alt.Scale(domain=["within", "outside"], range=[_BLUE, _RED]), legend=None
    )
    layers = [
        base.mark_line(color=_BLUE, strokeWidth=1.5).encode(x=x, y=y),
        base.mark_point(filled=True, size=35, opacity=1).encode(x=x, y=y, color=colour),
    ]
    if has_limits:
        dash = alt.StrokeDash(
            "kind:N",
            scale=alt.Scale(domain=["mean", "limit"], range=[[1, 0], [4, 3]]),
            legend=None,
        )
        rules = _of(f"limits_{number}").mark_rule(color=_GREY)
        layers.append(rules.encode(y=alt.Y("level:Q", title=None), strokeDash=dash))
    return alt.layer(*layers, width=_WIDTH, height=120, title=title)


def _outlook_chart() -> "_Layered":
    import altair as alt

    bars = (
        _of("outlook")
        .mark_bar(size=16)
        .encode(
            x=alt.X(
                "floor:Q",
                title="dollars; the axis does not start at 0",
                scale=alt.Scale(nice=False, zero=False),
                axis=alt.Axis(format="$.4~s", tickCount=4),
            ),
            x2="dollars:Q",
            y=alt.Y("bar:N", sort=None, title=None),
            color=alt.Color(
                "tone:N",
                scale=alt.Scale(
                    domain=["base", "shared", "not shared"], range=[_BLUE, _GREEN, _RED]
                ),
                legend=None,
            ),
        )
    )
    return alt.layer(bars, width=_WIDTH, height=alt.Step(28), title="Settlement outlook")


def _outcome_colour() -> "alt.Color":
    import altair as alt

    return alt.Color(
        "outcome:N",
        scale=alt.Scale(domain=["ER use", "cost"], range=[_BLUE, _AMBER]),
        legend=alt.Legend(orient="bottom", title=None),
    )


def _quarters_chart() -> "_Layered":
    import altair as alt

    base = _of("quarters")
    x = alt.X("quarter:O", title="quarter from the baseline's first", axis=alt.Axis(labelAngle=0))
    y = alt.Y("percent:Q", title="percent from baseline")
    when = alt.Shape(
        "when:N",
        scale=alt.Scale(domain=["before", "after"], range=["circle", "diamond"]),
        legend=alt.Legend(orient="bottom", title="program"),
    )
    return alt.layer(
        base.mark_rule(color=_GREY, strokeDash=[4, 3]).encode(y=alt.datum(0)),
        base.mark_line(strokeWidth=1).encode(x=x, y=y, color=_outcome_colour()),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=x, y=y, color=_outcome_colour(), shape=when
        ),
        width=_WIDTH,
        height=_HEIGHT,
        title="Panel against weighted market, by quarter",
    )


def _placebos_chart() -> "_Layered":
    import altair as alt

    y = alt.Y("outcome:N", title=None)
    x = alt.X("percent:Q", title="change against the rest of the market, percent")
    return alt.layer(
        _of("placebos").mark_tick(color=_GREY, thickness=1.5, height=18).encode(x=x, y=y),
        _of("own")
        .mark_point(filled=True, size=110, color=_RED, shape="diamond", opacity=1)
        .encode(x=x, y=y),
        width=_WIDTH,
        height=alt.Step(34),
        title="The program (diamond) among market groups",
    )


def _balance_chart() -> "_Layered":
    import altair as alt

    base = _of("balance")
    points = base.mark_point(filled=True, size=50, opacity=1).encode(
        x=alt.X(
            "difference:Q",
            title="standardised difference (limit 0.1)",
            scale=alt.Scale(domainMin=0),
        ),
        y=alt.Y("level:N", sort=None, title=None, axis=alt.Axis(labelLimit=190)),
        color=alt.Color(
            "market:N",
            scale=alt.Scale(domain=["as it is", "weighted"], range=[_GREY, _BLUE]),
            legend=alt.Legend(orient="bottom", title="market"),
        ),
    )
    return alt.layer(
        base.mark_rule(color=_RED, strokeDash=[4, 3]).encode(x=alt.datum(0.1)),
        points,
        width=_WIDTH,
        height=alt.Step(15),
        title="Balance of what was known before the baseline",
    )
