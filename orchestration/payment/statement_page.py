"""A statement as a page people read: one self-contained HTML file, pictures as inline SVG.

Nothing is computed here, and nothing is read but the statement. No script, no network: it prints,
and opens on a phone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestration.pages import SVG_FONT, dollars_text, render
from orchestration.pages.drawing import Data, svg_filled
from orchestration.payment.reasons import REASON_TEXTS
from orchestration.payment.statement import Json, Statement

if TYPE_CHECKING:
    import altair as alt

_WIDE, _NARROW = 560, 220
TEMPLATE = "statement.html.j2"

_CLAIM_TERMS = (
    "mm_rule",
    "include_rx",
    "truncation",
    "prorate_cap",
    "trend_cap",
    "runout_months",
    "cl_months",
    "cf_min",
)
_GREEN, _RED, _BLUE, _GREY, _INK = "#1b7f5c", "#b4432e", "#1f4e79", "#5b6675", "#1f2937"


def statement_page(statement: Statement) -> str:
    """The page; equal statements give equal pages."""
    settlement = _mapping(statement["settlement"])
    steps = [_mapping(step) for step in _list(statement["waterfall"])]
    reasons = [code for code in str(settlement["failed_reasons"]).split(",") if code]
    p4p = statement["pay_for_performance"]
    return render(
        TEMPLATE,
        statement=statement,
        settlement=settlement,
        provenance=_mapping(statement["provenance"]),
        population=[_mapping(line) for line in _list(statement["population"])],
        steps=steps,
        fee=_mapping(statement["fee"]),
        fee_months=[_mapping(month) for month in _list(_mapping(statement["fee"])["months"])],
        p4p=p4p,
        p4p_reasons=[REASON_TEXTS[str(code)] for code in _list(_mapping(p4p)["failed_reasons"])]
        if p4p
        else [],
        reasons=[(code, REASON_TEXTS[code]) for code in reasons],
        verdict=_verdict(statement, settlement, reasons),
        terms=_mapping(statement["terms"]),
        agreed=_agreed(_mapping(statement["terms"])),
        inputs=_inputs_by_feed(statement),
        wide=_picture(steps, _WIDE) if steps else None,
        narrow=_picture(steps, _NARROW) if steps else None,
    )


def _agreed(terms: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """The terms that decide the settlement; a statement's JSON holds all of them."""
    claims, fee = _mapping(terms["claims"]), _mapping(terms["fee"])
    shown = {
        **{name: claims[name] for name in _CLAIM_TERMS},
        "risk_cap": _mapping(terms["risk"])["risk_cap"],
        **_mapping(terms["savings"]),
        **fee,
        **_mapping(terms.get("p4p") or {}),
    }
    return [(name.replace("_", " "), value) for name, value in shown.items()]


def _verdict(
    statement: Statement, settlement: Mapping[str, Json], reasons: Sequence[str]
) -> dict[str, str]:
    """The headline: what is paid, owed or expected, and one sentence why."""
    told = "; ".join(REASON_TEXTS[code] for code in reasons if code != "CAP_APPLIED")
    if Decimal(str(settlement["loss_amount"])):
        return {
            "label": "Owed by the group",
            "amount": dollars_text(settlement["loss_amount"]),
            "tone": "owed",
            "why": f"Cost was above the benchmark by more than the minimum loss rate; {told}.",
        }
    if statement["kind"] == "interim":
        return {
            "label": "Outlook, not payable yet",
            "amount": dollars_text(settlement["indicative_payment_amount"]),
            "tone": "interim",
            "why": "What would be paid if the claims known today were all, completed for those "
            "not yet paid. The final statement follows when run-out is complete.",
        }
    if reasons and not settlement["is_eligible"]:
        return {
            "label": "Shared savings payable",
            "amount": dollars_text(settlement["payment_amount"]),
            "tone": "none",
            "why": f"Nothing is paid: {told}.",
        }
    return {
        "label": "Shared savings payable",
        "amount": dollars_text(settlement["payment_amount"]),
        "tone": "paid",
        "why": "Every condition of the contract is met"
        + ("; the cap limits the payment." if reasons else "."),
    }


def _inputs_by_feed(statement: Statement) -> list[dict[str, object]]:
    feeds: dict[str, list[Mapping[str, Json]]] = {}
    for entry in _list(statement["inputs"]):
        one = _mapping(entry)
        feeds.setdefault(str(one["feed"]), []).append(one)
    return [
        {
            "feed": feed,
            "count": len(entries),
            "last": max(str(entry["delivered_on"]) for entry in entries),
            "sha256": hashlib.sha256(
                "\n".join(str(entry["ledger_sha256"]) for entry in entries).encode()
            ).hexdigest(),
        }
        for feed, entries in sorted(feeds.items())
    ]


@dataclass(frozen=True)
class _Shape:
    """What makes two pictures differ beside their bars."""

    width: int
    has_floor: bool


def _picture(steps: Sequence[Mapping[str, Json]], width: int) -> str:
    """Two waterfalls: from base cost to gross savings, and from there, larger, to the payment."""
    split = next(number for number, step in enumerate(steps) if step["step"] == "gross")
    floor = _floor(steps[: split + 1])
    return svg_filled(
        _waterfalls,
        _Shape(width, floor > 0),
        {
            **_drawn("above", _bars(steps[: split + 1], floor, is_near_totals=True), floor, width),
            **_drawn("below", _bars(steps[split:], 0.0, is_near_totals=False), 0.0, width),
        },
    )


def _drawn(name: str, bars: Sequence["_Bar"], floor: float, width: int) -> Data:
    """The bars of a waterfall, and the edges of its axis: room for what is written beside them."""
    low, high = min(floor, *(bar.left for bar in bars)), max(bar.right for bar in bars)
    room = (high - low or 1.0) * (0.4 if width <= _NARROW else 0.16)
    return {
        name: [{**asdict(bar), "right": bar.right} for bar in bars],
        f"{name}_edges": [{"edge": low}, {"edge": high + room}],
    }


@dataclass(frozen=True)
class _Bar:
    """One bar from `start` to `end` dollars, and what is written beside it."""

    label: str
    start: float
    end: float
    shown: str
    tone: str

    @property
    def right(self) -> float:
        return max(self.start, self.end)

    @property
    def left(self) -> float:
        return min(self.start, self.end)


def _waterfalls(shape: _Shape) -> "alt.VConcatChart":
    import altair as alt

    above = _waterfall("above", shape.width, shape.has_floor)
    below = _waterfall("below", shape.width, has_floor=False)
    whole: alt.VConcatChart = alt.vconcat(above, below, spacing=26).configure(
        font=SVG_FONT,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelFontSize=12,
            titleFontSize=11,
            labelColor=_INK,
            titleColor=_GREY,
            titleFontWeight="normal",
        ),
    )
    return whole


def _waterfall(name: str, width: int, has_floor: bool) -> "alt.LayerChart | alt.FacetChart":
    """Bars of the steps; where the axis starts just below the totals, it says so."""
    import altair as alt

    is_narrow = width <= _NARROW
    y = alt.Y(
        "label:N",
        sort=None,
        title=None,
        axis=alt.Axis(
            labelLimit=230, domain=False, ticks=False, labelPadding=8, labels=not is_narrow
        ),
    )
    x = alt.X(
        "start:Q",
        title="dollars; the axis does not start at 0" if has_floor else "dollars",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(
            format="$.4~s",
            tickCount=3 if is_narrow else 5,
            grid=True,
            gridColor="#eceff3",
            domain=False,
            ticks=False,
        ),
    )
    tones = alt.Scale(domain=["total", "up", "down"], range=[_BLUE, _GREEN, _RED])
    base = alt.Chart(alt.NamedData(name=name))
    edges = alt.Chart(alt.NamedData(name=f"{name}_edges"))
    layers = [
        base.mark_bar(size=18, cornerRadius=2).encode(
            x=x, x2="end:Q", y=y, color=alt.Color("tone:N", scale=tones, legend=None)
        ),
        base.mark_text(align="left", dx=6, fontSize=12, color=_INK).encode(
            x="right:Q", y=y, text="shown:N"
        ),
        edges.mark_tick(opacity=0).encode(x="edge:Q"),
    ]
    if is_narrow:
        # There is no room beside the bars: each name stands above its bar.
        layers.append(
            base.mark_text(align="left", dy=-18, fontSize=12, color=_INK).encode(
                x=alt.value(0), y=y, text="label:N"
            )
        )
    return alt.layer(*layers, width=width, height=alt.Step(46 if is_narrow else 30))


def _floor(steps: Sequence[Mapping[str, Json]]) -> float:
    """Where the axis starts: a third of the totals' spread below the lowest, never below 0."""
    levels = [
        abs(_cents_free(step, "amount" if step["step"] == "actual" else "reached"))
        for step in steps
        if step["step"] not in ("fee_in_cost", "gross")
    ]
    spread = max(max(levels) - min(levels), 0.02 * max(levels))
    return max(0.0, min(levels) - 0.35 * spread)


def _bars(steps: Sequence[Mapping[str, Json]], floor: float, is_near_totals: bool) -> list[_Bar]:
    """Totals stand on the floor, moves hang between what they lead from and to.

    Actual cost and the fee are drawn as levels beside the benchmark, gross savings as the gap.
    """
    bars: list[_Bar] = []
    reached = spent = benchmark = 0.0
    for step in steps:
        name, is_total = str(step["step"]), bool(step["is_total"])
        amount, now = _cents_free(step, "amount"), _cents_free(step, "reached")
        start, end = (floor, now) if is_total else (reached, now)
        if name == "benchmark":
            benchmark = now
        elif is_near_totals and name in ("actual", "fee_in_cost"):
            start, end = spent or floor, spent - amount
            spent = end
        elif is_near_totals and name == "gross":
            start, end = spent, benchmark
        reached = now
        shown = _short(now if is_total else amount, is_signed=not is_total)
        tone = "total" if is_total else "up" if amount > 0 else "down"
        bars.append(_Bar(str(step["label"]), start, end, shown, tone))
    return bars


def _cents_free(step: Mapping[str, Json], name: str) -> float:
    """An amount as a picture needs it; money itself is never a float."""
    return float(str(step[name]))


def _short(value: float, is_signed: bool) -> str:
    size = abs(value)
    sign = "−" if value < 0 else "+" if is_signed and value > 0 else ""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if size >= limit:
            digits = 2 if size < 100 * limit else 1
            return f"{sign}${size / limit:,.{digits}f} {unit}"
    return f"{sign}${size:,.2f}" if size else "$0"


def _mapping(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"a statement holds a mapping here, not {type(value).__name__}")
    return value


def _list(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        raise TypeError(f"a statement holds a list here, not {type(value).__name__}")
    return value
