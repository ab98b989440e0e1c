"""The programs a payer and its physician groups run: the facts stated and the terms agreed.

One file in `data/programs` is one program. What the terms mean is METHODS (section P names every
parameter); computing with them does not belong here.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from orchestration.configuration import Exact, Listed, StrictModel, read_models, suggestion
from orchestration.errors import ConfigurationError, Problem
from orchestration.settings import Settings

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
State = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Share = Annotated[Exact, Field(ge=0, le=1)]
Dollars = Annotated[Exact, Field(ge=0, decimal_places=2)]
Precision = Literal["exact", "nearly", "approximately", "more_than", "not_stated"]


# --- What the program's description states ------------------------------------------------------


class Source(StrictModel):
    """The document the facts were taken from."""

    document: str
    title: str | None = None
    published: str | None = None
    last_updated: str | None = None


class StatedNumber(StrictModel):
    """A number as the source words it; null where the source gives none."""

    count: int | None = Field(default=None, ge=1)
    precision: Precision
    stated_by: str | None = Field(default=None, description="the source, if not the document")

    @model_validator(mode="after")
    def _null_when_not_stated(self) -> Self:
        if (self.count is None) != (self.precision == "not_stated"):
            raise ValueError("give a count, or leave it empty with precision not_stated")
        return self


class EffectiveDate(StrictModel):
    """The first day, as precisely as stated: a month is its first day with precision month."""

    date: date | None
    precision: Literal["day", "month", "not_stated"]

    @model_validator(mode="after")
    def _null_when_not_stated(self) -> Self:
        if (self.date is None) != (self.precision == "not_stated"):
            raise ValueError("give a date, or leave it empty with precision not_stated")
        if self.precision == "month" and self.date and self.date.day != 1:
            raise ValueError("a date known to the month is written as the first of the month")
        return self


class Person(StrictModel):
    """A person the source names."""

    name: str
    office: str


class Partner(StrictModel):
    """An organization of the program and the parts it plays."""

    partner_id: Identifier
    name: str
    short_name: str | None = None
    roles: Listed[
        Literal[
            "paid_entity",
            "physician_network",
            "physician_group",
            "parent_organization",
            "coordinator_employer",
            "coordinator_engager",
        ]
    ] = Field(min_length=1)
    has_panel: bool = Field(description="whether members are attributed to its clinicians")


class Clinicians(StatedNumber):
    """How many clinicians, and of which kinds."""

    kinds: Listed[Literal["primary_care_physician", "specialist", "not_stated"]]


class Market(StrictModel):
    """Where the program works, and the area whose members it is compared with (METHODS H.2)."""

    area_id: Identifier
    name: str
    location: str | None = Field(description="the place as stated")
    state: State
    zip3: Listed[Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]] = Field(
        description="three-digit ZIP areas in quotes; an empty list is the whole state"
    )


class Standing(StrictModel):
    """Which of the payer's programs this one is in a place."""

    ordinal: int = Field(ge=1)
    places: Listed[str]


class Bonus(StrictModel):
    """How the description words the reward."""

    label: Literal["pay for value", "pay for performance"]
    wording: str
    targets: Listed[Literal["improving_quality", "lowering_medical_costs"]]


class Coordinators(StrictModel):
    """Who coordinates care, for whom they work, and what they do."""

    title: str
    credentials: Listed[Literal["registered_nurse", "patient_navigator", "not_stated"]]
    engagement: Listed[Literal["employed", "engaged", "designated"]]
    organizations: Listed[Identifier] = Field(description="partners they work for")
    payer_counterpart: str = Field(description="their counterpart at the payer")
    on_physician_led_team: bool
    uses_payer_data: bool
    duties: Listed[
        Literal[
            "navigate_health_care_system",
            "identify_discharges_at_risk_of_readmission",
            "identify_overdue_screenings",
            "identify_skipped_refills",
            "help_get_follow_up_care_or_screenings",
            "identify_medication_complications",
            "prevent_worsening_of_chronic_conditions",
            "schedule_appointments",
            "health_education",
            "refer_to_clinical_support_programs",
            "manage_disease_management_enrollment",
            "encourage_use_of_disease_management",
            "consult_on_evidence_based_guidelines",
            "improve_adherence_to_care_plans",
            "analyze_payer_gap_report",
            "coordinate_communication_with_members",
        ]
    ]
    permitted_sensitive: Listed[
        Literal["behavioral_health", "substance_use", "hiv", "reproductive", "genetic"]
    ] = Field(
        default=(), description="sensitive conditions that lists may show (METHODS K.1); none else"
    )
    members_per_coordinator: int = Field(
        default=10_000, ge=1, description="members one coordinator is for (METHODS P)"
    )
    daily_contacts: int = Field(default=20, ge=1, description="people one can reach in a day")
    snooze_days: int = Field(default=14, ge=0, description="days a contact puts tasks to sleep for")

    @model_serializer(mode="wrap")
    def _leave_out_later_defaults(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, object]:
        """Agreements the ledger holds from before these fields existed keep their digest."""
        content: dict[str, object] = handler(self)
        for name in (
            "permitted_sensitive",
            "members_per_coordinator",
            "daily_contacts",
            "snooze_days",
        ):
            if getattr(self, name) == type(self).model_fields[name].default:
                content.pop(name, None)
        return content


class CareGuides(StrictModel):
    """Care guides the group develops and adopts; the fifth condition may be chosen later."""

    conditions: Listed[Identifier]
    fifth_condition: Identifier | None
    developed_by: Identifier
    adopted: bool

    def all_conditions(self) -> tuple[str, ...]:
        return self.conditions + ((self.fifth_condition,) if self.fifth_condition else ())


class SupportPrograms(StrictModel):
    """The payer's clinical support programs that coordinators refer to."""

    disease_management: Listed[Identifier]
    lifestyle_management: Listed[Identifier]


class MemberRules(StrictModel):
    """What changes for members, as stated; null where the description says nothing."""

    keeps_current_physician: bool | None
    automatic_benefits: bool | None
    joins_by_choosing_a_program_doctor: bool | None
    changes_referral_requirements: bool | None


class PublishedResult(StrictModel):
    """A result the payer published about the program."""

    statement: str
    measure: Identifier
    percent_versus_market: Exact
    published_in: str


class Facts(StrictModel):
    """Everything the program's description states."""

    description: str
    program_type: Literal["collaborative_accountable_care", "enhanced_care_coordination"]
    payer_name: str
    payer_type: Literal["commercial"]
    population: str
    partners: Listed[Partner] = Field(min_length=1)
    practices: StatedNumber
    clinicians: Clinicians
    market: Market
    members: StatedNumber
    effective: EffectiveDate
    standing: Standing | None = None
    bonus: Bonus
    care_coordination_payment: str
    coordinators: Coordinators
    care_guides: CareGuides | None = None
    clinical_support_programs: SupportPrograms | None = None
    goals: Listed[Identifier]
    sooner_benefit_conditions: Listed[Identifier]
    monitors_all_care: bool | None
    member_rules: MemberRules
    high_risk_categories: Listed[Identifier] = ()
    care_access: Listed[Identifier] = ()
    payer_gap_report_name: str | None = None
    people: Listed[Person] = ()
    published_results: Listed[PublishedResult] = ()

    @model_validator(mode="after")
    def _partners_are_known(self) -> Self:
        known = [partner.partner_id for partner in self.partners]
        if len(set(known)) < len(known):
            raise ValueError(f"two partners share an id: {', '.join(known)}")
        if not any(partner.has_panel for partner in self.partners):
            raise ValueError("one partner at least must have a panel (has_panel: true)")
        named = [*self.coordinators.organizations]
        if self.care_guides:
            named.append(self.care_guides.developed_by)
        for name in named:
            if name not in known:
                raise ValueError(f"{name!r} is no partner here. {suggestion(name, known)}")
        return self

    def panel_partners(self) -> tuple[str, ...]:
        return tuple(partner.partner_id for partner in self.partners if partner.has_panel)


# --- What the partners agreed (METHODS P) -------------------------------------------------------


class Period(StrictModel):
    """A closed interval of days."""

    start_date: date
    end_date: date

    @model_validator(mode="after")
    def _is_whole_months(self) -> Self:
        next_day = date.fromordinal(self.end_date.toordinal() + 1)
        if self.start_date.day != 1 or next_day.day != 1 or self.end_date < self.start_date:
            raise ValueError("a period starts on a first and ends on a last of a month")
        return self

    def months(self) -> int:
        end, start = self.end_date, self.start_date
        return (end.year - start.year) * 12 + end.month - start.month + 1


class Runout(StrictModel):
    """Months of payments waited for after a period."""

    interim: int = Field(default=3, ge=0)
    settlement: int = Field(default=6, ge=0)


class ClaimTerms(StrictModel):
    """How claims are prepared (METHODS A)."""

    adjustment_suffix_regex: str | None = None
    header_tolerance: Dollars = Decimal("1.00")
    denied_counts_for_quality: bool = True
    ed_include_0456: bool = False
    pos23_only_creates_visit: bool = False
    ed_one_per_day: bool = True
    ed_obs_counts: bool = True
    ed_measure: Literal["treat_and_release", "all"] = "treat_and_release"
    mm_rule: Literal["mid_month", "any_day", "first_day", "prorate"] = "mid_month"
    ce_max_gap: int = Field(default=45, ge=0)
    max_gaps: int = Field(default=1, ge=0)
    runout_months: Runout = Runout()
    cl_months: int = Field(default=12, ge=1)
    cf_min: Share = Decimal("0.60")
    truncation: Dollars = Decimal("100000.00")
    prorate_cap: bool = False
    trend_cap: bool = False
    include_rx: bool = True


class MinimumMemberMonths(StrictModel):
    """Member months needed in the last twelve."""

    care_coordination: int = Field(default=1, ge=0, le=12)
    outcomes: int = Field(default=6, ge=0, le=12)


class AttributionTerms(StrictModel):
    """Whose member a person is (METHODS B)."""

    lookback_months: int = Field(default=24, ge=1)
    plurality_metric: Literal["visits", "allowed", "weighted"] = "visits"
    plurality_scope: Literal["all", "program_only"] = "all"
    min_mm: MinimumMemberMonths = MinimumMemberMonths()
    selection_binding: bool = True
    rx_fallback: bool = True
    rx_min_fills: int = Field(default=2, ge=1)
    roster_basis: Literal["attribution_date", "service_date"] = "attribution_date"
    credit_follows: Literal["NPI", "TIN"] = "NPI"
    np_pa_rule: Literal["roster_else_tin"] = "roster_else_tin"
    obgyn_as_pcp: bool = False
    attribution_include_99211: bool = False
    attribution_pos_exclude: Listed[Annotated[str, StringConstraints(pattern="^[0-9]{2}$")]] = (
        "17",
        "20",
        "21",
        "23",
        "31",
        "51",
        "61",
        "81",
    )
    switch_margin: int = Field(default=0, ge=0)
    incumbent_wins_tie: bool = False
    grace_months: int = Field(default=0, ge=0)
    join_effective: Literal["next_month"] = "next_month"
    retro_window: int = Field(default=6, ge=0)
    claims_reopen: bool = False
    panel_basis: Literal["member_month", "prospective_with_drops", "retrospective_end"] = (
        "member_month"
    )
    outcome_lag_months: int = Field(default=1, ge=0)


class RiskTerms(StrictModel):
    """How illness is adjusted for (METHODS G)."""

    risk_source: Literal["fallback", "hhs_hcc", "payer"] = "fallback"
    metal: Literal["platinum", "gold", "silver", "bronze"] = "platinum"
    risk_timing: Literal["prospective", "concurrent"] = "prospective"
    risk_cap: Share = Decimal("0.03")


MarketBasis = Literal["all_others", "attributed_elsewhere"]


class ErTerms(StrictModel):
    """ER use versus market (METHODS H)."""

    market_basis: MarketBasis = "all_others"
    inference_basis: MarketBasis = "attributed_elsewhere"
    bootstrap_draws: int = Field(default=2000, ge=100)
    bootstrap_seed: int = 20150520
    min_py: int = Field(default=500, ge=1)
    min_expected: int = Field(default=20, ge=1)


class SavingsTerms(StrictModel):
    """Benchmark, minimum savings rate and sharing (METHODS I)."""

    benchmark_method: Literal["own_history", "concurrent_market"] = "own_history"
    base_weights: Listed[Exact] = (Decimal(1),)
    blend: Share = Decimal(0)
    msr_type: Literal["fixed", "sliding", "statistical"] = "sliding"
    msr_fixed: Share = Decimal("0.02")
    msr_confidence: Share = Decimal("0.95")
    mlr: Share | None = Field(default=None, description="minimum loss rate; empty is the MSR")
    first_dollar: bool = True
    max_rate: Share = Decimal("0.50")
    gate: Share = Decimal("0.60")
    cap: Share = Decimal("0.10")
    loss_rate: Share = Decimal(0)
    loss_cap: Share = Decimal("0.04")
    min_panel: int = Field(default=1000, ge=1)
    fee_netting: Literal["none", "as_cost", "offset"] = "as_cost"
    admin_withhold: Share = Decimal(0)
    benchmark_rounding: Literal["cent", "none"] = "cent"
    savings_market_basis: MarketBasis = "attributed_elsewhere"
    sharing_form: Literal["quality_scaled", "gate_only"] = "quality_scaled"
    min_weight_scored: Share = Decimal("0.60")

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Self:
        if sum(self.base_weights) != 1:
            raise ValueError("base_weights must sum to 1")
        return self


class FeeTerms(StrictModel):
    """The care coordination fee (METHODS L.3)."""

    fee_pmpm: Dollars = Decimal("3.00")
    fee_first_year: Literal["flat", "planned"] = "flat"
    fee_scaled_by_results: bool = False


class PayoutPoint(StrictModel):
    """From this composite score on, this share of the pool is paid."""

    score: Share
    share: Share


_POINT_TERMS = ("measures", "point_method", "improvement", "min_den", "scores_savings")


class ScoredMeasure(StrictModel):
    """A measure that earns points: its weight and, where agreed, its targets (METHODS J.1).

    Without a threshold it is the market's rate, without a benchmark the 90th percentile of the
    market's groups; both are of the rate as it is told, also where lower is better.
    """

    measure: Annotated[str, StringConstraints(pattern=r"^M[0-9]{2}[A-Z]?$")]
    weight: Annotated[Exact, Field(gt=0)] = Decimal(1)
    threshold: Share | None = None
    benchmark: Share | None = None


class P4pTerms(StrictModel):
    """Pay for performance (METHODS J.3): a pool a member month, paid out by the composite score.

    Below the first point of the payout table nothing is paid, between points the share moves in a
    straight line, from the last on it stays. With `measures` the score is computed from them; left
    empty it is the reported one. `scores_savings` makes the computed score the quality score of
    shared savings and of a fee paid on results too.
    """

    p4p_pmpm: Dollars = Decimal("1.00")
    min_weight_scored: Share = Decimal("0.60")
    payout: Listed[PayoutPoint] = Field(
        default=(
            PayoutPoint(score=Decimal("0.40"), share=Decimal("0.5")),
            PayoutPoint(score=Decimal("0.80"), share=Decimal("1.0")),
        ),
        min_length=1,
    )
    max_trend_points: Exact | None = Field(
        default=None, description="no bonus beyond this trend difference (I.1); empty is no gate"
    )
    measures: Listed[ScoredMeasure] = Field(
        default=(), description="measures that earn points; empty: the reported score"
    )
    point_method: Literal["integer", "linear"] = "integer"
    improvement: bool = Field(default=True, description="whether own improvement earns points")
    min_den: int = Field(default=30, ge=1, description="smallest denominator that is scored")
    scores_savings: bool = False

    @model_serializer(mode="wrap")
    def _leave_out_what_was_not_agreed(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, object]:
        """Agreements from before measures earned points keep their digest."""
        content: dict[str, object] = handler(self)
        if not self.measures:
            for name in _POINT_TERMS:
                content.pop(name, None)
        return content

    @model_validator(mode="after")
    def _each_measure_once(self) -> Self:
        named = [one.measure for one in self.measures]
        if len(set(named)) < len(named):
            raise ValueError("name each measure once")
        if self.scores_savings and not self.measures:
            raise ValueError("scores_savings needs measures")
        return self

    @model_validator(mode="after")
    def _points_rise(self) -> Self:
        scores = [point.score for point in self.payout]
        shares = [point.share for point in self.payout]
        if sorted(set(scores)) != scores or sorted(shares) != shares:
            raise ValueError("list payout points by rising score; shares may not fall")
        return self


_LATER_TERMS = ("p4p", "share_out", "share_out_quality", "terminated_on", "dispute_days")


class Terms(StrictModel):
    """One agreement: in force for runs whose `as_of` is not before `agreed_on`."""

    agreed_on: date
    version: int = Field(ge=1, description="raise it when the same day's agreement is corrected")
    products: Listed[Literal["PPO", "OAP", "HMO", "EPO", "POS"]] = Field(min_length=1)
    baseline: Period
    performance: Period
    claims: ClaimTerms = ClaimTerms()
    attribution: AttributionTerms = AttributionTerms()
    risk: RiskTerms = RiskTerms()
    er: ErTerms = ErTerms()
    savings: SavingsTerms = SavingsTerms()
    fee: FeeTerms = FeeTerms()
    p4p: P4pTerms | None = Field(default=None, description="empty: no pay for performance")
    share_out: Literal["by_panel"] | None = Field(
        default=None,
        description="how the group's payment is shared out to its clinicians; empty: by the group",
    )
    share_out_quality: Share | None = Field(
        default=None, description="so much of it by panel times quality; empty: all by panel"
    )
    terminated_on: date | None = Field(default=None, description="the last day of the program")
    dispute_days: int | None = Field(
        default=None, ge=0, description="days to dispute an interim statement's lines; empty: 60"
    )

    @model_validator(mode="after")
    def _performance_follows_baseline(self) -> Self:
        if self.performance.start_date <= self.baseline.end_date:
            raise ValueError("the performance period must start after the baseline ends")
        return self

    @model_validator(mode="after")
    def _quality_shares_out_a_part(self) -> Self:
        if self.share_out_quality is not None and self.share_out is None:
            raise ValueError("share_out_quality needs share_out")
        return self

    @model_validator(mode="after")
    def _base_years_are_years(self) -> Self:
        if len(self.savings.base_weights) > 1 and self.baseline.months() != 12:
            raise ValueError(
                "several base_weights need a baseline of 12 months: its earlier years precede it"
            )
        return self

    @model_serializer(mode="wrap")
    def _leave_out_what_was_not_agreed(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, object]:
        """Agreements the ledger holds from before these terms existed keep their digest."""
        content: dict[str, object] = handler(self)
        for name in _LATER_TERMS:
            if content.get(name) is None:
                content.pop(name, None)
        return content

    def base_years(self) -> tuple[Period, ...]:
        """The base years, oldest first: the baseline and the years before it, one a weight."""
        first = self.baseline.start_date
        starts = [
            first.replace(year=first.year - back)
            for back in range(len(self.savings.base_weights) - 1, -1, -1)
        ]
        earlier = [
            Period(start_date=start, end_date=date.fromordinal(following.toordinal() - 1))
            for start, following in itertools.pairwise(starts)
        ]
        return (*earlier, self.baseline)


class Program(StrictModel):
    """One program: its facts and every agreement on its terms, oldest first."""

    program_id: Identifier
    name: str
    payer: Identifier
    source: Source
    facts: Facts
    terms: Listed[Terms] = Field(min_length=1)

    @model_validator(mode="after")
    def _terms_are_in_order(self) -> Self:
        stamps = [(terms.agreed_on, terms.version) for terms in self.terms]
        if sorted(set(stamps)) != stamps:
            raise ValueError("list terms by agreed_on and version, oldest first, none twice")
        return self

    def terms_as_of(self, as_of: date) -> Terms | None:
        """The newest agreement not after `as_of`, or None before the first."""
        agreed = [terms for terms in self.terms if terms.agreed_on <= as_of]
        return agreed[-1] if agreed else None


# --- The payer's whole portfolio ----------------------------------------------------------------


class StatedReach(StrictModel):
    """How far a family of arrangements reaches, as stated."""

    arrangements: StatedNumber
    states: int
    members: StatedNumber
    doctors: StatedNumber
    primary_care_physicians: StatedNumber
    specialists: StatedNumber
    note: str | None = None


class PortfolioGoal(StrictModel):
    """What the payer expects to reach."""

    year: int
    arrangements: int
    members: int


class Portfolio(StrictModel):
    """What the payer states of all its arrangements together."""

    payer: Identifier
    source: Source
    since_year: int
    commercial: StatedReach
    with_medicare: StatedReach
    goal: PortfolioGoal


# --- Reading ------------------------------------------------------------------------------------


def load_programs(settings: Settings) -> tuple[Program, ...]:
    """Read and check every program, ordered by id; raise one error listing all problems."""
    programs = read_models(settings.programs_dir, Program)
    problems = [*_named_as_their_file(programs), *_one_rule_a_payer(programs)]
    if problems:
        raise ConfigurationError(problems)
    return tuple(sorted(programs.values(), key=lambda program: program.program_id))


def load_portfolios(settings: Settings) -> tuple[Portfolio, ...]:
    """Read what payers state of their whole portfolios, one file a payer."""
    return tuple(read_models(settings.programs_dir / "portfolio", Portfolio).values())


def competing_rules(terms: Terms) -> dict[str, object]:
    """The rules that decide between programs of one payer, so all of them must share them.

    Two programs cannot claim the same member by different rules (METHODS B.5), nor count visits
    and member months of one market in two ways.
    """
    rules: dict[str, object] = {"products": tuple(sorted(terms.products))}
    rules.update(_flat("attribution", terms.attribution))
    shared = ("mm_rule", "adjustment_suffix_regex", "ed_measure", "pos23_only_creates_visit")
    claims = terms.claims.model_dump()
    for name, value in claims.items():
        if name in shared or name.startswith("ed_"):
            rules[f"claims.{name}"] = value
    return rules


def _flat(prefix: str, part: BaseModel) -> Iterator[tuple[str, object]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value


def _named_as_their_file(programs: Mapping[Path, Program]) -> Iterator[Problem]:
    for file, program in programs.items():
        if program.program_id != file.stem:
            fix = f"Name the file {program.program_id}.yml, or the program {file.stem}."
            yield Problem(file, "program_id", program.program_id, fix)


def _one_rule_a_payer(programs: Mapping[Path, Program]) -> Iterator[Problem]:
    """Compare the newest terms, and the areas, of all programs of one payer with the first's."""
    by_payer: dict[str, list[tuple[Path, Program]]] = defaultdict(list)
    for file, program in programs.items():
        by_payer[program.payer].append((file, program))
    for same_payer in by_payer.values():
        yield from _differences(same_payer)


def _differences(programs: Sequence[tuple[Path, Program]]) -> Iterator[Problem]:
    first_file, first = programs[0]
    first_rules = competing_rules(first.terms[-1])
    areas: dict[str, tuple[Path, Market]] = {}
    for file, program in programs:
        for name, value in competing_rules(program.terms[-1]).items():
            if value != first_rules[name]:
                fix = (
                    f"Programs of the payer {program.payer!r} compete for the same members and "
                    f"must share this rule; {first_file} says {first_rules[name]!r}. "
                    "Make both equal."
                )
                yield Problem(file, f"terms.{name}", str(value), fix)
        market = program.facts.market
        other_file, other = areas.setdefault(market.area_id, (file, market))
        if (market.state, sorted(market.zip3)) != (other.state, sorted(other.zip3)):
            fix = f"The area is {other.state} {list(other.zip3)} in {other_file}. Make both equal."
            place = f"facts.market ({market.area_id})"
            yield Problem(file, place, f"{market.state} {list(market.zip3)}", fix)
