"""Change against baseline as a person looks at it: one picture and a text table (METHODS H.5).

Nothing is computed here, and nothing is read but the results.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.outcomes.change import (
    ATT,
    BALANCE,
    COST,
    ER_VISITS,
    PLACEBO,
    QUARTER,
    ChangeRow,
    DetailRow,
)

if TYPE_CHECKING:
    import altair as alt

_BLUE, _GREY, _RED = "#1f4e79", "#9ca3af", "#b4432e"
_NAMES = {ER_VISITS: "ER use", COST: "cost"}


def change_chart(rows: Sequence[ChangeRow], details: Sequence[DetailRow], width: int = 460) -> str:
    """SVG of one program: event study, placebo distribution and love plot; empty without them."""
    import altair as alt
    import vl_convert

    parts = [
        part
        for part in (
            _event_study(details, width),
            _placebos(rows, details, width),
            _love_plot(details, width),
        )
        if part is not None
    ]
    if not parts:
        return ""
    chart = alt.vconcat(*parts, spacing=26).configure(
        font="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
        view=alt.ViewConfig(stroke=None),
    )
    return str(vl_convert.vegalite_to_svg(chart.to_json(validate=False)))


def markdown_table(rows: Sequence[ChangeRow]) -> str:
    """One line a program, outcome and weighting; nothing that may not be stated."""
    lines = [
        "| program | outcome | weighting | change | 95 % CI | pre-trend | rank among groups |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for row in rows:
        is_stated = row.verdict in ("lower", "similar", "higher")
        parallel = {None: "", True: "parallel", False: "moved apart"}[row.is_pre_trend_parallel]
        rank = f"{row.placebo_rank} of {row.placebo_groups + 1}" if row.placebo_rank else ""
        change = interval = ""
        if is_stated and row.bootstrap_lower is not None and row.bootstrap_upper is not None:
            change = f"{row.change_percent:+.1f} %"
            interval = (
                f"{100 * (row.bootstrap_lower - 1):+.1f} to {100 * (row.bootstrap_upper - 1):+.1f}"
            )
        lines.append(
            f"| {row.program_name} | {_NAMES[row.outcome]} | {row.weighting} | {change} "
            f"| {interval} | {parallel} | {rank} |"
        )
    return "\n".join(lines)


def _event_study(details: Sequence[DetailRow], width: int) -> "alt.FacetChart | None":
    import altair as alt
    import pandas as pd

    lines = [line for line in details if line.part == QUARTER and line.ratio is not None]
    if not lines:
        return None
    data = pd.DataFrame(
        [
            {
                "outcome": _NAMES[line.outcome],
                "quarter": line.item_number + 1,
                "percent": 100 * ((line.ratio or 1.0) - 1),
                "when": line.level,
            }
            for line in lines
        ]
    )
    base = alt.Chart(data)
    x = alt.X("quarter:O", title="quarter from the baseline's first", axis=alt.Axis(labelAngle=0))
    y = alt.Y("percent:Q", title="percent from baseline")
    colour = alt.Color(
        "when:N",
        title="program",
        scale=alt.Scale(domain=["before", "after"], range=[_GREY, _BLUE]),
    )
    zero = base.mark_rule(color=_GREY, strokeDash=[4, 3]).encode(y=alt.datum(0))
    line = base.mark_line(color=_GREY, strokeWidth=1).encode(x=x, y=y)
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour)
    return (
        alt.layer(zero, line, point)
        .properties(width=width, height=110)
        .facet(row=alt.Row("outcome:N", title=None))
        .properties(
            title=alt.TitleParams(
                "Panel against weighted market, quarter by quarter", anchor="start"
            )
        )
    )


def _placebos(
    rows: Sequence[ChangeRow], details: Sequence[DetailRow], width: int
) -> "alt.LayerChart | alt.FacetChart | None":
    import altair as alt
    import pandas as pd

    groups = [
        {"outcome": _NAMES[line.outcome], "percent": 100 * (line.ratio - 1)}
        for line in details
        if line.part == PLACEBO and line.ratio is not None
    ]
    own = [
        {"outcome": _NAMES[row.outcome], "percent": row.change_percent}
        for row in rows
        if row.weighting == ATT and row.verdict != "insufficient"
    ]
    if not groups or not own:
        return None
    y = alt.Y("outcome:N", title=None)
    x = alt.X("percent:Q", title="change against the rest of the market, percent")
    ticks = alt.Chart(pd.DataFrame(groups)).mark_tick(color=_GREY, thickness=1.5, height=18)
    program = alt.Chart(pd.DataFrame(own)).mark_point(
        filled=True, size=110, color=_RED, shape="diamond", opacity=1
    )
    return alt.layer(ticks.encode(x=x, y=y), program.encode(x=x, y=y)).properties(
        width=width,
        height=alt.Step(34),
        title=alt.TitleParams(
            "The program (diamond) among market groups of similar size", anchor="start"
        ),
    )


def _love_plot(
    details: Sequence[DetailRow], width: int
) -> "alt.LayerChart | alt.FacetChart | None":
    import altair as alt
    import pandas as pd

    lines = [line for line in details if line.part == BALANCE]
    if not lines:
        return None
    data = pd.DataFrame(
        [
            {"level": f"{line.item}: {line.level}", "difference": abs(value), "market": market}
            for line in lines
            for market, value in (
                ("as it is", line.difference_before),
                ("weighted", line.difference_after),
            )
            if value is not None
        ]
    )
    order = [f"{line.item}: {line.level}" for line in lines]
    y = alt.Y("level:N", sort=order, title=None, axis=alt.Axis(labelLimit=220))
    base = alt.Chart(data)
    limit = base.mark_rule(color=_RED, strokeDash=[4, 3]).encode(x=alt.datum(0.1))
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X(
            "difference:Q",
            title="standardised difference (limit 0.1)",
            scale=alt.Scale(domainMin=0),
        ),
        y=y,
        color=alt.Color(
            "market:N",
            title="market",
            scale=alt.Scale(domain=["as it is", "weighted"], range=[_GREY, _BLUE]),
        ),
    )
    return alt.layer(limit, points).properties(
        width=width,
        height=alt.Step(17),
        title=alt.TitleParams("Balance of what was known before the baseline", anchor="start"),
    )
