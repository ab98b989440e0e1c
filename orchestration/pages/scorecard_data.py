"""What the charts of a performance report show: plain rows, read from published tables.

Equal rows are known to be equal, so that a picture need not be drawn again. Drawing them does not
belong here (`scorecard_charts.py`).
"""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Protocol

from orchestration.outcomes.practices import Standing

Row = Mapping[str, object]
Line = Mapping[str, str | float]

STATED = ("lower", "similar", "higher")
FEWEST_POINTS = 6
COST_PREFIX, ALL_COST = "cost_", "cost_all"
_LIMITS = 2.66
"""Natural limits of single values: 3 / 1.128 mean moving ranges."""
_MEASURES = (
    ("ed_visits_per_1000", "Emergency room visits per 1,000"),
    ("inpatient_stays_per_1000", "Admissions per 1,000"),
    ("allowed_pmpm_amount", "Allowed cost, dollars a member and month"),
)
_MOST_PRACTICES, _MOST_MEASURES = 12, 14
_OUTCOME_NAMES = {"er_visits": "ER use", "cost": "cost"}


class PageRows(Protocol):
    """Rows of the tables that a report shows where they are published."""

    @property
    def agg_change_versus_market(self) -> Sequence[Row]: ...

    @property
    def agg_change_detail(self) -> Sequence[Row]: ...

    @property
    def agg_outcome_versus_market(self) -> Sequence[Row]: ...


@dataclass(frozen=True)
class Practice:
    """One practice's quality: people measured, share of measures met, and the share of each."""

    name: str
    people: int
    met: Standing
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run chart: its months, and mean and natural limits of the baseline's, if it has any."""

    title: str
    points: Sequence[Line]
    limits: Sequence[Line]


@dataclass(frozen=True)
class ChartData:
    """What the picture is drawn from; a chart without rows is left out.

    `quarters`, `placebos` with `own` estimates, and `balance` stand behind the change since the
    baseline: event study, placebo distribution and love plot (METHODS H.5).
    """

    forest: Sequence[Line] = ()
    funnel: Sequence[Line] = ()
    runs: Sequence[Run] = ()
    outlook: Sequence[Line] = ()
    quarters: Sequence[Line] = ()
    placebos: Sequence[Line] = ()
    own: Sequence[Line] = ()
    balance: Sequence[Line] = ()

    def key(self, code: str) -> str:
        """Changes with the data and with the code that draws them."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256((text + code).encode()).hexdigest()[:32]


def charts_of(
    savings: Row,
    er_use: Sequence[Row],
    months: Sequence[Row],
    shown: PageRows,
    practices: Sequence[Practice],
) -> ChartData:
    """The data of every chart of a page."""
    details = shown.agg_change_detail
    return ChartData(
        forest=_forest(er_use, shown),
        funnel=_funnel(practices),
        runs=_runs(months, savings),
        outlook=_outlook(savings),
        quarters=_quarters(details),
        placebos=_placebos(details),
        own=_own(shown.agg_change_versus_market) if _placebos(details) else (),
        balance=_balance(details),
    )


@dataclass(frozen=True)
class Gaps:
    """Open gaps of the largest practices by measure, as shares; None where nothing is told."""

    measures: Sequence[str]
    practices: Sequence[tuple[str, Sequence[float | None]]]


def gaps_of(practices: Sequence[Practice]) -> Gaps | None:
    """The heatmap's rows and columns; None without any rate."""
    shown = practices[:_MOST_PRACTICES]
    measures = sorted({measure for one in shown for measure in one.rates})[:_MOST_MEASURES]
    if not measures:
        return None
    return Gaps(
        measures,
        [
            (
                one.name,
                [1 - one.rates[name] if name in one.rates else None for name in measures],
            )
            for one in shown
        ],
    )


def natural_limits(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Mean, lower and upper natural limit of single values; None for fewer than six of them."""
    if len(values) < FEWEST_POINTS:
        return None
    mean = fmean(values)
    moves = [abs(after - before) for before, after in itertools.pairwise(values)]
    width = _LIMITS * fmean(moves)
    return mean, max(mean - width, 0.0), mean + width


def _forest(er_use: Sequence[Row], shown: PageRows) -> list[Line]:
    """Percent versus market with intervals: ER use on both bases, changes, the other outcomes."""
    bases = {"all_others": "all others", "attributed_elsewhere": "elsewhere"}
    lines: list[Line] = []

    def add(label: str, row: Row, ratio: str, interval: str = "bootstrap") -> None:
        values = [row.get(name) for name in (ratio, f"{interval}_lower", f"{interval}_upper")]
        numbers = [value for value in values if isinstance(value, float)]
        if row["verdict"] in STATED and len(numbers) == len(values):
            names = ("percent", "lower", "upper")
            percents = {name: 100 * (value - 1) for name, value in zip(names, numbers, strict=True)}
            lines.append({"line": label, "verdict": str(row["verdict"]), **percents})

    for row in er_use:
        if row["period_role"] == "performance":
            unit = "" if row["partner_id"] is None else f" {row['partner_id']}"
            add(f"ER use v. {bases[str(row['market_basis'])]}{unit}"[:44], row, "sir")
    for row in shown.agg_outcome_versus_market:
        outcome = str(row["outcome"])
        is_detail = outcome.startswith(COST_PREFIX) and outcome != ALL_COST
        if row["is_inference"] and outcome != "experience" and not is_detail:
            add(str(row["outcome_name"]), row, "ratio", "interval")
    for row in shown.agg_change_versus_market:
        if row["is_published_design"]:
            name = f"change of {_OUTCOME_NAMES[str(row['outcome'])]} since baseline"
            add(name, row, "change_ratio")
    return lines


def _runs(months: Sequence[Row], savings: Row) -> list[Run]:
    """Months that are told, and the limits of the baseline's, of each measure with enough."""
    first, last = str(savings["baseline_start_date"]), str(savings["baseline_end_date"])
    end = str(savings["performance_end_date"])
    ordered = sorted(months, key=lambda row: str(row["month_start_date"]))
    runs: list[Run] = []
    for name, title in _MEASURES:
        points = [
            (str(row["month_start_date"]), float(str(row[name])))
            for row in ordered
            if row[name] is not None and str(row["month_start_date"]) <= end
        ]
        if len(points) < FEWEST_POINTS:
            continue
        limits = natural_limits([value for month, value in points if first <= month <= last])
        lines: list[Line] = [
            {
                "month": month,
                "value": value,
                "is": "outside" if limits and not limits[1] <= value <= limits[2] else "within",
            }
            for month, value in points
        ]
        levels: list[Line] = [
            {"level": level, "kind": kind}
            for kind, level in zip(("mean", "limit", "limit"), limits or (), strict=False)
        ]
        runs.append(Run(title, lines, levels))
    return runs


def _outlook(savings: Row) -> list[Line]:
    """Benchmark, what it would take to share, and actual cost with the fee; empty without one."""
    benchmark, savings_amount = savings["benchmark_amount"], savings["savings_amount"]
    if benchmark is None or savings_amount is None:
        return []
    whole = float(str(benchmark))
    rate = float(str(savings["msr_percent"])) / 100
    bars = (
        ("Benchmark", whole, "base"),
        ("Needed to share", whole * (1 - rate), "base"),
        (
            "Cost and fee",
            whole - float(str(savings_amount)),
            "shared" if savings["is_eligible"] else "not shared",
        ),
    )
    low, high = min(dollars for _, dollars, _ in bars), max(dollars for _, dollars, _ in bars)
    floor = max(0.0, low - 0.5 * max(high - low, 0.02 * high))
    return [
        {"bar": bar, "dollars": dollars, "tone": tone, "floor": floor}
        for bar, dollars, tone in bars
    ]


def _funnel(practices: Sequence[Practice]) -> list[Line]:
    """Practices by how many people they measured; fewer than three make no funnel."""
    if len(practices) < 3:
        return []
    return [
        {
            "people": one.people,
            "raw": 100 * one.met.raw,
            "low": 100 * one.met.low,
            "high": 100 * one.met.high,
            "mean": 100 * one.met.mean,
            "place": one.met.place,
        }
        for one in practices
    ]


def _quarters(details: Sequence[Row]) -> list[Line]:
    """The panel against its weighted market quarter by quarter, percent from the baseline."""
    return [
        {
            "outcome": _OUTCOME_NAMES[str(row["outcome"])],
            "quarter": int(str(row["item_number"])) + 1,
            "percent": 100 * (row["ratio"] - 1),
            "when": str(row["level"]),
        }
        for row in details
        if row["part"] == "quarter" and isinstance(row["ratio"], float)
    ]


def _placebos(details: Sequence[Row]) -> list[Line]:
    return [
        {"outcome": _OUTCOME_NAMES[str(row["outcome"])], "percent": 100 * (row["ratio"] - 1)}
        for row in details
        if row["part"] == "placebo" and isinstance(row["ratio"], float)
    ]


def _own(changes: Sequence[Row]) -> list[Line]:
    return [
        {
            "outcome": _OUTCOME_NAMES[str(row["outcome"])],
            "percent": row["change_percent"],
        }
        for row in changes
        if row["is_published_design"]
        and row["verdict"] in STATED
        and isinstance(row["change_percent"], float)
    ]


def _balance(details: Sequence[Row]) -> list[Line]:
    """Standardised differences of what was known before, as it is and weighted."""
    return [
        {"level": f"{row['item']}: {row['level']}", "difference": abs(value), "market": market}
        for row in sorted(details, key=lambda row: int(str(row["item_number"])))
        if row["part"] == "balance"
        for market, value in (
            ("as it is", row["difference_before"]),
            ("weighted", row["difference_after"]),
        )
        if isinstance(value, float)
    ]
