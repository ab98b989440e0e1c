"""One result of ER use versus market: its columns, its table and its sentence (METHODS H.6, H.7).

Computing it does not belong here (`er_use.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow as pa

from orchestration.outcomes.er_terms import ErComparisonTerms
from orchestration.outcomes.standardize import StandardizedRates
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_er_use_versus_market.parquet"
PANEL = "panel"
ALL_OTHERS = "all_others"
ATTRIBUTED_ELSEWHERE = "attributed_elsewhere"
MARKET_BASES = (ALL_OTHERS, ATTRIBUTED_ELSEWHERE)
BASELINE, PERFORMANCE = "baseline", "performance"
PERIOD_ROLES = (BASELINE, PERFORMANCE)
MINIMUM_OBSERVED_VISITS = 11
INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class ErUseRow:
    """One reporting unit, period and market basis; the columns of `agg_er_use_versus_market`.

    Ratios are panel over market; `change_*` compares performance with baseline on the same basis
    (repeated cross-section, H.5). Intervals are 95 %. None means that it cannot be computed.
    """

    reporting_unit_id: str
    program_id: str
    partner_id: str | None
    period_role: str
    market_basis: str
    reporting_unit_name: str
    period_start_date: date
    period_end_date: date
    claims_through_period: str
    is_headline: bool
    is_inference: bool
    verdict: str
    sentence: str
    insufficient_reasons: str
    comparison_note: str
    panel_persons: int
    market_persons: int
    panel_member_months: int
    market_member_months: int
    observed_visits: int
    market_visits: int
    expected_visits: float | None
    crude_panel_per_1000: float | None
    crude_market_per_1000: float | None
    adjusted_panel_per_1000: float | None
    sir: float | None
    percent_versus_market: float | None
    direct_rate_per_1000: float | None
    direct_ratio: float | None
    direct_cells_at_market_rate: int
    dispersion_panel: float | None
    dispersion_market: float | None
    bootstrap_lower: float | None
    bootstrap_upper: float | None
    quasi_lower: float | None
    quasi_upper: float | None
    exact_lower: float | None
    exact_upper: float | None
    byar_lower: float | None
    byar_upper: float | None
    p_value: float | None
    q_value: float | None
    detectable_percent: float | None
    change_ratio: float | None
    change_percent: float | None
    change_bootstrap_lower: float | None
    change_bootstrap_upper: float | None
    change_quasi_lower: float | None
    change_quasi_upper: float | None
    change_p_value: float | None
    cells_used: int
    cells_collapsed: int
    collapsed_cells: str
    is_suppressed: bool


def er_use_table(rows: Sequence[ErUseRow]) -> pa.Table:
    """The rows as the published Arrow table."""
    return table_of(rows, ErUseRow)


def write_er_use(rows: Sequence[ErUseRow], outcomes_dir: Path) -> Path:
    """Write `agg_er_use_versus_market.parquet`; equal rows give equal bytes."""
    return write_table(er_use_table(rows), outcomes_dir / FILE_NAME)


def insufficient_reasons(rates: StandardizedRates, terms: ErComparisonTerms) -> list[str]:
    """Why nothing may be stated about these rates (H.6); empty when something may."""
    reasons = []
    if rates.panel_member_months < 12 * terms.minimum_member_years:
        reasons.append(f"fewer than {terms.minimum_member_years} member-years")
    if rates.observed_visits < MINIMUM_OBSERVED_VISITS:
        reasons.append(f"fewer than {MINIMUM_OBSERVED_VISITS} visits")
    if rates.expected_visits is None or rates.expected_visits < terms.minimum_expected_visits:
        reasons.append(f"fewer than {terms.minimum_expected_visits} visits expected")
    return reasons


def sentence(row: ErUseRow, terms: ErComparisonTerms) -> str:
    """The statement of H.7; the words follow from the verdict, rounding from the unrounded."""
    start, end = row.period_start_date, row.period_end_date
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    use = (
        f"ER use of {row.reporting_unit_name} (treat-and-release emergency department visits, "
        "adjusted for age, sex and conditions known before the period)"
    )
    area = "the state" if terms.is_whole_state else "the market area"
    if row.market_basis == ALL_OTHERS:
        others = f"other members of the plan in {terms.market_name}"
        group = f"all other members in {area}"
    else:
        others = f"members of the plan in {terms.market_name} attributed to other physician groups"
        group = (
            f"members in {area} attributed by the same rules to groups outside the payer's programs"
        )
    caveat = "Observational; not proof that the program caused the difference."
    lower, upper = row.bootstrap_lower, row.bootstrap_upper
    if row.verdict == INSUFFICIENT or row.sir is None or lower is None or upper is None:
        why = row.insufficient_reasons or "no interval could be computed"
        return (
            f"{use} cannot be compared with that of {others} in the {months} months to {end}, "
            f"claims through {row.claims_through_period}: {why}. Comparison group: {group}."
        )
    if row.verdict == "similar":
        comparison = (
            f"was **similar** to that of {others} ({_difference(row.sir)}; difference could be "
            "chance)"
        )
    else:
        comparison = f"was **{_difference(row.sir)}** than for {others}"
    member_years = _rounded(row.panel_member_months / 12, 0)
    return (
        f"{use} {comparison}: {_rounded(row.adjusted_panel_per_1000 or 0.0, 1)} versus "
        f"{_rounded(row.crude_market_per_1000 or 0.0, 1)} visits per 1,000 member-years in the "
        f"{months} months to {end}, claims through {row.claims_through_period} "
        f"(95 % CI {_interval_words(lower, upper)}; "
        f"N = {member_years} member-years). Comparison group: {group}. {caveat}"
    )


def _difference(ratio: float) -> str:
    """`7 % lower`; one decimal where a whole percent would read 0."""
    percent = abs(100 * (ratio - 1))
    shown = _rounded(percent, 0)
    if shown == "0":
        shown = _rounded(percent, 1)
    return f"{shown} % {'lower' if ratio < 1 else 'higher'}"


def _interval_words(lower: float, upper: float) -> str:
    """Ends in the order of size of the effect when both are on one side of the market."""
    if upper < 1:
        return f"{_percent(upper)} to {_difference(lower)}"
    if lower > 1:
        return f"{_percent(lower)} to {_difference(upper)}"
    return f"{_difference(lower)} to {_difference(upper)}"


def _percent(ratio: float) -> str:
    return _difference(ratio).rsplit(" ", 1)[0]


def _rounded(value: float, places: int) -> str:
    """Half up, with thousands separators, for display only (METHODS 0.2)."""
    step = Decimal(1).scaleb(-places)
    return f"{Decimal(repr(value)).quantize(step, ROUND_HALF_UP):,}"
