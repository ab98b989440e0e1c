"""Change of ER use and cost since the baseline against the market (METHODS H.5).

Difference-in-differences on people: who belonged to the panel, or to groups outside every program,
in the last month of the baseline is followed through baseline and performance, wherever she goes.
Beside the plain comparison stands the published evaluation's design: ATT weights from what was
known before the baseline, a bootstrap of persons with all of their months, a pre-trend and a
placebo distribution. People are `change_people.py`, sums and draws `change_estimate.py`, weights
`propensity.py`, columns and sentence `change_row.py`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import duckdb
import numpy as np

from orchestration.outcomes import interval as stats
from orchestration.outcomes import propensity
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.change_estimate import (
    MONTHS,
    NUMERATORS,
    UNITS,
    Estimate,
    Side,
    Sums,
    estimate,
    finite,
    placebos_of,
    size_class,
)
from orchestration.outcomes.change_people import People, Scope, read_people, scope_of
from orchestration.outcomes.change_row import (
    ATT,
    BALANCE,
    COST,
    ER_VISITS,
    MINIMUM_SHOWN,
    OUTCOMES,
    PLACEBO,
    QUARTER,
    UNWEIGHTED,
    WEIGHTINGS,
    ChangeRow,
    Changes,
    DetailRow,
    sentence,
)
from orchestration.outcomes.change_terms import ChangeTerms, change_terms
from orchestration.outcomes.er_row import INSUFFICIENT
from orchestration.outcomes.resampling import Draws, FloatArray, IntArray

MINIMUM_PRE_QUARTERS = 4


def changes_from_warehouse(warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs) -> Changes:
    """Follow every program's people, read once for all programs of equal periods and cap."""
    terms = [change_terms(agreement) for agreement in inputs.agreements]
    return compare_changes(
        terms,
        {scope: read_people(warehouse, scope) for scope in dict.fromkeys(map(scope_of, terms))},
        inputs.claims_through_period,
    )


def compare_changes(
    terms: Iterable[ChangeTerms], people: Mapping[Scope, People], claims_through_period: str
) -> Changes:
    """Every program × outcome × weighting, ordered by that key; equal arguments, equal rows."""
    rows: list[ChangeRow] = []
    details: list[DetailRow] = []
    markets: dict[tuple[Scope, str], _Market] = {}
    draws = Draws()
    for of_program in sorted(terms, key=lambda one: one.program_id):
        scope = scope_of(of_program)
        everyone = people[scope]
        key = (scope, of_program.market_area_id)
        if key not in markets:
            is_market = (everyone.program == "") & (everyone.area == of_program.market_area_id)
            markets[key] = _Market(Side.of(everyone, is_market, of_program.bootstrap_seed))
        market = markets[key]
        is_panel = everyone.program == of_program.program_id
        panel = Side.of(everyone, is_panel, of_program.bootstrap_seed, market.side.cuts)
        found, behind = _compare(of_program, panel, market, draws, claims_through_period)
        rows.extend(found)
        details.extend(behind)
    return Changes(tuple(rows), tuple(details))


class _Market:
    """A market that several programs are compared with, and the placebos they share."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._placebos: dict[tuple[int, int], dict[str, list[float]]] = {}

    def placebos(self, panel_persons: int, seed: int) -> dict[str, list[float]]:
        key = (size_class(panel_persons), seed)
        if key not in self._placebos:
            self._placebos[key] = placebos_of(*key, self.side)
        return self._placebos[key]


def _compare(
    terms: ChangeTerms, panel: Side, others: _Market, draws: Draws, claims_through_period: str
) -> tuple[list[ChangeRow], list[DetailRow]]:
    market, pre = others.side, panel.pre_quarters
    blank = _blank_row(terms, panel.persons, market.persons, claims_through_period)
    own_total = panel.totals.sum(axis=0)
    reasons = {outcome: _reasons(terms, own_total, pre, outcome) for outcome in OUTCOMES}
    if not market.persons:
        reasons = {outcome: ["no market in the baseline"] for outcome in OUTCOMES}
    if not panel.persons:
        reasons = {outcome: ["no panel in the baseline"] for outcome in OUTCOMES}
    of_panel, of_market = panel.by_cell, market.by_cell
    weights = None
    if not all(reasons.values()):
        weights = propensity.att_weights(of_panel, of_market)
    if weights is None:
        # Of what may not be stated nothing is fitted or resampled.
        return [
            _told(
                replace(
                    blank,
                    outcome=outcome,
                    weighting=weighting,
                    insufficient_reasons=", ".join(reasons[outcome]),
                ),
                terms,
            )
            for outcome in OUTCOMES
            for weighting in WEIGHTINGS
        ], []
    ones = np.full(propensity.CELLS, 1, dtype=np.int64)
    shown = propensity.balance(of_panel, of_market, weights)
    largest = [
        max(abs(getattr(line, name)) for line in shown)
        for name in ("difference_before", "difference_after")
    ]
    placebos = others.placebos(panel.persons, terms.bootstrap_seed)
    own = panel.weighted(ones)
    own_draws = own.resampled(_drawn(draws, own, terms, 0))
    rows, details = [], _balance_details(terms, shown)
    for weighting, used in ((UNWEIGHTED, ones), (ATT, weights)):
        theirs = market.weighted(used)
        their_draws = theirs.resampled(_drawn(draws, theirs, terms, 1))
        unit = 1 if weighting == UNWEIGHTED else propensity.WEIGHT_UNIT
        for outcome in OUTCOMES:
            point = estimate(own.total.astype(float), theirs.total.astype(float), pre, outcome)
            drawn = estimate(own_draws, their_draws, pre, outcome)
            row = replace(
                blank,
                outcome=outcome,
                weighting=weighting,
                effective_market_persons=propensity.effective_persons(of_market, used),
                largest_difference_before=largest[0],
                largest_difference_after=largest[0 if weighting == UNWEIGHTED else 1],
                insufficient_reasons=", ".join(reasons[outcome]),
            )
            is_att = weighting == ATT
            row = _filled(row, point, drawn, pre, placebos[outcome] if is_att else None)
            rows.append(_told(row, terms))
            if is_att:
                details += _quarter_details(terms, outcome, own.total, theirs.total, pre, unit)
                details += [
                    DetailRow(
                        terms.program_id, PLACEBO, outcome, number, f"group {number + 1}", "",
                        None, None, None, None, None, ratio,
                    )
                    for number, ratio in enumerate(sorted(placebos[outcome]))
                ]  # fmt: skip
    return _with_false_discovery_rates(rows), details


def _drawn(draws: Draws, sums: Sums, terms: ChangeTerms, stream: int) -> FloatArray:
    return draws(len(sums.of_sets), terms.bootstrap_draws, terms.bootstrap_seed, stream)


def _blank_row(
    terms: ChangeTerms, panel_persons: int, market_persons: int, claims_through_period: str
) -> ChangeRow:
    return ChangeRow(
        program_id=terms.program_id,
        program_name=terms.program_name,
        baseline_start_date=terms.baseline[0],
        baseline_end_date=terms.baseline[1],
        performance_start_date=terms.performance[0],
        performance_end_date=terms.performance[1],
        claims_through_period=claims_through_period,
        panel_persons=panel_persons,
        market_persons=market_persons,
        is_suppressed=0 < panel_persons < MINIMUM_SHOWN or 0 < market_persons < MINIMUM_SHOWN,
    )


def _filled(
    row: ChangeRow,
    point: Estimate,
    drawn: Estimate,
    pre: int,
    placebos: Sequence[float] | None,
) -> ChangeRow:
    ratio = finite(point.ratio)
    interval = stats.percentile_interval(drawn.ratio)
    difference = stats.percentile_interval(drawn.difference)
    slope = stats.percentile_interval(drawn.slope) if pre >= MINIMUM_PRE_QUARTERS else None
    p_value = None
    # A draw without any visit has no logarithm: so few say nothing.
    if ratio and interval is not None and drawn.ratio.min() > 0:
        p_value = stats.log_p_value(ratio, float(np.std(np.log(drawn.ratio), ddof=1)))
    within = sorted(placebos or ())
    is_stated = interval is not None and ratio is not None and not row.insufficient_reasons
    return replace(
        row,
        is_published_design=row.weighting == ATT,
        verdict=stats.verdict_word(interval) if is_stated and interval else INSUFFICIENT,
        panel_before=finite(point.rates[0]),
        panel_after=finite(point.rates[1]),
        market_before=finite(point.rates[2]),
        market_after=finite(point.rates[3]),
        change_ratio=ratio,
        change_percent=None if ratio is None else 100 * (ratio - 1),
        bootstrap_lower=interval.lower if interval else None,
        bootstrap_upper=interval.upper if interval else None,
        difference=finite(point.difference),
        difference_lower=difference.lower if difference else None,
        difference_upper=difference.upper if difference else None,
        p_value=p_value,
        pre_trend_percent=_as_percent(point.slope) if slope else None,
        pre_trend_lower=100 * math.expm1(slope.lower) if slope else None,
        pre_trend_upper=100 * math.expm1(slope.upper) if slope else None,
        is_pre_trend_parallel=slope.lower <= 0 <= slope.upper if slope else None,
        is_balanced=(
            None
            if row.largest_difference_after is None
            else row.largest_difference_after < propensity.LARGEST_DIFFERENCE
        ),
        placebo_groups=len(within),
        placebo_lower=_quantile(within, 0.025),
        placebo_upper=_quantile(within, 0.975),
        placebo_rank=(
            1 + sum(one < ratio for one in within) if within and ratio is not None else None
        ),
    )


def _reasons(terms: ChangeTerms, panel: IntArray, pre: int, outcome: str) -> list[str]:
    """Why nothing may be stated (H.6)."""
    reasons = []
    for span in (slice(None, pre), slice(pre, None)):
        months, visits, cents = panel[span].sum(axis=0).tolist()
        if months < 12 * terms.minimum_member_years:
            reasons.append(f"fewer than {terms.minimum_member_years} member-years")
        if outcome == ER_VISITS and visits < terms.minimum_expected_visits:
            reasons.append(f"fewer than {terms.minimum_expected_visits} visits")
        if outcome == COST and cents <= 0:
            reasons.append("no cost")
    return list(dict.fromkeys(reasons))


def _balance_details(terms: ChangeTerms, lines: Sequence[propensity.Balance]) -> list[DetailRow]:
    """Levels that few people have are left out: their shares would tell how many."""
    return [
        DetailRow(
            terms.program_id, BALANCE, "", number, line.covariate, line.level, line.panel_share,
            line.market_share, line.weighted_share, line.difference_before, line.difference_after,
            None,
        )
        for number, line in enumerate(lines)
        if min(line.panel_persons, line.market_persons) >= MINIMUM_SHOWN
    ]  # fmt: skip


def _quarter_details(
    terms: ChangeTerms, outcome: str, panel: IntArray, market: IntArray, pre: int, unit: int
) -> list[DetailRow]:
    """Rates by quarter; ratios over the whole baseline's ratio. Few visits are not told."""
    column, scale = NUMERATORS[outcome], UNITS[outcome]

    def rate(side: IntArray, span: slice) -> float | None:
        months, numerator = side[span, MONTHS].sum(), side[span, column].sum()
        return scale * float(numerator) / float(months) if months else None

    def quotient(span: slice) -> float | None:
        of_panel, of_market = rate(panel, span), rate(market, span)
        return of_panel / of_market if of_panel and of_market else None

    base = quotient(slice(None, pre))
    rows = []
    for quarter in range(len(panel)):
        span = slice(quarter, quarter + 1)
        is_small = outcome == ER_VISITS and (
            panel[quarter, column] < MINIMUM_SHOWN or market[quarter, column] < MINIMUM_SHOWN * unit
        )
        of_panel, of_market = (None, None) if is_small else (rate(panel, span), rate(market, span))
        here = None if is_small else quotient(span)
        ratio = here / base if here and base else None
        period = "before" if quarter < pre else "after"
        rows.append(
            DetailRow(
                terms.program_id, QUARTER, outcome, quarter, f"quarter {quarter + 1}", period,
                of_panel, None, of_market, None, None, ratio,
            )
        )  # fmt: skip
    return rows


def _told(row: ChangeRow, terms: ChangeTerms) -> ChangeRow:
    return replace(row, sentence=sentence(row, terms))


def _with_false_discovery_rates(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """No change is a report's headline, so all of a program's are controlled together (H.6)."""
    tested = [index for index, row in enumerate(rows) if row.p_value is not None]
    done = list(rows)
    p_values = [row.p_value for row in rows if row.p_value is not None]
    for index, q_value in zip(tested, stats.false_discovery_rates(p_values), strict=True):
        done[index] = replace(done[index], q_value=q_value)
    return done


def _as_percent(slope: FloatArray) -> float | None:
    found = finite(slope)
    return None if found is None else 100 * math.expm1(found)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
