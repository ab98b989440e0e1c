"""Attribution snapshots are kept as first known; what became known since is told with its cause."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from intake_kit import CLINICIAN, SPAN, Installation, Row, installation

from orchestration.attribution.publish import publish_snapshots, restated_months
from orchestration.attribution.restatement import RESTATEMENT_FILE, MonthRestatement
from orchestration.attribution.snapshots import kept_snapshots
from orchestration.checks import read_run_inputs
from orchestration.errors import CareWarehouseError
from orchestration.ingest import select_deliveries, take_program_terms

PROGRAM = "primed_greenwich"
NOVEMBER = 12 * 2025 + 10
STAYED, RETIRED, OTHER = "1234567893", "1987654328", "1111111112"
MEMBERS = {"U1": STAYED, "U2": STAYED, "U4": RETIRED, "U5": STAYED}


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    house = installation(tmp_path)
    take_program_terms(house.settings)
    return house


def deliver(house: Installation, month: str, spans: list[Row], roster: list[Row]) -> None:
    """Eligibility and the network directory of a month, delivered on the tenth of the next."""
    year, number = int(month[:4]), int(month[5:]) + 1
    control = {"delivered_on": f"{year + number // 13}-{(number - 1) % 12 + 1:02d}-10"}
    house.drop(spans, f"{month}.csv.gz", "eligibility", control=control)
    house.drop(roster, f"{month}.csv.gz", "provider_roster", control=control)
    house.take("eligibility")
    house.take("provider_roster")


def build(house: Installation, as_of: str, members: dict[str, str]) -> None:
    """The warehouse of a day on which these members belong to the program in November 2025."""
    settings = house.settings
    select_deliveries(settings, date.fromisoformat(as_of))
    settings.warehouse_file.unlink(missing_ok=True)
    terms = settings.ledger_dir / "program_terms" / "*" / "*" / "*.parquet"
    everyone = sorted({*MEMBERS, *members, "U3"})
    with duckdb.connect(str(settings.warehouse_file)) as warehouse:
        warehouse.execute(
            f"""
            create table stg_ledger__run as
            select date '{as_of}' as as_of, '2026-01' as claims_through_period;
            create table stg_ledger__program_terms as
            select program_id, terms_json from read_parquet('{terms}')
            where program_id = '{PROGRAM}';
            create table int_person (person_key int, payer varchar, person_id varchar);
            create table int_attribution_group as
            select * from (values (7, '{PROGRAM}'), (8, null)) as t (group_number, program_id);
            create table int_attribution_decided
            (person_key int, snapshot_number int, group_number int, npi bigint, step int,
             score int);
            """
        )
        for key, person in enumerate(everyone):
            warehouse.execute("insert into int_person values (?, 'cigna', ?)", [key, person])
            group, npi = (7, members[person]) if person in members else (8, OTHER)
            warehouse.execute(
                "insert into int_attribution_decided values (?, ?, ?, ?, 6, 3)",
                [key, NOVEMBER, group, int(npi)],
            )


def publish(house: Installation) -> list[MonthRestatement]:
    restricted = house.settings.data_dir / "restricted"
    restricted.mkdir(exist_ok=True)
    return publish_snapshots(house.settings, read_run_inputs(house.settings), restricted)


def span(person: str, **fields: str) -> Row:
    return {**SPAN, "MBR_ID": person, **fields}


def clinician(npi: str, **fields: str) -> Row:
    return {**CLINICIAN, "NPI_NBR": npi, **fields}


SPANS = [span(person) for person in ("U1", "U2", "U4", "U5")]
ROSTER = [clinician(STAYED), clinician(RETIRED), clinician(OTHER)]


@pytest.fixture
def known(house: Installation) -> Installation:
    """November's snapshot as first known in February 2026."""
    deliver(house, "2026-01", SPANS, ROSTER)
    build(house, "2026-02-10", MEMBERS)
    assert publish(house) == []
    # Killed after keeping and tried again, a publication says what it would have said at once.
    assert publish(house) == []
    return house


def test_a_snapshot_is_written_once_and_never_again(known: Installation) -> None:
    """It was paid on: whatever is known later, it says what was known then."""
    (kept,) = kept_snapshots(known.settings)
    assert (kept.program_id, kept.month, kept.known_on) == (PROGRAM, "2025-11", date(2026, 2, 10))
    before = kept.path.read_bytes()
    assert kept.path.stat().st_mode & 0o777 == 0o400
    assert pq.read_table(kept.path).to_pylist() == [
        {"person_id": person, "npi": npi, "step": 6, "score": 3}
        for person, npi in sorted(MEMBERS.items())
    ]
    deliver(known, "2026-02", [span("U2", COV_TERM_DT="20250930")], ROSTER)
    build(known, "2026-03-10", {"U1": STAYED})
    publish(known)
    assert kept.path.read_bytes() == before
    assert len(kept_snapshots(known.settings)) == 1


def restated(known: Installation, as_of: str = "2026-03-10") -> MonthRestatement:
    """Everything that can happen to November: cover taken and given, a roster, a claim."""
    newer = [span("U2", COV_TERM_DT="20250930"), span("U3", COV_EFF_DT="20250601")]
    roster = [clinician(STAYED), clinician(RETIRED, TERM_DT="20251031"), clinician(OTHER)]
    deliver(known, "2026-02", newer, roster)
    build(known, as_of, {"U1": STAYED, "U3": STAYED})
    (month,) = publish(known)
    return month


def test_every_difference_has_the_cause_that_explains_it(known: Installation) -> None:
    """Three bases: as known, restated, and adjusted, which claims alone do not reopen."""
    month = restated(known)
    assert month.changes == {
        ("ADDED", "ELIGIBILITY"): 1,
        ("DROPPED", "CLAIMS"): 1,
        ("DROPPED", "ELIGIBILITY"): 1,
        ("DROPPED", "ROSTER"): 1,
    }
    assert (month.as_known, month.restated, month.adjusted) == (4, 2, 3)
    told = pq.read_table(known.settings.data_dir / "restricted" / RESTATEMENT_FILE).to_pylist()
    causes = {row["person_id"]: (row["cause"], row["is_adjusted"]) for row in told}
    assert causes == {
        "U2": ("ELIGIBILITY", True),
        "U3": ("ELIGIBILITY", True),
        "U4": ("ROSTER", True),
        "U5": ("CLAIMS", False),
    }
    assert restated_months(known.settings) == [month]


def test_corrections_beyond_the_window_are_told_and_not_adjusted(known: Installation) -> None:
    """`retro_window` is six months after the month that the snapshot is paid for."""
    assert restated(known, "2026-06-30").adjusted == 3
    known.settings.warehouse_file.unlink()
    build(known, "2026-07-31", {"U1": STAYED, "U3": STAYED})
    (month,) = publish(known)
    assert (month.as_known, month.restated, month.adjusted) == (4, 2, 4)


def test_news_of_other_months_is_no_cause(known: Installation) -> None:
    """A new address or a later end of cover says nothing of November."""
    newer = [span("U2", COV_TERM_DT="20260131"), span("U4", RES_ZIP="06110")]
    roster = [clinician(STAYED, TERM_DT="20260131"), clinician(RETIRED), clinician(OTHER)]
    deliver(known, "2026-02", newer, roster)
    build(known, "2026-03-10", {"U1": STAYED, "U5": STAYED})
    (month,) = publish(known)
    assert month.changes == {("DROPPED", "CLAIMS"): 2}
    assert month.adjusted == month.as_known


def test_a_replay_of_an_earlier_day_restates_nothing(known: Installation) -> None:
    build(known, "2026-02-09", {})
    assert publish(known) == []


def test_a_changed_snapshot_is_found_and_stops_the_publication(known: Installation) -> None:
    """A record that somebody can edit is none."""
    (kept,) = kept_snapshots(known.settings)
    kept.path.chmod(0o600)
    kept.path.write_bytes(kept.path.read_bytes() + b" ")
    with pytest.raises(CareWarehouseError, match="is not what was kept on 2026-02-10"):
        publish(known)
