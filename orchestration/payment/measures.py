"""Computed measures as payment reads them: rates, targets of the market, points (METHODS J.1–J.3).

Measures are computed in the warehouse, points and money in `points.py`. Here the counts are read,
targets that the terms leave open are taken from the market, and clinicians get their quality index.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import duckdb

from orchestration.payment.money import rounded
from orchestration.payment.points import Composite, MeasureScore, composite
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import MeasureTerms, PayForPerformance, SettlementTerms

FEWEST_GROUPS = 5
_PERCENTILE = Fraction(9, 10)

Counts = tuple[int, int]
"""Numerator and denominator."""


@dataclass(frozen=True)
class MeasureCounts:
    """One measure and year: the panel, its market, and the market's groups."""

    name: str
    is_higher_better: bool
    panel: Counts
    market: Counts
    groups: tuple[Counts, ...] = ()


@dataclass(frozen=True)
class ProgramMeasures:
    """A program's measures of the performance year and of its baseline, by measure id.

    Years are calendar years that end inside the period; None where none does.
    """

    year: int | None = None
    base_year: int | None = None
    now: Mapping[str, MeasureCounts] = field(default_factory=dict)
    base: Mapping[str, MeasureCounts] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasurePoints:
    """One scored line: rates and targets are as told, points None where it is not scored."""

    measure: str
    name: str
    terms: MeasureTerms
    counts: Counts
    base_counts: Counts
    threshold: Fraction | None
    benchmark: Fraction | None
    points: Fraction | None


@dataclass(frozen=True)
class ComputedQuality:
    """The composite of computed measures, and the lines it comes from; quality None without any."""

    year: int | None
    quality: Quality | None
    lines: tuple[MeasurePoints, ...]


def measure_year(start: date, end: date) -> int | None:
    """The last calendar year that ends inside the period (both days included)."""
    year = end.year if (end.month, end.day) == (12, 31) else end.year - 1
    return year if date(year, 12, 31) >= start else None


def computed_quality(terms: PayForPerformance, measures: ProgramMeasures) -> ComputedQuality:
    """Points of every agreed measure and their composite, exact.

    A measure without counts, or whose open targets the market cannot give, is not scored; its
    weight is shared out among the others and counts against `min_weight_scored` (J.1, J.3).
    """
    lines: list[MeasurePoints] = []
    scores: list[MeasureScore] = []
    for one in terms.measures:
        now, base = measures.now.get(one.measure), measures.base.get(one.measure)
        score, threshold, benchmark = _score(one, now, base, terms.min_den)
        scores.append(score)
        lines.append(
            MeasurePoints(
                one.measure,
                now.name if now else one.measure,
                one,
                now.panel if now else (0, 0),
                base.panel if base else (0, 0),
                threshold,
                benchmark,
                None,
            )
        )
    found: Composite = composite(scores, terms.point_method, terms.has_improvement, terms.min_den)
    lines = [
        MeasurePoints(**{**vars(line), "points": points})
        for line, points in zip(lines, found.points, strict=True)
    ]
    quality = None
    if found.score is not None:
        # Half up at the twelve decimals that are published, so that both sides pay by one number.
        quality = Quality(rounded(found.score, 12), rounded(found.weight_scored, 12))
    return ComputedQuality(measures.year, quality, tuple(lines))


def read_measures(
    warehouse: duckdb.DuckDBPyConnection, terms: Mapping[str, SettlementTerms]
) -> dict[str, ProgramMeasures]:
    """Counts of every program whose terms score measures; nothing is read where none does."""
    scored = {
        program_id: of_program
        for program_id, of_program in sorted(terms.items())
        if of_program.p4p is not None and of_program.p4p.measures
    }
    if not scored:
        return {}
    totals = warehouse.execute(
        """
        select
            program_id, measure_year, measure_id, any_value(measure_name),
            bool_or(is_higher_better),
            sum(numerator_count) filter (where population = 'panel'),
            sum(denominator_count) filter (where population = 'panel'),
            sum(numerator_count) filter (where population = 'attributed_elsewhere'),
            sum(denominator_count) filter (where population = 'attributed_elsewhere')
        from agg_quality_measure
        where practice_id is null and is_measurable and population <> 'whole_market'
        group by program_id, measure_year, measure_id
        """
    ).fetchall()
    groups = _read_groups(warehouse)
    found: dict[tuple[str, int], dict[str, MeasureCounts]] = defaultdict(dict)
    for program_id, year, measure, name, is_higher, *counts in totals:
        of_program = scored.get(program_id)
        if of_program is None:
            continue
        numerator, denominator, of_market, market_denominator = (int(one or 0) for one in counts)
        key = (of_program.payer, of_program.market_area_id, year, measure)
        found[program_id, year][measure] = MeasureCounts(
            name,
            bool(is_higher),
            (numerator, denominator),
            (of_market, market_denominator),
            tuple(groups.get(key, ())),
        )
    read = {}
    for program_id, of_program in scored.items():
        year = measure_year(of_program.performance_start_date, of_program.performance_end_date)
        base = measure_year(of_program.baseline_start_date, of_program.baseline_end_date)
        read[program_id] = ProgramMeasures(
            year,
            base,
            found.get((program_id, year), {}) if year else {},
            found.get((program_id, base), {}) if base else {},
        )
    return read


def read_clinician_indexes(
    warehouse: duckdb.DuckDBPyConnection, terms: SettlementTerms
) -> tuple[dict[str, Fraction], Fraction | None]:
    """Quality index of each clinician (by NPI) and of the whole panel, in the performance year.

    Index = Σ w·numerator / Σ w·denominator, lower-is-better reversed (H.9), over the measures the
    terms score, else over all with their own weights. Who has fewer than `min_den` events takes the
    panel's index, so that chance in a few people moves nobody's pay.
    """
    year = measure_year(terms.performance_start_date, terms.performance_end_date)
    agreed = {one.measure: Fraction(one.weight) for one in terms.p4p.measures} if terms.p4p else {}
    rows = warehouse.execute(
        """
        select
            lpad(members.npi::varchar, 10, '0') as npi,
            results.measure_id,
            any_value(measures.weight)::varchar as weight,
            bool_or(measures.is_higher_better) as is_higher_better,
            count(*) filter (where results.is_numerator) as numerators,
            count(*) as denominators
        from int_measure_result as results
        inner join int_quality_member as members
            on
                results.measure_year = members.measure_year
                and results.person_key = members.person_key
        inner join quality_measure as measures
            on
                results.measure_id = measures.measure_id
                and results.measure_version = measures.measure_version
        where
            members.program_id = ?
            and results.measure_year = ?
            and results.is_denominator
            and results.is_measurable
            and members.npi is not null
        group by members.npi, results.measure_id
        order by members.npi, results.measure_id
        """,
        [terms.program_id, year],
    ).fetchall()
    earned: dict[str, Fraction] = defaultdict(Fraction)
    possible: dict[str, Fraction] = defaultdict(Fraction)
    events: dict[str, int] = defaultdict(int)
    for npi, measure, seed_weight, is_higher, numerator, denominator in rows:
        weight = agreed.get(measure, Fraction(0)) if agreed else Fraction(seed_weight)
        good = numerator if is_higher else denominator - numerator
        earned[npi] += weight * good
        possible[npi] += weight * denominator
        events[npi] += denominator if weight else 0
    total = sum(possible.values(), Fraction(0))
    whole = sum(earned.values(), Fraction(0)) / total if total else None
    least = terms.p4p.min_den if terms.p4p else 30
    return {
        npi: earned[npi] / possible[npi]
        for npi in possible
        if possible[npi] and events[npi] >= least
    }, whole


def _read_groups(
    warehouse: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str, int, str], list[Counts]]:
    """Counts of each group outside every program, by payer, market area, year and measure."""
    rows = warehouse.execute(
        """
        select
            persons.payer,
            members.market_area_id,
            results.measure_year,
            results.measure_id,
            decided.group_number,
            count(*) filter (where results.is_numerator) as numerators,
            count(*) as denominators
        from int_measure_result as results
        inner join int_measure_year as years on results.measure_year = years.measure_year
        inner join int_quality_member as members
            on
                results.measure_year = members.measure_year
                and results.person_key = members.person_key
        inner join int_attribution_decided as decided
            on
                results.person_key = decided.person_key
                and years.snapshot_number = decided.snapshot_number
        inner join int_person as persons on results.person_key = persons.person_key
        where
            members.is_attributed_elsewhere
            and results.is_denominator
            and results.is_measurable
            and not years.is_worklist_year
        group by all
        order by all
        """
    ).fetchall()
    found: dict[tuple[str, str, int, str], list[Counts]] = defaultdict(list)
    for payer, area, year, measure, _, numerator, denominator in rows:
        found[payer, area, year, measure].append((numerator, denominator))
    return found


def _score(
    terms: MeasureTerms, now: MeasureCounts | None, base: MeasureCounts | None, min_den: int
) -> tuple[MeasureScore, Fraction | None, Fraction | None]:
    """The measure to score and its targets as told; denominator 0 where it cannot be scored."""
    unscored = MeasureScore(terms.weight, Fraction(0), 0, Fraction(0), Fraction(1))
    if now is None or not now.panel[1]:
        return unscored, None, None
    higher = now.is_higher_better
    threshold = (
        _good(Fraction(terms.threshold), higher)
        if terms.threshold is not None
        else _rate(now.market, higher)
    )
    benchmark = (
        _good(Fraction(terms.benchmark), higher)
        if terms.benchmark is not None
        else _best_groups(now.groups, higher, min_den)
    )
    if threshold is None or benchmark is None:
        return (
            unscored,
            None if threshold is None else _good(threshold, higher),
            None if benchmark is None else _good(benchmark, higher),
        )
    benchmark = max(benchmark, threshold)
    score = MeasureScore(
        weight=terms.weight,
        rate=_good(Fraction(*now.panel), higher),
        denominator=now.panel[1],
        threshold=threshold,
        benchmark=benchmark,
        base=_rate(base.panel, higher) if base else None,
        base_denominator=base.panel[1] if base else 0,
    )
    return score, _good(threshold, higher), _good(benchmark, higher)


def _good(rate: Fraction, is_higher_better: bool) -> Fraction:
    """The rate turned so that higher is better, and back again."""
    return rate if is_higher_better else 1 - rate


def _rate(counts: Counts, is_higher_better: bool) -> Fraction | None:
    return _good(Fraction(*counts), is_higher_better) if counts[1] else None


def _best_groups(groups: Sequence[Counts], is_higher_better: bool, min_den: int) -> Fraction | None:
    """The 90th percentile (nearest rank) of groups with a sound denominator; None of too few."""
    rates = sorted(
        _good(Fraction(*counts), is_higher_better) for counts in groups if counts[1] >= min_den
    )
    if len(rates) < FEWEST_GROUPS:
        return None
    return rates[-(-len(rates) * _PERCENTILE.numerator // _PERCENTILE.denominator) - 1]
