"""Computed measures in payment: points, targets of the market, clinicians' shares (METHODS J)."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestration.payment.measures import (
    MeasureCounts,
    ProgramMeasures,
    computed_quality,
    measure_year,
    read_clinician_indexes,
    read_measures,
)
from orchestration.payment.money import shared_by_quality
from orchestration.payment.terms import MeasureTerms, PayForPerformance
from orchestration.programs import P4pTerms
from tests.payment.test_settlement import TERMS

DIABETES, POOR_CONTROL = "M05", "M06"
GROUPS = 10


def make_measures(
    connection: duckdb.DuckDBPyConnection, program_id: str, area_id: str, payer: str = "cigna"
) -> None:
    """Two measures of two years: 50 members of the program and ten market groups of 50 each.

    M05 (higher is better): the program 80 %, a year before 60 %; groups 50, 54, … 86 %. M06 (lower
    is better): the program 40 % of 40 members, a year before 50 %; groups 50, 46, … 14 %.
    """
    first = 100_000
    connection.execute(
        f"""
        create or replace table measure_member as
        select
            ({first} + 1000 * year + member)::int as person_key, year as measure_year,
            case when member < 50 then '{program_id}' end as program_id,
            case when member >= 50 then (member // 50 - 1)::int end as group_number,
            (member % 50)::int as place, ((member % 5) + 1)::bigint as npi
        from range(550) as m (member), unnest([2024, 2025]) as y (year);
        insert into int_person (person_key, payer)
        select person_key, '{payer}' from measure_member;
        create table int_measure_year as
        select year as measure_year, 12 * year + 11 as snapshot_number, year = 2026 as
            is_worklist_year
        from unnest([2024, 2025, 2026]) as y (year);
        create table int_attribution_decided as
        select person_key, 12 * measure_year + 11 as snapshot_number, group_number
        from measure_member;
        create table int_quality_member as
        select measure_year, person_key, program_id, npi, '{area_id}' as market_area_id,
            group_number is not null as is_attributed_elsewhere
        from measure_member;
        create table quality_measure as select * from (values
            ('M05', '1', 1::decimal(4, 1), true), ('M06', '1', 3::decimal(4, 1), false)
        ) t(measure_id, measure_version, weight, is_higher_better);
        create table int_measure_result as
        select measure_year, person_key, 'M05' as measure_id, '1' as measure_version,
            true as is_measurable, true as is_denominator,
            place < case
                when group_number is not null then 25 + 2 * group_number
                when measure_year = 2025 then 40
                else 30
            end as is_numerator
        from measure_member
        union all
        select measure_year, person_key, 'M06', '1', true, place < 40 or group_number is not null,
            place < case
                when group_number is not null then 25 - 2 * group_number
                when measure_year = 2025 then 16
                else 20
            end
        from measure_member;
        create table agg_quality_measure as
        select
            measure_year, measure_id, '{program_id}' as program_id, null::varchar as practice_id,
            case when group_number is null then 'panel' else 'attributed_elsewhere' end
                as population,
            'Measure ' || measure_id as measure_name,
            measure_id = 'M05' as is_higher_better, true as is_measurable,
            count(*) filter (where is_denominator) as denominator_count,
            count(*) filter (where is_denominator and is_numerator) as numerator_count
        from int_measure_result
        inner join measure_member using (measure_year, person_key)
        group by all
        """
    )


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create table int_person (person_key int, payer varchar)")
    make_measures(connection, "p", "here")
    return connection


def terms_of(*measures: MeasureTerms) -> PayForPerformance:
    return PayForPerformance(measures=measures)


def program_terms(p4p: PayForPerformance | None) -> dict[str, object]:
    return {
        "program_id": "p",
        "payer": "cigna",
        "market_area_id": "here",
        "baseline_start_date": date(2024, 1, 1),
        "baseline_end_date": date(2024, 12, 31),
        "performance_start_date": date(2025, 1, 1),
        "performance_end_date": date(2025, 12, 31),
        "p4p": p4p,
    }


def read(warehouse: duckdb.DuckDBPyConnection, *measures: MeasureTerms) -> ProgramMeasures:
    settled = replace(TERMS, **program_terms(terms_of(*measures)))  # type: ignore[arg-type]
    return read_measures(warehouse, {"p": settled})["p"]


def test_points_come_from_counts_and_the_markets_targets(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """J.1: threshold the market's rate (68 %), benchmark its groups' 90th percentile (82 %).

    80 %: attainment 9 × 12/14 + 0.5 = 8.2 → 8; improvement 10 × 20/22 − 0.5 = 8.6 → 9.
    """
    (line,) = computed_quality(
        terms_of(MeasureTerms(DIABETES)), read(warehouse, MeasureTerms(DIABETES))
    ).lines
    assert line.counts == (40, 50)
    assert line.base_counts == (30, 50)
    assert (line.threshold, line.benchmark) == (Fraction(68, 100), Fraction(82, 100))
    assert line.points == 9
    alone = replace(terms_of(MeasureTerms(DIABETES)), has_improvement=False)
    assert computed_quality(alone, read(warehouse, MeasureTerms(DIABETES))).lines[0].points == 8


def test_lower_is_better_is_turned_and_told_as_it_is(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Poor control 40 % against a market of 32 %: no attainment; 50 → 40 of 50 → 18 improves.

    Improvement 10 × 10/32 − 0.5 = 2.6 → 3.
    """
    (line,) = computed_quality(
        terms_of(MeasureTerms(POOR_CONTROL)), read(warehouse, MeasureTerms(POOR_CONTROL))
    ).lines
    assert (line.threshold, line.benchmark) == (Fraction(32, 100), Fraction(18, 100))
    assert line.points == 3
    agreed = MeasureTerms(POOR_CONTROL, threshold=Decimal("0.45"), benchmark=Decimal("0.40"))
    (line,) = computed_quality(terms_of(agreed), read(warehouse, agreed)).lines
    assert line.points == 10, "an agreed target is of the rate as it is told"


def test_the_composite_weighs_points_and_shares_out_what_is_not_scored(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """EX-J2's rule on computed measures: an absent measure costs weight scored, not score."""
    measures = (
        MeasureTerms(DIABETES, Decimal(2)),
        MeasureTerms(POOR_CONTROL, Decimal(1)),
        MeasureTerms("M99", Decimal(1)),
    )
    found = computed_quality(terms_of(*measures), read(warehouse, *measures))
    assert found.year == 2025
    assert found.quality is not None
    assert found.quality.score == Decimal("0.7"), "(2 × 9 + 3) / 30"
    assert found.quality.weight_scored == Decimal("0.75")
    assert found.lines[2].points is None
    small = replace(terms_of(*measures), min_den=60)
    assert computed_quality(small, read(warehouse, *measures)).quality is None


def test_too_few_groups_give_no_benchmark(warehouse: duckdb.DuckDBPyConnection) -> None:
    """The best of four groups is luck; the measure waits for an agreed target."""
    warehouse.execute(
        "delete from int_measure_result where person_key in "
        "(select person_key from measure_member where group_number >= 4)"
    )
    (line,) = computed_quality(
        terms_of(MeasureTerms(DIABETES)), read(warehouse, MeasureTerms(DIABETES))
    ).lines
    assert line.threshold is not None
    assert (line.benchmark, line.points) == (None, None)
    agreed = MeasureTerms(DIABETES, benchmark=Decimal("0.75"))
    (line,) = computed_quality(terms_of(agreed), read(warehouse, agreed)).lines
    assert line.points == 10


def test_a_benchmark_at_the_threshold_divides_nothing() -> None:
    """A market of equal groups has one target; meeting it is full points, missing it none."""
    counts = MeasureCounts("m", True, (40, 50), (40, 50), ((40, 50),) * 5)
    for panel, points in (((40, 50), 10), ((39, 50), 0)):
        measures = ProgramMeasures(2025, None, {"M05": replace(counts, panel=panel)})
        (line,) = computed_quality(terms_of(MeasureTerms("M05")), measures).lines
        assert line.points == points


def test_nothing_is_read_for_reported_quality() -> None:
    """A warehouse without quality measures still settles contracts that do not ask for them."""
    settled = replace(TERMS, **program_terms(PayForPerformance()))  # type: ignore[arg-type]
    assert read_measures(duckdb.connect(), {"p": settled}) == {}


@pytest.mark.parametrize(
    ("start", "end", "year"),
    [
        (date(2025, 1, 1), date(2025, 12, 31), 2025),
        (date(2024, 7, 1), date(2025, 6, 30), 2024),
        (date(2025, 1, 1), date(2025, 6, 30), None),
    ],
)
def test_measures_are_of_the_year_that_ends_in_the_period(
    start: date, end: date, year: int | None
) -> None:
    """A measure is defined for calendar years; a period without a year's end has none."""
    assert measure_year(start, end) == year


def test_clinicians_of_few_events_take_the_panels_index(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Clinician 1 has the members 0, 5, …: chance in a handful must not move pay."""
    measures = (MeasureTerms(DIABETES, Decimal(2)), MeasureTerms(POOR_CONTROL, Decimal(1)))
    p4p = replace(terms_of(*measures), min_den=18)
    settled = replace(TERMS, **program_terms(p4p))  # type: ignore[arg-type]
    indexes, whole = read_clinician_indexes(warehouse, settled)
    assert whole == Fraction(2 * 40 + 24, 2 * 50 + 40)
    # 8 of 10 tested; of 8 measured for control 3 or 4 are poor.
    assert indexes["0000000001"] == Fraction(2 * 8 + (8 - 4), 2 * 10 + 8)
    few = replace(settled, p4p=replace(p4p, min_den=30))
    assert read_clinician_indexes(warehouse, few) == ({}, whole)
    seeds = replace(settled, p4p=None)
    assert read_clinician_indexes(warehouse, seeds)[1] == Fraction(40 + 3 * 24, 50 + 3 * 40)


@given(
    panel=st.integers(0, 10**9),
    quality=st.integers(0, 10**9),
    months=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 500), min_size=1),
)
def test_both_parts_are_shared_out_to_the_cent(
    panel: int, quality: int, months: dict[str, int]
) -> None:
    """What is paid to clinicians is what the group is paid, whoever has an index."""
    parts = shared_by_quality(panel, quality, months, {"a": Fraction(9, 10)}, Fraction(1, 2))
    assert sum(parts.values()) == panel + quality
    assert set(parts) == set(months)
    nobody = shared_by_quality(panel, quality, months, {}, None)
    assert nobody == shared_by_quality(panel, quality, months, {}, Fraction(1))


def test_a_better_index_earns_more_of_the_quality_part_alone() -> None:
    """Two equal panels: 0.9 against 0.6 shares the quality part 3 to 2, the panel part evenly."""
    indexes = {"a": Fraction(9, 10), "b": Fraction(6, 10)}
    assert shared_by_quality(1_000, 500, {"a": 6, "b": 6}, indexes, None) == {"a": 800, "b": 700}


def test_what_cannot_be_scored_is_refused() -> None:
    """A measure twice, a gate without measures, or a weight of nothing would pay by accident."""
    for wrong in (
        {"measures": [{"measure": "M05"}, {"measure": "M05"}]},
        {"scores_savings": True},
        {"measures": [{"measure": "M05", "weight": 0}]},
        {"measures": [{"measure": "diabetes"}]},
    ):
        with pytest.raises(ValidationError):
            P4pTerms.model_validate_json(json.dumps(wrong), strict=False)
