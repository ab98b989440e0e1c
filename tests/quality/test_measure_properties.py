"""What holds of every measure whatever the evidence: the compiled measures on changed events.

The measures run as the night compiled them, on the demo's members of one year, with events added or
taken away. Boundaries of single measures are dbt unit tests beside them.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.settings import PROJECT_ROOT
from tests.conftest import Demo

pytestmark = pytest.mark.xdist_group("pipeline")

MACROS = PROJECT_ROOT / "dbt_project" / "macros" / "clinical"
YEAR = 2025
SERVICE, FILL = 3, 4
# What only ever meets a measure, with its kind and value. Not here: values of which the most recent
# decides (M06, M09, M24), vaccines of a schedule (M20), and what makes a denominator (M14, M32).
EVIDENCE = {
    "mammography": (SERVICE, None),
    "cervical_cytology": (SERVICE, None),
    "colonoscopy": (SERVICE, None),
    "fobt": (SERVICE, None),
    "chlamydia_test": (SERVICE, None),
    "hba1c": (SERVICE, None),
    "eye_exam": (SERVICE, None),
    "egfr": (SERVICE, None),
    "uacr": (SERVICE, None),
    "statin": (FILL, 30),
    "strep_test": (SERVICE, None),
    "well_visit_child": (SERVICE, None),
    "tdap": (SERVICE, None),
    "influenza_vaccine_child": (SERVICE, None),
    "nutrition_counselling": (SERVICE, None),
    "activity_counselling": (SERVICE, None),
    "tobacco_counselling": (SERVICE, None),
    "behavioral_visit": (SERVICE, None),
    "transition_visit": (SERVICE, None),
    "care_management": (SERVICE, None),
    "ace_or_arb": (FILL, 30),
    "heart_failure_beta_blocker": (FILL, 30),
}


def macro_list(name: str) -> list[str]:
    """Texts a macro without parameters returns as a list."""
    body = (MACROS / "concepts.sql").read_text()
    (found,) = re.findall(rf"macro {name}.*?return\((\[.*?\])\)", body, re.S)
    names: list[str] = ast.literal_eval(found)
    return names


CONCEPTS = {name: number for number, name in enumerate(macro_list("concept_names"), 1)}


def single_services() -> list[tuple[str, str, int]]:
    """(measure, concept, months) of macro single_service_evidence."""
    text = (MACROS / "measure_evidence.sql").read_text()
    (found,) = re.findall(r"macro single_service_evidence.*?return\((\{.*?\n    \})\)", text, re.S)
    evidence: dict[str, dict[int, list[str]]] = ast.literal_eval(found)
    return [
        (measure, name, months)
        for measure, by_months in evidence.items()
        for months, names in by_months.items()
        for name in names
    ]


class Result(NamedTuple):
    """What a measure says of one member or event."""

    measurable: bool
    denominator: bool
    numerator: bool
    claim: int | None


Key = tuple[str, int, date]


@dataclass(frozen=True)
class Measures:
    """The compiled measures, to be run on the events of table `events_now`."""

    connection: duckdb.DuckDBPyConnection
    queries: tuple[str, ...]
    lower_is_better: frozenset[str]

    def run(self, events: str) -> dict[Key, Result]:
        """Results of every measure on the events a query gives."""
        self.connection.execute(f"create or replace temp table events_now as {events}")
        return {
            (row[0], row[1], row[2]): Result(*row[3:])
            for query in self.queries
            for row in self.connection.execute(
                "select measure_id, person_key, measured_date, is_measurable, is_denominator,"
                f" is_numerator, evidence_claim_key from ({query})"
            ).fetchall()
        }

    def is_open(self, key: Key, result: Result) -> bool:
        """Whether the member counts and does not meet the measure, the right way round."""
        return result.denominator and result.numerator == (key[0] in self.lower_is_better)


@pytest.fixture(scope="module")
def measures(demo: Demo) -> Iterator[Measures]:
    compiled = sorted(
        (demo.settings.dbt_target_dir / "compiled").rglob("families/int_measure_result_*.sql")
    )
    assert len(compiled) >= 6
    queries = []
    for path in compiled:
        query = path.read_text()
        for table in ("int_clinical_event", "int_quality_member"):
            name = f'"warehouse"."main"."{table}"'
            assert name in query
            query = query.replace(name, "events_now" if "event" in table else "members_now")
        queries.append(query)
    with duckdb.connect() as connection:
        file = demo.settings.warehouse_file
        connection.execute(f"attach '{file}' as warehouse (read_only)")
        connection.execute(
            f"""
            create temp table members_now as
            select * from warehouse.main.int_quality_member
            where measure_year = {YEAR} and person_key % 2 = 0
            """
        )
        lower = connection.execute(
            "select measure_id from warehouse.main.quality_measure where not is_higher_better"
        ).fetchall()
        yield Measures(connection, tuple(queries), frozenset(row[0] for row in lower))


@pytest.fixture(scope="module")
def before(measures: Measures) -> dict[Key, Result]:
    """Results on the events as they are."""
    return measures.run("select * from warehouse.main.int_clinical_event")


def test_nobody_meets_a_measure_who_does_not_count(before: dict[Key, Result]) -> None:
    """A numerator outside of its denominator gives rates above one."""
    assert len({key[0] for key in before}) >= 38
    assert not [
        key for key, result in before.items() if result.numerator and not result.denominator
    ]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=2, deadline=None, database=None)
def test_adding_evidence_never_opens_a_gap(
    measures: Measures, before: dict[Key, Result], seed: int
) -> None:
    """A service that takes another one's credit away would punish who did more.

    A member may leave a denominator (M26B when the answer changes), never become open.
    """
    rng = np.random.default_rng(seed)
    persons = sorted({key[1] for key in before})
    names = sorted(EVIDENCE)
    count = 4 * len(persons)
    first = date(YEAR - 1, 1, 1)
    added = [
        (
            int(rng.choice(persons)),
            CONCEPTS[name],
            EVIDENCE[name][0],
            EVIDENCE[name][1],
            first + timedelta(days=int(rng.integers(0, 731))),
        )
        for name in (names[place] for place in rng.integers(0, len(names), count))
    ]
    persons_now, concepts, kinds, values, days = zip(*added, strict=True)
    connection = measures.connection
    connection.register(
        "added_rows",
        pa.table(
            {
                "person_key": pa.array(persons_now, pa.int32()),
                "concept_key": pa.array(concepts, pa.int32()),
                "source_kind": pa.array(kinds, pa.int32()),
                "value": pa.array(values, pa.int32()),
                "event_date": pa.array(days, pa.date32()),
            }
        ),
    )
    connection.execute(
        "create or replace temp table added as"
        " select * replace (value::decimal(12, 3) as value) from added_rows"
    )
    after = measures.run(
        """
        select * from warehouse.main.int_clinical_event
        union all by name
        select *, null::bigint as evidence_claim_key, null::date as delivered_on from added
        """
    )
    opened = [
        key
        for key, result in after.items()
        if measures.is_open(key, result)
        and key in before
        and before[key].denominator
        and not measures.is_open(key, before[key])
    ]
    assert opened == []
    changed = [key for key, result in after.items() if key in before and result != before[key]]
    assert changed, "the evidence added changed nothing: this test would hold of anything"


def test_a_void_removes_what_its_claim_supported(
    measures: Measures, before: dict[Key, Result]
) -> None:
    """Evidence that outlives its claim closes gaps for a service that never was."""
    claims = sorted({result.claim for result in before.values() if result.claim is not None})
    voided = claims[::2]
    assert len(voided) > 50
    measures.connection.execute("create or replace temp table voided (claim_key bigint)")
    measures.connection.executemany("insert into voided values (?)", [(key,) for key in voided])
    after = measures.run(
        """
        select * from warehouse.main.int_clinical_event
        where coalesce(evidence_claim_key not in (select claim_key from voided), true)
        """
    )
    gone = set(voided)
    assert not [key for key, result in after.items() if result.claim in gone]
    reopened = [
        key
        for key, result in before.items()
        if result.claim in gone and key in after and measures.is_open(key, after[key])
    ]
    assert reopened, "no gap stood on a voided claim: this test would hold of anything"


def test_a_service_meets_its_measure_from_the_first_day_that_history_says(
    measures: Measures, before: dict[Key, Result]
) -> None:
    """`single_service_evidence` decides what reopened a gap: it must agree with the measures.

    Each listed service is given to members without any, on its first day and on the day before.
    """
    services = single_services()
    # A test for HPV counts from 30 years on, years before the measured one.
    grown = {
        row[0]
        for row in measures.connection.execute(
            "select person_key from members_now where age_at_end >= 40"
        ).fetchall()
    }
    rows: list[tuple[int, int, date]] = []
    expected: dict[Key, bool] = {}
    for measure, name, months in services:
        total = (YEAR + 1) * 12 - months
        first = date(total // 12, total % 12 + 1, 1)
        opened = [
            key
            for key, result in before.items()
            if key[0] == measure
            and measures.is_open(key, result)
            and key not in expected
            and (name != "hpv_test" or key[1] in grown)
        ]
        for key, day in zip(opened, (first, first - timedelta(days=1)), strict=False):
            rows.append((key[1], CONCEPTS[name], day))
            expected[key] = day == first
    assert sum(expected.values()) >= len(services) - 3
    connection = measures.connection
    connection.execute(
        "create or replace temp table given_services"
        " (person_key int, concept_key int, event_date date)"
    )
    connection.executemany("insert into given_services values (?, ?, ?)", rows)
    after = measures.run(
        f"""
        select * from warehouse.main.int_clinical_event
        union all by name
        select *, {SERVICE} as source_kind, null::decimal(12, 3) as value,
            null::bigint as evidence_claim_key, null::date as delivered_on
        from given_services
        """
    )
    wrong = {key: met for key, met in expected.items() if after[key].numerator is not met}
    assert wrong == {}
