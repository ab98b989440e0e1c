"""Hospital messages of the simulated senders: told of true visits, spoilt as written down."""

import gzip
from collections import Counter

import duckdb
import pytest
from simulated_extract import Extract, Simulated

from orchestration.ingest import take_feed
from orchestration.settings import load_settings
from orchestration.simulator.adt.telling import Admissions, draw_admissions
from orchestration.simulator.adt.visits import BILLED_UNTIL, CONNECTED, MIDNIGHT, NOW, RECENT
from orchestration.simulator.names import build_names
from orchestration.simulator.simulation import stream


@pytest.fixture(scope="module")
def admissions(simulated: Simulated) -> Admissions:
    """Messages about a tenth of the demo's members."""
    config, people = simulated.config, simulated.people
    return draw_admissions(
        config,
        simulated.providers,
        people,
        build_names(people, stream(config, "names")),
        simulated.use,
        stream(config, "admissions"),
    )


@pytest.fixture(scope="module")
def told(
    admissions: Admissions, tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """The ledger's rows of those messages as table adt, and the truth as table visit."""
    data_dir = tmp_path_factory.mktemp("told")
    for delivery in admissions.deliveries:
        delivery.job(data_dir / "landing")()
    settings = load_settings({"CARE_DATA_DIR": str(data_dir)})
    entries = take_feed(settings, "adt_events").entries
    assert {entry.status for entry in entries} == {"loaded"}
    assert sum(entry.row_count for entry in entries) == admissions.counts["messages"]
    assert sum(entry.rejected_count for entry in entries) == admissions.counts["rejected_rows"]
    assert (
        sum(entry.duplicate_count for entry in entries)
        == admissions.counts["duplicate_rows_within_delivery"]
    )
    engine = duckdb.connect()
    files = data_dir / "ledger" / "adt_events" / "*" / "*" / "*.parquet"
    engine.execute(f"create table adt as select * from '{files}'")
    visit = admissions.visits  # noqa: F841 - read by the engine
    engine.execute("create table visit as select * from visit")
    return engine


def number(engine: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(engine.execute(query).fetchall()[0][0])


def test_every_true_visit_of_the_window_is_told_and_no_other(
    told: duckdb.DuckDBPyConnection,
) -> None:
    """A message about nobody, or a stay nobody was told of, would spoil the coverage of stays."""
    unknown = "select count(*) from adt where visit_number not in (select visit_number from visit)"
    assert number(told, unknown) == 0
    untold = f"""select count(*) from visit
        where left_at < timestamp '{NOW}' - interval 2 day
            and left_at >= timestamp '{CONNECTED}'
            and (left_at < timestamp '{BILLED_UNTIL}' - interval 2 day
                or left_at >= timestamp '{RECENT}' + interval 1 hour)
            and visit_number not in (select visit_number from adt where event_type = 'A03')
            and not is_cancelled"""
    assert number(told, untold) == 0


def test_visits_of_december_are_those_of_the_claims(
    simulated: Simulated, told: duckdb.DuckDBPyConnection
) -> None:
    """Linking messages to claims (METHODS F.4) must find the same person, hospital and day."""
    stays, ids = simulated.use.stays, simulated.people.number
    from_claims = {
        (f"U{ids[person]}", f"{simulated.providers.organisation_npi[hospital]}", int(day))
        for person, hospital, day in zip(
            stays.person.tolist(),
            stays.hospital.tolist(),
            stays.admission_day.tolist(),
            strict=True,
        )
    }
    rows = told.execute(
        "select person_id, facility_npi, admitted_at from visit"
        " where is_billed and admitted_at is not null and not is_cancelled"
    ).fetchall()
    epoch = MIDNIGHT
    found = {(person, npi, (admitted - epoch).days) for person, npi, admitted in rows}
    assert len(found) > 10
    assert found <= from_claims


def test_somebody_is_in_hospital_on_the_demos_present_day(
    told: duckdb.DuckDBPyConnection,
) -> None:
    """The daily list of who is in hospital would be empty, as claims end half a year before."""
    inside = """select count(*) from (
            select max_by(event_type, (event_at, message_at)) as last_event from adt
            where patient_class = 'inpatient' group by visit_number)
        where last_event not in ('A03', 'A11')"""
    assert number(told, inside) > 0
    left = f"""select count(distinct visit_number) from adt
        where event_type = 'A03' and patient_class = 'inpatient'
            and event_at >= timestamp '{NOW}' - interval 7 day"""
    assert number(told, left) > 0


def test_mistakes_are_as_many_as_written_down(
    admissions: Admissions, told: duckdb.DuckDBPyConnection
) -> None:
    """Cancellations, merges and repeats are what encounter building is held to."""
    events = Counter(
        dict(told.execute("select event_type, count(*) from adt group by 1").fetchall())
    )
    counts = admissions.counts
    for event, name in {
        "A11": "cancelled_admissions",
        "A12": "cancelled_transfers",
        "A13": "cancelled_discharges",
        "A40": "merges",
    }.items():
        assert 0 < events[event] == counts[name], name
    again = number(
        told,
        """select count(*) from (
            select 1 from adt group by facility_code, visit_number, event_type, event_at
            having count(*) > 1)""",
    )
    assert 0 < again <= counts["told_again_under_another_number"]
    out_of_order = number(
        told,
        """select count(*) from (
            select event_at, max(event_at) over (
                partition by source_id, visit_number order by message_at
                rows between unbounded preceding and 1 preceding) as latest
            from adt where visit_number is not null)
        where event_at < latest""",
    )
    assert 0 < out_of_order <= counts["late"] + counts["told_again_under_another_number"]
    nameless = "select count(*) from adt where person_id is null"
    assert number(told, nameless) == counts["without_member_id"] > 0
    assert (
        number(told, "select count(*) from adt where event_type <> 'A40' and visit_number is null")
        == 0
    )


def test_hubs_write_in_different_formats(extract: Extract) -> None:
    """One contract for messages, batches and rows is only proven by senders who differ."""
    starts = {}
    for file in extract.landing_dir.glob("*/adt_events/2025-12.*.gz"):
        starts[file.parent.parent.name] = gzip.decompress(file.read_bytes())[:4].decode()
    assert starts["prohealth_physicians"] == "MSH|"
    assert starts["valley_preferred"] == "FHS|"
    assert starts["northwest_physicians_network"] == "MSG_"
