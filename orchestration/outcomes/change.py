"""Change of ER use and cost since the baseline against the market (METHODS H.5).

Difference-in-differences on people: who belonged to the panel, or to groups outside every program,
in the last month of the baseline is followed through baseline and performance, wherever she goes.
Beside the plain comparison stands the published evaluation's design: ATT weights from what was
known before the baseline, a bootstrap of persons with all of their months, a pre-trend and a
placebo distribution. Weights belong to `propensity.py`, pictures to `change_report.py`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestration.outcomes import interval as stats
from orchestration.outcomes import propensity
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.change_terms import ChangeTerms, change_terms
from orchestration.outcomes.resampling import Draws, FloatArray, IntArray, deal
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_change_versus_market.parquet"
DETAIL_FILE_NAME = "agg_change_detail.parquet"
ER_VISITS, COST = "er_visits", "cost"
OUTCOMES = (ER_VISITS, COST)
UNWEIGHTED, ATT = "none", "att"
WEIGHTINGS = (UNWEIGHTED, ATT)
BALANCE, QUARTER, PLACEBO = "balance", "quarter", "placebo"
INSUFFICIENT = "insufficient"

PLACEBO_GROUPS = 30
FEWEST_MARKET_GROUPS = 8
MINIMUM_PRE_QUARTERS = 4
MINIMUM_SHOWN = 11
_MONTHS, _NUMERATORS = 0, {ER_VISITS: 1, COST: 2}
_UNITS = {ER_VISITS: 12_000.0, COST: 0.01}


@dataclass(frozen=True)
class People:
    """Persons of one area and period in the order of `group`-less keys; arrays share one length.

    `program` is empty for persons attributed outside every program, `group` the number of that
    group. `totals` is person × quarter × (member months, visits, capped cents), baseline first.
    """

    program: npt.NDArray[np.object_]
    area: npt.NDArray[np.object_]
    group: IntArray
    age: IntArray
    sex: npt.NDArray[np.object_]
    conditions: IntArray
    prior_visits: IntArray
    prior_cents: IntArray
    totals: IntArray
    pre_quarters: int


@dataclass(frozen=True)
class ChangeRow:
    """One program, outcome and weighting; the columns of `agg_change_versus_market`.

    Rates are visits per 1,000 member-years or dollars a member month. `change_ratio` is the panel's
    after over before, divided by the market's; 95 % intervals are the bootstrap's percentiles.
    """

    program_id: str
    outcome: str
    weighting: str
    program_name: str
    baseline_start_date: date
    baseline_end_date: date
    performance_start_date: date
    performance_end_date: date
    claims_through_period: str
    is_published_design: bool
    verdict: str
    sentence: str
    insufficient_reasons: str
    panel_persons: int
    market_persons: int
    effective_market_persons: float | None
    panel_before: float | None
    panel_after: float | None
    market_before: float | None
    market_after: float | None
    change_ratio: float | None
    change_percent: float | None
    bootstrap_lower: float | None
    bootstrap_upper: float | None
    difference: float | None
    difference_lower: float | None
    difference_upper: float | None
    p_value: float | None
    q_value: float | None
    pre_trend_percent: float | None
    pre_trend_lower: float | None
    pre_trend_upper: float | None
    is_pre_trend_parallel: bool | None
    largest_difference_before: float | None
    largest_difference_after: float | None
    is_balanced: bool | None
    placebo_groups: int
    placebo_lower: float | None
    placebo_upper: float | None
    placebo_rank: int | None
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


def changes_from_warehouse(warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs) -> Changes:
    """Follow every program's people, read once for all programs of equal periods and cap."""
    terms = [change_terms(agreement) for agreement in inputs.agreements]
    return compare_changes(
        terms,
        {scope: read_people(warehouse, scope) for scope in dict.fromkeys(map(scope_of, terms))},
        inputs.claims_through_period,
    )


@dataclass(frozen=True)
class Scope:
    """What programs share that read the same people."""

    payer: str
    baseline: tuple[date, date]
    performance: tuple[date, date]
    quarter_cap_cents: int
    include_rx: bool
    min_member_months: int
    outcome_lag_months: int


def scope_of(terms: ChangeTerms) -> Scope:
    """The people that a program's comparison reads."""
    return Scope(
        terms.payer,
        terms.baseline,
        terms.performance,
        terms.quarter_cap_cents,
        terms.include_rx,
        terms.min_member_months,
        terms.outcome_lag_months,
    )


def read_people(warehouse: duckdb.DuckDBPyConnection, scope: Scope) -> People:
    """Everyone in a panel, or attributed outside every program, in the baseline's last month.

    Only with the member months before the baseline that outcomes ask for (H.2). A quarter is three
    months from the first of a period on; a person's cost is capped at a quarter of the yearly cap.
    """
    first, last = _month(scope.baseline[0]), _month(scope.baseline[1])
    after, end = _month(scope.performance[0]), _month(scope.performance[1])
    pre_quarters, post_quarters = -(-(last - first + 1) // 3), -(-(end - after + 1) // 3)
    rx = "rx_allowed_cents" if scope.include_rx else "0"
    warehouse.execute(
        f"""
        create or replace temp table change_person as
        with
        prior_use as (
            select
                person_key,
                sum(ed_visits) as visits,
                sum(medical_allowed_cents + {rx}) as cents
            from int_member_utilization
            where month_number between {first - 12} and {first - 1}
            group by person_key
        )
        select
            (row_number() over (order by months.person_key) - 1)::int as number,
            months.person_key,
            coalesce(months.program_id, '') as program_id,
            coalesce(months.market_area_id, '') as market_area_id,
            coalesce(decided.group_number, -1) as group_number,
            described.sex,
            described.age,
            described.condition_count as conditions,
            coalesce(prior_use.visits, 0)::int as prior_visits,
            coalesce(prior_use.cents, 0)::bigint as prior_cents
        from int_outcome_member_month as months
        inner join int_person as persons on months.person_key = persons.person_key
        inner join int_outcome_member_period as described
            on
                described.period_id = ?
                and months.person_key = described.person_key
                and months.program_id is not distinct from described.program_id
                and months.partner_id is not distinct from described.partner_id
                and months.market_area_id is not distinct from described.market_area_id
                and months.is_attributed_elsewhere = described.is_attributed_elsewhere
        left join int_attribution_decided as decided
            on
                months.person_key = decided.person_key
                and decided.snapshot_number = {last - scope.outcome_lag_months}
        left join prior_use on months.person_key = prior_use.person_key
        where
            months.month_number = {last}
            and months.member_months = 1
            and persons.payer = ?
            and described.prior_member_months >= {scope.min_member_months}
            and (months.program_id is not null or months.is_attributed_elsewhere)
        """,
        [f"{scope.baseline[0]}_{scope.baseline[1]}", scope.payer],
    )
    found = warehouse.execute("select * from change_person order by number").fetchnumpy()
    quarters = pre_quarters + post_quarters
    months = warehouse.execute(
        f"""
        select
            (
                people.number * {quarters}
                + case
                    when months.month_number <= {last} then (months.month_number - {first}) // 3
                    else {pre_quarters} + (months.month_number - {after}) // 3
                end
            )::bigint as place,
            months.member_months::double as member_months,
            months.ed_visits::double as visits,
            (months.medical_allowed_cents + {rx})::double as cents
        from int_outcome_member_month as months
        inner join change_person as people on months.person_key = people.person_key
        where
            months.month_number between {first} and {last}
            or months.month_number between {after} and {end}
        """
    ).fetchnumpy()
    warehouse.execute("drop table change_person")
    persons = len(found["number"])
    # Whole numbers below 2**53: sums of doubles are exact.
    totals = np.stack(
        [
            np.bincount(
                months["place"],
                weights=months[name],
                minlength=persons * quarters,
            )
            for name in ("member_months", "visits", "cents")
        ],
        axis=-1,
    ).astype(np.int64)
    np.minimum(totals[:, 2], scope.quarter_cap_cents, out=totals[:, 2])
    return People(
        program=np.asarray(found["program_id"], dtype=object),
        area=np.asarray(found["market_area_id"], dtype=object),
        group=_whole(found["group_number"]),
        age=_whole(found["age"]),
        sex=np.asarray(found["sex"], dtype=object),
        conditions=_whole(found["conditions"]),
        prior_visits=_whole(found["prior_visits"]),
        prior_cents=_whole(found["prior_cents"]),
        totals=totals.reshape(persons, quarters, 3),
        pre_quarters=pre_quarters,
    )


def compare_changes(
    terms: Iterable[ChangeTerms], people: Mapping[Scope, People], claims_through_period: str
) -> Changes:
    """Every program × outcome × weighting, ordered by that key; equal arguments, equal rows."""
    rows: list[ChangeRow] = []
    details: list[DetailRow] = []
    markets: dict[tuple[Scope, str], _Side] = {}
    draws = Draws()
    for of_program in sorted(terms, key=lambda one: one.program_id):
        scope = scope_of(of_program)
        everyone = people[scope]
        key = (scope, of_program.market_area_id)
        if key not in markets:
            is_market = (everyone.program == "") & (everyone.area == of_program.market_area_id)
            markets[key] = _Side.of(everyone, is_market, of_program.bootstrap_seed)
        market = markets[key]
        is_panel = everyone.program == of_program.program_id
        panel = _Side.of(everyone, is_panel, of_program.bootstrap_seed, market.cuts)
        found, behind = _compare(of_program, panel, market, draws, claims_through_period)
        rows.extend(found)
        details.extend(behind)
    return Changes(tuple(rows), tuple(details))


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


@dataclass(frozen=True)
class _Side:
    """A panel or a market: persons by cell, by group and cell, and in random sets to resample.

    `set_starts` index persons ordered by set; sums over sets are exact whole numbers.
    """

    cell: IntArray
    group: IntArray
    totals: IntArray
    set_starts: IntArray
    cuts: FloatArray
    pre_quarters: int

    @classmethod
    def of(
        cls,
        people: People,
        chosen: npt.NDArray[np.bool_],
        seed: int,
        cuts: FloatArray | None = None,
    ) -> "_Side":
        """The chosen people; a market also says where its quarters of prior cost lie."""
        at = np.flatnonzero(chosen)
        prior = people.prior_cents[at]
        cuts = propensity.cost_cuts(prior) if cuts is None else cuts
        set_of, sets = deal(len(at), seed, 1)
        order = np.argsort(set_of, kind="stable")
        at = at[order]
        cell = propensity.cells_of(
            people.age[at],
            people.sex[at].tolist(),
            people.conditions[at],
            people.prior_visits[at],
            propensity.cost_bands(people.prior_cents[at], cuts),
        )
        starts = np.searchsorted(set_of[order], np.arange(sets))
        return cls(cell, people.group[at], people.totals[at], starts, cuts, people.pre_quarters)

    @property
    def persons(self) -> int:
        return len(self.cell)

    @property
    def by_cell(self) -> IntArray:
        return np.bincount(self.cell, minlength=propensity.CELLS).astype(np.int64)

    def weighted(self, weights: IntArray) -> "_Sums":
        """Totals by quarter, of everyone and of each set, times the weight of the person's cell."""
        of_person = self.totals * weights[self.cell][:, None, None]
        of_sets = np.add.reduceat(of_person, self.set_starts, axis=0)
        return _Sums(of_sets.sum(axis=0), of_sets, self.pre_quarters)


@dataclass(frozen=True)
class _Sums:
    """Quarter × (months, visits, cents), in all and by set."""

    total: IntArray
    of_sets: IntArray
    pre_quarters: int

    def resampled(self, counts: FloatArray) -> FloatArray:
        """Draw × quarter × (months, visits, cents)."""
        sets = len(self.of_sets)
        flat = self.of_sets.reshape(sets, -1).astype(np.float64)
        found: FloatArray = (counts @ flat).reshape(len(counts), *self.total.shape)
        return found


@dataclass(frozen=True)
class _Estimate:
    """Rates before and after on both sides, as shown; ratio, difference and pre-trend, or NaN."""

    rates: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    ratio: FloatArray
    difference: FloatArray
    slope: FloatArray


def _estimate(panel: FloatArray, market: FloatArray, pre: int, outcome: str) -> _Estimate:
    """Of totals whose last axes are quarter and (months, visits, cents); draws may stand before."""
    column = _NUMERATORS[outcome]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = []
        for side in (panel, market):
            for span in (slice(None, pre), slice(pre, None)):
                sums = side[..., span, :].sum(axis=-2)
                rates.append(_UNITS[outcome] * sums[..., column] / sums[..., _MONTHS])
        before, after, market_before, market_after = rates
        ratio = (after / before) / (market_after / market_before)
        difference = (after - before) - (market_after - market_before)
        quarterly = [side[..., :pre, column] / side[..., :pre, _MONTHS] for side in (panel, market)]
        logs = np.log(quarterly[0] / quarterly[1])
    step = np.arange(pre) - (pre - 1) / 2
    slope = logs @ step / (step @ step) if pre > 1 else np.full(np.shape(ratio), np.nan)
    return _Estimate((before, after, market_before, market_after), ratio, difference, slope)


def _compare(
    terms: ChangeTerms, panel: _Side, market: _Side, draws: Draws, claims_through_period: str
) -> tuple[list[ChangeRow], list[DetailRow]]:
    of_panel, of_market = panel.by_cell, market.by_cell
    weights = propensity.att_weights(of_panel, of_market)
    blank = _blank_row(terms, panel.persons, market.persons, claims_through_period)
    if weights is None:
        reason = "no panel in the baseline" if not panel.persons else "no market in the baseline"
        return [
            _told(
                replace(blank, outcome=outcome, weighting=weighting, insufficient_reasons=reason),
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
    placebos = _placebos(terms, panel.persons, market)
    own = panel.weighted(ones)
    own_draws = own.resampled(_drawn(draws, own, terms, 0))
    rows, details = [], _balance_details(terms, shown)
    pre = panel.pre_quarters
    for weighting, used in ((UNWEIGHTED, ones), (ATT, weights)):
        theirs = market.weighted(used)
        their_draws = theirs.resampled(_drawn(draws, theirs, terms, 1))
        unit = 1 if weighting == UNWEIGHTED else propensity.WEIGHT_UNIT
        for outcome in OUTCOMES:
            point = _estimate(own.total.astype(float), theirs.total.astype(float), pre, outcome)
            drawn = _estimate(own_draws, their_draws, pre, outcome)
            row = replace(
                blank,
                outcome=outcome,
                weighting=weighting,
                effective_market_persons=propensity.effective_persons(of_market, used),
                largest_difference_before=largest[0],
                largest_difference_after=largest[0 if weighting == UNWEIGHTED else 1],
                insufficient_reasons=", ".join(_reasons(terms, own.total, pre, outcome)),
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


def _drawn(draws: Draws, sums: _Sums, terms: ChangeTerms, stream: int) -> FloatArray:
    return draws(len(sums.of_sets), terms.bootstrap_draws, terms.bootstrap_seed, stream)


def _blank_row(
    terms: ChangeTerms, panel_persons: int, market_persons: int, claims_through_period: str
) -> ChangeRow:
    missing = dict.fromkeys(ChangeRow.__annotations__)
    known: dict[str, object] = {
        "program_id": terms.program_id,
        "outcome": "",
        "weighting": "",
        "program_name": terms.program_name,
        "baseline_start_date": terms.baseline[0],
        "baseline_end_date": terms.baseline[1],
        "performance_start_date": terms.performance[0],
        "performance_end_date": terms.performance[1],
        "claims_through_period": claims_through_period,
        "is_published_design": False,
        "verdict": INSUFFICIENT,
        "sentence": "",
        "insufficient_reasons": "",
        "panel_persons": panel_persons,
        "market_persons": market_persons,
        "placebo_groups": 0,
        "is_suppressed": 0 < panel_persons < MINIMUM_SHOWN or 0 < market_persons < MINIMUM_SHOWN,
    }
    return ChangeRow(**{**missing, **known})  # type: ignore[arg-type]


def _filled(
    row: ChangeRow,
    point: _Estimate,
    drawn: _Estimate,
    pre: int,
    placebos: Sequence[float] | None,
) -> ChangeRow:
    ratio = _finite(point.ratio)
    interval = stats.percentile_interval(drawn.ratio)
    difference = stats.percentile_interval(drawn.difference)
    slope = stats.percentile_interval(drawn.slope) if pre >= MINIMUM_PRE_QUARTERS else None
    p_value = None
    if ratio and interval is not None:
        p_value = stats.log_p_value(ratio, float(np.std(np.log(drawn.ratio), ddof=1)))
    within = sorted(placebos or ())
    is_stated = interval is not None and ratio is not None and not row.insufficient_reasons
    return replace(
        row,
        is_published_design=row.weighting == ATT,
        verdict=stats.verdict_word(interval) if is_stated and interval else INSUFFICIENT,
        panel_before=_finite(point.rates[0]),
        panel_after=_finite(point.rates[1]),
        market_before=_finite(point.rates[2]),
        market_after=_finite(point.rates[3]),
        change_ratio=ratio,
        change_percent=None if ratio is None else 100 * (ratio - 1),
        bootstrap_lower=interval.lower if interval else None,
        bootstrap_upper=interval.upper if interval else None,
        difference=_finite(point.difference),
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


def _placebos(terms: ChangeTerms, panel_persons: int, market: _Side) -> dict[str, list[float]]:
    """The weighted estimate for random unions of market groups as large as the panel.

    A market seldom has thirty groups of a panel's size, so groups are joined in random order until
    they are as large (or half the market); the rest of the market is their comparison. Unions
    overlap, so this is how far groups differ without a program, not an exact test. Empty for a
    market of too few groups.
    """
    groups, group = np.unique(market.group, return_inverse=True)
    if len(groups) < FEWEST_MARKET_GROUPS:
        return {outcome: [] for outcome in OUTCOMES}
    count = len(groups) * propensity.CELLS
    place = group * propensity.CELLS + market.cell
    pre = market.pre_quarters
    halves = np.stack(
        [market.totals[:, :pre].sum(axis=1), market.totals[:, pre:].sum(axis=1)], axis=1
    ).reshape(market.persons, -1)
    columns = np.column_stack([np.ones(market.persons, dtype=np.int64), halves])
    # Whole numbers below 2**53: sums of doubles are exact.
    by_group = np.stack(
        [np.bincount(place, weights=column, minlength=count) for column in columns.T], axis=-1
    ).reshape(len(groups), propensity.CELLS, -1)
    everyone = by_group.sum(axis=0)
    sizes = by_group[:, :, 0].sum(axis=1)
    wanted = min(panel_persons, market.persons // 2)
    random = np.random.default_rng([terms.bootstrap_seed, 3])
    found: dict[str, list[float]] = {outcome: [] for outcome in OUTCOMES}
    for _ in range(PLACEBO_GROUPS):
        order = random.permutation(len(groups))
        reached = np.cumsum(sizes[order])
        chosen = order[: int(np.searchsorted(reached, wanted)) + 1]
        inside = by_group[chosen].sum(axis=0)
        outside = everyone - inside
        weights = propensity.att_weights(
            inside[:, 0].astype(np.int64), outside[:, 0].astype(np.int64)
        )
        if weights is None:
            continue
        totals = [inside[:, 1:].sum(axis=0), weights @ outside[:, 1:]]
        # Two "quarters": before and after.
        sides = [total.reshape(2, 3).astype(float) for total in totals]
        for outcome in OUTCOMES:
            ratio = _finite(_estimate(sides[0], sides[1], 1, outcome).ratio)
            if ratio is not None:
                found[outcome].append(ratio)
    return found


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
    column, scale = _NUMERATORS[outcome], _UNITS[outcome]

    def rate(side: IntArray, span: slice) -> float | None:
        months, numerator = side[span, _MONTHS].sum(), side[span, column].sum()
        return scale * float(numerator) / float(months) if months else None

    base = [rate(side, slice(None, pre)) for side in (panel, market)]
    rows = []
    for quarter in range(len(panel)):
        here = [rate(side, slice(quarter, quarter + 1)) for side in (panel, market)]
        is_small = outcome == ER_VISITS and (
            panel[quarter, column] < MINIMUM_SHOWN or market[quarter, column] < MINIMUM_SHOWN * unit
        )
        values = [None, None] if is_small else here
        ratio = None
        if all((*values, *base)):
            ratio = (values[0] / values[1]) / (base[0] / base[1])  # type: ignore[operator]
        period = "before" if quarter < pre else "after"
        rows.append(
            DetailRow(
                terms.program_id, QUARTER, outcome, quarter, f"quarter {quarter + 1}", period,
                values[0], None, values[1], None, None, ratio,
            )
        )  # fmt: skip
    return rows


def _told(row: ChangeRow, terms: ChangeTerms) -> ChangeRow:
    return replace(row, sentence=sentence(row, terms))


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


def _with_false_discovery_rates(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """No change is a report's headline, so all of a program's are controlled together (H.6)."""
    tested = [index for index, row in enumerate(rows) if row.p_value is not None]
    done = list(rows)
    p_values = [row.p_value for row in rows if row.p_value is not None]
    for index, q_value in zip(tested, stats.false_discovery_rates(p_values), strict=True):
        done[index] = replace(done[index], q_value=q_value)
    return done


def _month(day: date) -> int:
    return 12 * day.year + day.month - 1


def _whole(values: npt.ArrayLike) -> IntArray:
    return np.asarray(values).astype(np.int64)


def _finite(value: FloatArray | float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _as_percent(slope: FloatArray) -> float | None:
    found = _finite(slope)
    return None if found is None else 100 * math.expm1(found)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
