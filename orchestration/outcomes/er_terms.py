"""What an agreement says about ER use versus market (METHODS H, P), as plain values.

One adapter from a program's agreement, which refuses what is not computed yet.
"""

from dataclasses import dataclass
from datetime import date

from orchestration.errors import ConfigurationError
from orchestration.outcomes.agreements import (
    Agreement,
    not_computed,
    unsupported_population_terms,
)
from orchestration.outcomes.resampling import BOOTSTRAP_DRAWS, BOOTSTRAP_SEED


@dataclass(frozen=True)
class ErComparisonTerms:
    """What a program's terms say about ER use; dates are whole periods, both days included."""

    program_id: str
    program_name: str
    market_name: str
    is_whole_state: bool
    baseline: tuple[date, date]
    performance: tuple[date, date]
    partner_names: tuple[tuple[str, str], ...] = ()
    published_basis: str = "all_others"
    inference_basis: str = "attributed_elsewhere"
    minimum_member_years: int = 500
    minimum_expected_visits: int = 20
    bootstrap_draws: int = BOOTSTRAP_DRAWS
    bootstrap_seed: int = BOOTSTRAP_SEED

    def period(self, role: str) -> tuple[date, date]:
        return self.baseline if role == "baseline" else self.performance

    def unit_name(self, partner_id: str | None) -> str:
        if partner_id is None:
            return self.program_name
        return dict(self.partner_names).get(partner_id, partner_id.replace("_", " ").title())


def er_comparison_terms(agreement: Agreement) -> ErComparisonTerms:
    """The agreement as the terms of an ER comparison; raises for what is not computed yet."""
    program, terms = agreement.program, agreement.terms
    problems = []
    if terms.claims.ed_measure != "treat_and_release":
        problems.append(
            not_computed(program, "claims.ed_measure", terms.claims.ed_measure, "treat_and_release")
        )
    problems.extend(unsupported_population_terms(agreement))
    if problems:
        raise ConfigurationError(problems)
    market = program.facts.market
    return ErComparisonTerms(
        program_id=program.program_id,
        program_name=agreement.short_name,
        market_name=market.name,
        is_whole_state=not market.zip3,
        baseline=(terms.baseline.start_date, terms.baseline.end_date),
        performance=(terms.performance.start_date, terms.performance.end_date),
        partner_names=tuple(
            (partner.partner_id, partner.name) for partner in program.facts.partners
        ),
        published_basis=terms.er.market_basis,
        inference_basis=terms.er.inference_basis,
        minimum_member_years=terms.er.min_py,
        minimum_expected_visits=terms.er.min_expected,
        bootstrap_draws=terms.er.bootstrap_draws,
        bootstrap_seed=terms.er.bootstrap_seed,
    )
