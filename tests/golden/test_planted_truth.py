"""The pipeline against what the simulator planted: exact where counted, within chance elsewhere.

The truth lies beside the extracts and is read by these tests alone.
"""

import json
from typing import Any

import duckdb
import pytest
from scipy.stats import binomtest

from orchestration.settings import Settings
from orchestration.simulator.clinical import ASKED, COUNSELLED, POSITIVE, SCREENED, WEIGHED
from orchestration.warehouse import read_warehouse
from tests.conftest import Demo

pytestmark = [pytest.mark.golden, pytest.mark.xdist_group("pipeline")]


@pytest.fixture(scope="module")
def settings(demo: Demo) -> Settings:
    return demo.settings


@pytest.fixture(scope="module")
def totals(settings: Settings) -> dict[str, Any]:
    return truth(settings, "totals")


def truth(settings: Settings, name: str) -> Any:
    return json.loads((settings.truth_dir / f"{name}.json").read_text())


def one_row(settings: Settings, query: str) -> tuple[Any, ...]:
    with read_warehouse(settings) as warehouse:
        (row,) = warehouse.execute(query).fetchall()
    return tuple(row)


def test_final_claims_are_those_that_truly_happened(
    settings: Settings, totals: dict[str, Any]
) -> None:
    """Duplicates, voids, replacements and late originals must leave neither a line nor a cent."""
    found = one_row(
        settings,
        """
        select
            count(*),
            count(distinct claim_key),
            count(*) filter (where is_denied),
            sum(allowed_cents) filter (where not is_denied),
            sum(paid_cents) filter (where not is_denied)
        from int_claim_line
        """,
    )
    names = [
        "final_lines",
        "final_claims",
        "denied_lines",
        "final_allowed_cents",
        "final_paid_cents",
    ]
    assert found == tuple(totals[name] for name in names)


def test_final_fills_are_those_that_were_not_reversed(
    settings: Settings, totals: dict[str, Any]
) -> None:
    """A reversed fill that stays would count as adherence and as cost."""
    found = one_row(settings, "select count(*), sum(allowed_cents) from int_pharmacy_fill")
    assert found == (totals["final_fills"], totals["final_fill_allowed_cents"])


def test_ed_visits_are_those_that_truly_happened(
    settings: Settings, totals: dict[str, Any]
) -> None:
    """Urgent care, reads in the ED and midnight must neither add nor split a visit."""
    found = one_row(
        settings,
        "select count(*), count(*) filter (where is_treat_and_release) from int_ed_visit",
    )
    assert found == (totals["ed_visits_all"], totals["ed_visits_treat_and_release"])


def test_stays_are_those_that_truly_happened(settings: Settings, totals: dict[str, Any]) -> None:
    """Interim bills are one stay; a cancelled admission is none."""
    found = one_row(settings, "select count(*) from int_inpatient_stay")
    assert found == (totals["inpatient_stays"],)


def test_readmissions_are_those_that_truly_happened(
    settings: Settings, totals: dict[str, Any]
) -> None:
    """A transfer is none, a planned one is none, and each stay comes back once at most."""
    found = one_row(
        settings,
        """
        select
            count(*) filter (where is_readmitted),
            count(*) filter (where next_index_key is not null and not is_readmitted),
            count(*) filter (where planned_by = 'PLANNED_REASON')
        from int_index_stay
        """,
    )
    planned = totals["planned_readmissions"]
    assert found == (totals["readmissions"], planned, planned)


def test_a_stay_is_linked_to_the_visit_it_is(settings: Settings) -> None:
    """Every link is right, and what hospitals told of billed stays is linked where they say who."""
    truly = settings.truth_dir / "true_hospital_visits.parquet"
    with read_warehouse(settings) as warehouse:
        wrong, missed, linked = warehouse.execute(
            f"""
            select
                count(*) filter (
                    where links.link_status = 'LINKED'
                        and (not visits.is_billed or persons.person_id <> visits.person_id)
                ),
                count(*) filter (
                    where links.link_status <> 'LINKED'
                        and links.person_key is not null
                        and visits.is_billed
                ),
                count(*) filter (where links.link_status = 'LINKED')
            from int_adt_stay_link as links
            inner join read_parquet('{truly}') as visits
                on links.visit_number = visits.visit_number and not visits.is_cancelled
            left join int_person as persons on links.person_key = persons.person_key
            """
        ).fetchall()[0]
    assert (wrong, missed) == (0, 0)
    assert linked > 0


def test_stopped_therapies_and_clashing_drugs_are_found(
    settings: Settings, totals: dict[str, Any]
) -> None:
    """A therapy nobody went on with is a skipped refill, an MAO inhibitor and sertraline an alarm.

    Who was in hospital meanwhile has days to spare, and may be on no list yet.
    """
    truly = settings.truth_dir / "true_medication.parquet"
    with read_warehouse(settings) as warehouse:
        states = warehouse.execute(
            f"""
            select distinct refills.state
            from read_parquet('{truly}') as planted
            inner join int_person as persons using (person_id)
            left join int_refill as refills
                on persons.person_key = refills.person_key
                and refills.drug_class = 'ras_antagonist'
            where planted.kind = 'stopped'
                and persons.person_key not in (
                    select person_key from int_inpatient_stay
                    where discharge_date is null or discharge_date > date '2025-06-30'
                )
            """
        ).fetchall()
        found = warehouse.execute(
            f"""
            select count(*), count(planted.person_id)
            from int_medication_alert as alerts
            inner join int_person as persons using (person_key)
            left join (
                select person_id from read_parquet('{truly}') where kind = 'clashing'
            ) as planted using (person_id)
            where alerts.grade = 'CRITICAL' and alerts.rule_id = 'I04'
            """
        ).fetchall()
    assert totals["stopped_therapies"] > 0
    assert states == [("SKIPPED",)]
    assert found == [(totals["clashing_drugs"],) * 2]


def test_members_are_counted_once(settings: Settings, totals: dict[str, Any]) -> None:
    """Overlapping, cancelled and retroactively ended spans must not multiply a member."""
    found = one_row(
        settings,
        """
        select
            (select count(*) from int_person),
            (
                select count(*)
                from int_member_month
                where is_medical and month_start_date <= date '2025-12-01'
            )
        """,
    )
    assert found == (totals["members"], totals["member_months"])


def test_rejected_and_repeated_rows_are_found_exactly(settings: Settings) -> None:
    """A count that is nearly right hides the row that is lost."""
    planted = {
        (delivery["source"], delivery["feed"], delivery["file"]): (
            delivery["rows"],
            delivery["planted"].get("rejected_rows", 0),
            delivery["planted"].get("duplicate_rows", 0),
        )
        for delivery in truth(settings, "mess")["deliveries"]
    }
    rows = duckdb.sql(
        f"""
        select source_id, feed, file_name, row_count, rejected_count, duplicate_count
        from read_parquet('{settings.inputs_dir / "delivery.parquet"}')
        where feed <> 'program_terms'
        """
    ).fetchall()
    assert {tuple(row[:3]): tuple(row[3:]) for row in rows} == planted


def test_each_reject_names_the_planted_column_and_value(settings: Settings) -> None:
    """The sender can mend only what is named; hospital messages: tests/simulator."""
    planted = {
        (row["feed"], row["column"], row["value"])
        for row in truth(settings, "mess")["rejected_rows"]
        if row["feed"] != "adt_events"
    }
    pattern = settings.ledger_dir / "rejects" / "*" / "*.parquet"
    rows = duckdb.sql(
        f"""
        select distinct split_part(filename, '/', -2), column_name, coalesce(value, '')
        from read_parquet('{pattern}', filename = true)
        where reason not like 'duplicate%' and filename not like '%/adt_events/%'
        """
    ).fetchall()
    assert set(rows) == planted


def test_lines_of_unknown_clinicians_are_kept_and_counted(settings: Settings) -> None:
    """FAULTS 50: an NPI on no roster is kept as unknown, counted, and attributes nobody."""
    with read_warehouse(settings) as warehouse:
        unknown, attributed = warehouse.execute(
            """
            select
                count(*),
                count(*) filter (
                    where rendering_npi in (select npi from int_member_attribution)
                )
            from int_primary_care_visit
            where is_unknown_provider
            """
        ).fetchall()[0]
    assert unknown > 0
    assert attributed == 0


def test_the_planted_er_effect_lies_in_the_interval(settings: Settings) -> None:
    """On the basis for inference, where a comparison is fair (PROGRAMS, "what planted means").

    The quasi-Poisson interval: panels as small as the demo's may not be stated, so nothing is
    resampled for them.
    """
    planted = {
        program["program_id"]: program["planted"]["ed"]
        for program in truth(settings, "effects")["programs"]
    }
    rows = duckdb.sql(
        f"""
        select program_id, quasi_lower, quasi_upper
        from read_parquet('{settings.outcomes_dir / "agg_er_use_versus_market.parquet"}')
        where market_basis = 'attributed_elsewhere'
            and period_role = 'performance'
            and reporting_unit_id = program_id
        """
    ).fetchall()
    assert {row[0] for row in rows} == set(planted)
    for program_id, lower, upper in rows:
        assert lower <= planted[program_id] <= upper, program_id


def test_attribution_finds_the_true_program_of_nearly_everyone(settings: Settings) -> None:
    """Attribution error dilutes every effect; 95 % right turns 7 % lower into 6.6 %."""
    with read_warehouse(settings) as warehouse:
        right, members = warehouse.execute(
            f"""
            with truly as (
                select person_id, program_id
                from read_parquet('{settings.truth_dir / "true_membership.parquet"}')
                where '2025-06' between first_month and last_month
            )
            select
                count(*) filter (where attribution.program_id = truly.program_id),
                count(*)
            from truly
            inner join int_person as person on truly.person_id = person.person_id
            inner join int_member_attribution as attribution
                on person.person_key = attribution.person_key
            where attribution.snapshot_date = date '2025-06-30'
                and attribution.program_id is not null
            """
        ).fetchall()[0]
    assert members > 100
    assert right / members > 0.95


def test_the_planted_diabetes_effect_lies_in_the_interval(settings: Settings) -> None:
    """Tests of members with diabetes were made likelier from 2025 on; the year before was alike.

    HbA1c tests come from claims, kidney evaluations from results: both against members attributed
    to other groups, where a panel has ten members with diabetes. One chance in a thousand, as
    many comparisons are judged together.
    """
    planted = {
        program["program_id"]: program["planted"]["diabetes"]
        for program in truth(settings, "effects")["programs"]
    }
    assert planted["prohealth_physicians"] == 1.09
    with read_warehouse(settings) as warehouse:
        rows = warehouse.execute(
            """
            select
                panel.program_id,
                panel.measure_year,
                panel.numerator_count,
                panel.denominator_count,
                other.numerator_count,
                other.denominator_count
            from agg_quality_measure as panel
            inner join agg_quality_measure as other
                using (measure_year, measure_id, program_id)
            where panel.measure_id in ('M05', 'M08')
                and panel.population = 'panel'
                and panel.practice_id is null
                and other.population = 'attributed_elsewhere'
            """
        ).fetchall()
    judged = [row for row in rows if row[3] >= 10]
    assert ("prohealth_physicians", 2025) in {row[:2] for row in judged}
    for program_id, year, met, members, others_met, others in judged:
        effect = planted[program_id] if year == 2025 else 1.0
        expected = min(others_met / others * effect, 0.99)
        chance = binomtest(met, members, expected).pvalue
        assert chance > 0.001, (program_id, year, met, members, expected)


def test_measures_find_what_was_planted(settings: Settings) -> None:
    """Rates that nothing in the simulation could give would be errors of codes or windows."""
    with read_warehouse(settings) as warehouse:
        rates = dict(
            warehouse.execute(
                """
                select
                    measure_id,
                    sum(numerator_count) * 1.0 / sum(denominator_count)
                from agg_quality_measure
                where measure_year = 2025
                    and practice_id is null
                    and population in ('panel', 'attributed_elsewhere')
                group by measure_id
                """
            ).fetchall()
        )
        measured = warehouse.execute(
            "select bool_and(is_measurable) from agg_quality_measure where measure_year = 2025"
        ).fetchall()
    assert measured == [(True,)]
    # Chances and values of simulator/clinical.py and diagnostics.py, in wide brackets.
    brackets = {
        "M05": (0.70, 0.92),
        "M06": (0.15, 0.60),
        "M08": (0.45, 0.70),
        "M09": (0.35, 0.75),
        "M10": (0.20, 0.50),
        "M12": (0.40, 0.95),
        # Fills of antibiotics fall where they will: few follow a cold.
        "M15": (0.93, 1.00),
        "M16": (0.95, 1.00),
        "M19": (0.70, 1.00),
        "M20": (0.40, 0.85),
        "M21": (0.25, 0.75),
        # Chances of those with a visit; some members had none, and a heavy member needs more.
        "M22": (COUNSELLED - 0.10, COUNSELLED + 0.02),
        "M24": (SCREENED * (1 - POSITIVE) - 0.08, SCREENED * (1 - POSITIVE) + 0.03),
        "M25": (0.2 * WEIGHED, 0.6 * WEIGHED),
        "M31": (0.95, 1.00),
    }
    for measure, (least, most) in brackets.items():
        assert least <= rates[measure] <= most, (measure, rates[measure])


def test_as_many_answer_about_tobacco_as_were_asked(settings: Settings) -> None:
    """Each member with a visit was asked with the planted chance, in every panel and elsewhere."""
    with read_warehouse(settings) as warehouse:
        rows = warehouse.execute(
            """
            select program_id, population, numerator_count, denominator_count
            from agg_quality_measure
            where measure_id = 'M26A'
                and measure_year = 2025
                and practice_id is null
                and population in ('panel', 'attributed_elsewhere')
            """
        ).fetchall()
    assert len(rows) >= 5
    for program_id, population, answered, members in rows:
        chance = binomtest(answered, members, ASKED).pvalue
        assert chance > 0.001, (program_id, population, answered, members)
