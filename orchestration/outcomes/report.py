"""ER results as a person looks at them: an interval picture and a text table (METHODS H.7).

Nothing is computed here, and nothing is read but the results.
"""

import textwrap
from collections.abc import Sequence

from orchestration.outcomes.er_row import ALL_OTHERS, PERFORMANCE, ErUseRow
from orchestration.pages.drawing import svg_of

_BASIS_NAMES = {
    ALL_OTHERS: "all others (published)",
    "attributed_elsewhere": "attributed elsewhere",
}
_MOST_LINES = 60
_VERDICTS = ("lower", "similar", "higher")
_COLOURS = ("#1b7f5c", "#6b7280", "#b4432e")


def interval_chart(rows: Sequence[ErUseRow]) -> bytes:
    """SVG of the performance year: percent versus market with its 95 % release interval.

    One line per reporting unit and basis; units of which nothing may be stated are listed in the
    subtitle instead of drawn, so that no one reads a small cell from the picture. Of a portfolio
    only the first lines are drawn: every program's report has its own.
    """
    import altair as alt

    performance = [row for row in rows if row.period_role == PERFORMANCE]
    drawn = [row for row in performance if row.verdict in _VERDICTS][:_MOST_LINES]
    stated = {row.reporting_unit_name for row in performance if row.verdict in _VERDICTS}
    left_out = sorted({row.reporting_unit_name for row in performance} - stated)
    data = alt.InlineData(
        [
            {
                "unit": row.reporting_unit_name,
                "basis": _BASIS_NAMES.get(row.market_basis, row.market_basis),
                "percent": row.percent_versus_market,
                "lower": 100 * ((row.bootstrap_lower or 0.0) - 1),
                "upper": 100 * ((row.bootstrap_upper or 0.0) - 1),
                "verdict": row.verdict,
            }
            for row in drawn
        ]
    )
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(_VERDICTS), range=list(_COLOURS)),
        title="ER use is",
    )
    line = alt.Y("basis:N", title=None, axis=alt.Axis(labelLimit=200))
    base = alt.Chart(data)
    market = base.mark_rule(color="#9ca3af", strokeDash=[4, 3]).encode(x=alt.datum(0))
    interval = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("lower:Q", title="percent versus market, with 95 % interval"),
        x2="upper:Q",
        y=line,
        color=colour,
    )
    point = base.mark_point(filled=True, size=70, opacity=1).encode(
        x="percent:Q", y=line, color=colour
    )
    subtitle = ["treat-and-release visits, adjusted for age, sex and conditions known before"]
    if len(stated) > len({row.reporting_unit_name for row in drawn}):
        subtitle.append(f"the first of {len(stated)} units; all are in the table and in reports")
    if left_out:
        subtitle += textwrap.wrap(f"too few to state: {', '.join(left_out)}", width=100)
    chart = (
        alt.layer(market, interval, point)
        .properties(width=460, height=44)
        .facet(
            row=alt.Row(
                "unit:N",
                title=None,
                header=alt.Header(labelAngle=0, labelAlign="left", labelLimit=260),
            )
        )
        .properties(
            title=alt.TitleParams("ER use versus market", subtitle=subtitle, anchor="start")
        )
        .resolve_scale(x="shared")
    )
    return svg_of(chart).encode()


def markdown_table(rows: Sequence[ErUseRow]) -> str:
    """The performance year as a Markdown table; no small count, no difference unstated."""
    lines = [
        "| unit | basis | headline | observed | expected | versus market | 95 % CI | verdict |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        if row.period_role != PERFORMANCE:
            continue
        shown = not row.is_suppressed
        lines.append(
            f"| {row.reporting_unit_name} | {row.market_basis} "
            f"| {'yes' if row.is_headline else ''} "
            f"| {_number(row.observed_visits, ',d', shown)} "
            f"| {_number(row.expected_visits, ',.0f', shown)} "
            f"| {_difference(row)} "
            f"| {_interval(row)} "
            f"| {row.verdict} |"
        )
    return "\n".join(lines)


def _difference(row: ErUseRow) -> str:
    if row.verdict not in _VERDICTS or row.percent_versus_market is None:
        return ""
    return f"{row.percent_versus_market:+.1f} %"


def _interval(row: ErUseRow) -> str:
    if row.verdict not in _VERDICTS or row.bootstrap_lower is None or row.bootstrap_upper is None:
        return ""
    return f"{100 * (row.bootstrap_lower - 1):+.1f} to {100 * (row.bootstrap_upper - 1):+.1f} %"


def _number(value: int | float | None, form: str, is_shown: bool) -> str:
    if not is_shown:
        return "\\*"
    return "" if value is None else format(value, form)
