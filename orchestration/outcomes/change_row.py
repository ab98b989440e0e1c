"""One result of change against baseline: columns, tables and sentence (METHODS H.5–H.7).

Computing it does not belong here (`change.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from orchestration.outcomes.change_terms import ChangeTerms
from orchestration.outcomes.er_row import INSUFFICIENT
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_change_versus_market.parquet"
DETAIL_FILE_NAME = "agg_change_detail.parquet"
ER_VISITS, COST = "er_visits", "cost"
OUTCOMES = (ER_VISITS, COST)
UNWEIGHTED, ATT = "none", "att"
WEIGHTINGS = (UNWEIGHTED, ATT)
BALANCE, QUARTER, PLACEBO = "balance", "quarter", "placebo"
MINIMUM_SHOWN = 11


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """One program, outcome and weighting; the columns of `agg_change_versus_market`.

    Rates are visits per 1,000 member-years or dollars a member month. `change_ratio` is the panel's
    after over before, divided by the market's; 95 % intervals are the bootstrap's percentiles.
    """

    program_id: str
    outcome: str = ""
    weighting: str = ""
    program_name: str
    baseline_start_date: date
    baseline_end_date: date
    performance_start_date: date
    performance_end_date: date
    claims_through_period: str
    is_published_design: bool = False
    verdict: str = INSUFFICIENT
    sentence: str = ""
    insufficient_reasons: str = ""
    panel_persons: int
    market_persons: int
    effective_market_persons: float | None = None
    panel_before: float | None = None
    panel_after: float | None = None
    market_before: float | None = None
    market_after: float | None = None
    change_ratio: float | None = None
    change_percent: float | None = None
    bootstrap_lower: float | None = None
    bootstrap_upper: float | None = None
    difference: float | None = None
    difference_lower: float | None = None
    difference_upper: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    pre_trend_percent: float | None = None
    pre_trend_lower: float | None = None
    pre_trend_upper: float | None = None
    is_pre_trend_parallel: bool | None = None
    largest_difference_before: float | None = None
    largest_difference_after: float | None = None
    is_balanced: bool | None = None
    placebo_groups: int = 0
    placebo_lower: float | None = None
    placebo_upper: float | None = None
    placebo_rank: int | None = None
    is_suppressed: bool


@dataclass(frozen=True)
class DetailRow:
    """One line of a balance table, an event study or a placebo distribution, in its order.

    `balance`: shares of both sides, the weighted market's, standardised differences. `quarter`:
    rates of panel and weighted market, their ratio over the baseline's. `placebo`: the change ratio
    of a market group of similar size.
    """

    program_id: str
    part: str
    outcome: str
    item_number: int
    item: str
    level: str
    panel_value: float | None
    market_value: float | None
    weighted_value: float | None
    difference_before: float | None
    difference_after: float | None
    ratio: float | None


@dataclass(frozen=True)
class Changes:
    """All programs' rows with what stands behind them."""

    rows: tuple[ChangeRow, ...]
    details: tuple[DetailRow, ...]


def change_table(rows: Sequence[ChangeRow]) -> pa.Table:
    """The rows as the published Arrow table."""
    return table_of(rows, ChangeRow)


def detail_table(rows: Sequence[DetailRow]) -> pa.Table:
    """The details as the published Arrow table."""
    return table_of(rows, DetailRow)


def write_changes(changes: Changes, outcomes_dir: Path) -> tuple[Path, Path]:
    """Write both tables; equal rows give equal bytes."""
    files = (outcomes_dir / FILE_NAME, outcomes_dir / DETAIL_FILE_NAME)
    write_table(change_table(changes.rows), files[0])
    write_table(detail_table(changes.details), files[1])
    return files


def sentence(row: ChangeRow, terms: ChangeTerms) -> str:
    """What may be said of the change; the words follow from the interval (H.7)."""
    what = {
        ER_VISITS: "ER use (treat-and-release emergency department visits)",
        COST: "Medical and pharmacy cost" if terms.include_rx else "Medical cost",
    }[row.outcome]
    span = f"from the year to {terms.baseline[1]} to the year to {terms.performance[1]}"
    group = f"members in {terms.market_name} attributed to groups outside the payer's programs"
    design = (
        "weighted to the panel's age, sex, conditions and use before the baseline"
        if row.weighting == ATT
        else "not weighted"
    )
    ratio, lower, upper = row.change_ratio, row.bootstrap_lower, row.bootstrap_upper
    if row.verdict == INSUFFICIENT or ratio is None or lower is None or upper is None:
        why = row.insufficient_reasons or "no interval could be computed"
        return f"The change of {what} of {row.program_name} {span} cannot be stated: {why}."
    moved = "as it did" if row.verdict == "similar" else f"{_percent(ratio)} than"
    chance = " (the difference could be chance)" if row.verdict == "similar" else ""
    cautions = []
    if row.weighting == ATT and row.is_balanced is False:
        cautions.append("the weighted sides still differ by 0.1 or more on something known before")
    if row.is_pre_trend_parallel is False:
        cautions.append("the two sides moved apart before the program began")
    caution = f" Caution: {'; '.join(cautions)}." if cautions else ""
    return (
        f"{what} of the people {row.program_name} had at the end of the baseline moved "
        f"{moved} for {group}, {design}, {span}{chance}: {_signed(ratio)} "
        f"(95 % CI {_signed(lower)} to {_signed(upper)}; N = {row.panel_persons:,} and "
        f"{row.market_persons:,} people).{caution} Observational; not proof that the program "
        "caused the difference."
    )


def _percent(ratio: float) -> str:
    return f"{abs(100 * (ratio - 1)):.1f} % {'lower' if ratio < 1 else 'higher'}"


def _signed(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")
