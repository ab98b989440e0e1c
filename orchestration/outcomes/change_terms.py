"""What an agreement says about change against baseline (METHODS H.5, P), as plain values."""

from dataclasses import dataclass
from datetime import date

from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.resampling import BOOTSTRAP_DRAWS, BOOTSTRAP_SEED


@dataclass(frozen=True)
class ChangeTerms:
    """Periods are whole months, both days included; `quarter_cap_cents` caps a person's quarter."""

    program_id: str
    program_name: str
    market_name: str
    payer: str
    market_area_id: str
    baseline: tuple[date, date]
    performance: tuple[date, date]
    quarter_cap_cents: int
    include_rx: bool = True
    min_member_months: int = 6
    outcome_lag_months: int = 1
    minimum_member_years: int = 500
    minimum_expected_visits: int = 20
    bootstrap_draws: int = BOOTSTRAP_DRAWS
    bootstrap_seed: int = BOOTSTRAP_SEED


def change_terms(agreement: Agreement) -> ChangeTerms:
    """The agreement as the terms of a comparison with its own baseline."""
    program, terms = agreement.program, agreement.terms
    market = program.facts.market
    return ChangeTerms(
        program_id=program.program_id,
        program_name=agreement.short_name,
        market_name=market.name,
        payer=program.payer,
        market_area_id=market.area_id,
        baseline=(terms.baseline.start_date, terms.baseline.end_date),
        performance=(terms.performance.start_date, terms.performance.end_date),
        quarter_cap_cents=int(terms.claims.truncation * 100) // 4,
        include_rx=terms.claims.include_rx,
        min_member_months=terms.attribution.min_mm.outcomes,
        outcome_lag_months=terms.attribution.outcome_lag_months,
        minimum_member_years=terms.er.min_py,
        minimum_expected_visits=terms.er.min_expected,
        bootstrap_draws=terms.er.bootstrap_draws,
        bootstrap_seed=terms.er.bootstrap_seed,
    )
