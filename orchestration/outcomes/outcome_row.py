"""One of the other outcomes versus market: its columns, names and table (METHODS H.9).

Computing them does not belong here (`use.py`, `cost_split.py`, `shares.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.er_row import INSUFFICIENT
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_outcome_versus_market.parquet"
ER_ALL, INPATIENT, IMAGING, URGENT_CARE = "er_all", "inpatient", "imaging", "urgent_care"
AVOIDABLE, UNCLASSIFIED = "er_avoidable", "er_unclassified"
USE = (ER_ALL, INPATIENT, IMAGING, URGENT_CARE, AVOIDABLE)
READMISSION = "readmission"
FOLLOW_UP, QUALITY, DIABETES, EXPERIENCE = "follow_up", "quality", "diabetes", "experience"
DESCRIBED = "described"
FEATURES = {
    "extended_hours": "Members whose practice has extended daily hours",
    "weekend_telephone": "Members whose practice is on the telephone at weekends",
    "weekend_acute_care": "Members whose practice treats acute illness at weekends",
    "ehr": "Members whose practice has electronic records",
    "e_prescribing": "Members whose practice prescribes electronically",
}
COST_GROUPS: dict[str, tuple[str, tuple[int, ...]]] = {
    "cost_all": ("Cost of everything", tuple(range(24))),
    "cost_inpatient": ("Cost of inpatient care", (1, 2, 3)),
    "cost_post_acute": ("Cost of nursing facility, hospice and home care", (4, 5, 6)),
    "cost_emergency": ("Cost of emergency and urgent care", (7, 8, 15)),
    "cost_surgery": ("Cost of ambulatory surgery and observation", (9, 10)),
    "cost_imaging": ("Cost of imaging", (12, 13)),
    "cost_laboratory": ("Cost of laboratory", (14,)),
    "cost_visits": ("Cost of office and telehealth visits", (20, 21)),
    "cost_behavioral": ("Cost of behavioral outpatient care", (18,)),
    "cost_other": ("Cost of all other medical care", (11, 16, 17, 19, 22, 23)),
    "cost_pharmacy": ("Cost of the pharmacy", (0,)),
}
"""By outcome, its name and the service categories of METHODS A.3 it adds up; 0 is the pharmacy."""
NAMES = {
    ER_ALL: "ER visits, admitted ones included",
    AVOIDABLE: "Avoidable ER visits (NYU weights)",
    UNCLASSIFIED: "ER visits that the NYU weights do not classify",
    URGENT_CARE: "Urgent care visits",
    INPATIENT: "Inpatient admissions",
    IMAGING: "Advanced imaging",
    READMISSION: "Readmissions within 30 days",
    FOLLOW_UP: "Follow-up after discharge",
    QUALITY: "Quality index",
    DIABETES: "Diabetes index",
    EXPERIENCE: "Patient experience, best answers",
    **FEATURES,
    **{outcome: name for outcome, (name, _) in COST_GROUPS.items()},
}
PER_1000, SHARE, PER_MONTH = "per 1,000 member-years", "share", "dollars a member and month"


@dataclass(frozen=True)
class OutcomeRow:
    """One program, outcome and market basis; the columns of `agg_outcome_versus_market`.

    Values are rates or shares as `unit` says; `ratio` is the panel's over the market's, for use and
    readmission observed over expected (and then `panel_value` is ratio × market value). Of cost,
    `price_ratio` × `use_ratio` = `ratio`: use is what the panel had at the market's average prices,
    price is the rest. Both are null for everything else.
    """

    program_id: str
    outcome: str
    market_basis: str
    outcome_name: str
    unit: str
    period_start_date: date
    period_end_date: date
    is_inference: bool
    verdict: str
    insufficient_reasons: str
    panel_count: int
    market_count: int
    expected_count: float | None
    panel_value: float | None
    market_value: float | None
    ratio: float | None
    interval_lower: float | None
    interval_upper: float | None
    dispersion: float | None
    p_value: float | None
    q_value: float | None
    price_ratio: float | None = None
    use_ratio: float | None = None


def blank_row(agreement: Agreement, outcome: str, basis: str, unit: str) -> OutcomeRow:
    """A row of which nothing is known yet but what it is about."""
    period = agreement.terms.performance
    return OutcomeRow(
        program_id=agreement.program_id,
        outcome=outcome,
        market_basis=basis,
        outcome_name=NAMES[outcome],
        unit=unit,
        period_start_date=period.start_date,
        period_end_date=period.end_date,
        is_inference=basis == agreement.terms.er.inference_basis,
        verdict=INSUFFICIENT,
        insufficient_reasons="",
        panel_count=0,
        market_count=0,
        expected_count=None,
        panel_value=None,
        market_value=None,
        ratio=None,
        interval_lower=None,
        interval_upper=None,
        dispersion=None,
        p_value=None,
        q_value=None,
    )


def outcome_table(rows: Sequence[OutcomeRow]) -> pa.Table:
    """The rows as the published Arrow table."""
    return table_of(rows, OutcomeRow)


def write_outcomes(rows: Sequence[OutcomeRow], outcomes_dir: Path) -> Path:
    """Write `agg_outcome_versus_market.parquet`; equal rows give equal bytes."""
    return write_table(outcome_table(rows), outcomes_dir / FILE_NAME)


def markdown_table(rows: Sequence[OutcomeRow]) -> str:
    """One line a program and outcome on the basis for inference."""
    lines = [
        "| program | outcome | against market | 95 % CI | verdict |",
        "|---|---|---:|---:|---|",
    ]
    for row in rows:
        if row.is_inference and row.verdict not in (INSUFFICIENT, DESCRIBED):
            percents = [
                f"{100 * (value - 1):+.1f} %"
                for value in (row.ratio, row.interval_lower, row.interval_upper)
                if value is not None
            ]
            lines.append(
                f"| {row.program_id} | {row.outcome_name} | {percents[0]} "
                f"| {' to '.join(percents[1:])} | {row.verdict} |"
            )
    return "\n".join(lines)
