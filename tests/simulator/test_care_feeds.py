"""What payer and groups tell of the care around claims: tied to the members and their services."""

import gzip
from datetime import date
from pathlib import Path

import pytest
from simulated_extract import Extract, Simulated

from orchestration.simulator import codes
from orchestration.simulator.care.deliveries import care_deliveries
from orchestration.simulator.care.log import SPRING, CareLog
from orchestration.simulator.care.panel import SNAPSHOTS, YESTERDAY, last_day_of, panel_on
from orchestration.simulator.care.payer_feeds import (
    DIABETES,
    GAP_SERVICES,
    draw_support,
    missing_services,
    service_days,
)
from orchestration.simulator.config import EPOCH, LAST_SERVICE_DAY
from orchestration.simulator.encoding import NO_DATE
from orchestration.simulator.names import build_names
from orchestration.simulator.population import MONTH_STARTS
from orchestration.simulator.simulation import stream

GROUP_FEEDS = ("care_log", "practice_profile", "patient_experience")
PAYER_FEEDS = (
    *("member_contact", "payer_gap_report", "payer_risk_score"),
    "support_program_enrollment",
)


def rows(file: Path, delimiter: str) -> list[dict[str, str]]:
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    header = lines[0].split(delimiter)
    return [dict(zip(header, line.split(delimiter), strict=True)) for line in lines[1:]]


def test_every_group_and_the_payer_send_the_feeds_around_care(extract: Extract) -> None:
    """Worklists without telephone numbers, or a group without a log, show nothing."""
    sent = {(file.source, file.feed) for file in extract.report.files}
    assert {("cigna", feed) for feed in PAYER_FEEDS} <= sent
    groups = {source for source, feed in sent if feed == "provider_roster"} - {"cigna"}
    assert len(groups) == 6
    assert {(group, feed) for group in groups for feed in GROUP_FEEDS} <= sent


def test_nothing_is_delivered_after_the_demos_present(extract: Extract) -> None:
    """The latest delivery is the day everything is reckoned from; it must stay the claims' own."""
    by_feed = {file.feed: file.delivered_on for file in extract.report.files}
    last_claims = max(
        file.delivered_on for file in extract.report.files if file.feed == "medical_claims"
    )
    assert max(file.delivered_on for file in extract.report.files) == last_claims, by_feed


def test_contacts_and_gaps_are_of_known_members(extract: Extract) -> None:
    """A call list of people whom eligibility does not know cannot be worked."""
    known = {
        row[0]
        for row in extract.engine.execute("select distinct MBR_ID from eligibility").fetchall()
    }
    contacts = rows(extract.landing_dir / "cigna/member_contact/2026-06.csv.gz", "|")
    gaps = rows(extract.landing_dir / "cigna/payer_gap_report/2026-06.csv.gz", "|")
    assert {row["MBR_ID"] for row in contacts} <= known
    assert {row["MBR_ID"] for row in gaps} <= {row["MBR_ID"] for row in contacts}
    assert len({row["MBR_ID"] for row in contacts}) == len(contacts)


def test_risk_scores_are_of_known_members_and_grow_with_age_and_illness(extract: Extract) -> None:
    """A score that follows nothing would make a predictive ratio of chance."""
    known = {
        row[0]
        for row in extract.engine.execute("select distinct MBR_ID from eligibility").fetchall()
    }
    for period, day in (("2023-12", "20231231"), ("2024-12", "20241231")):
        scores = rows(extract.landing_dir / f"cigna/payer_risk_score/{period}.csv.gz", "|")
        assert {row["SCORE_DT"] for row in scores} == {day}
        assert {row["MBR_ID"] for row in scores} <= known
        values = sorted(float(row["RISK_SCORE"]) for row in scores)
        assert 0.3 <= values[0] < 0.5
        assert values[-1] > 2


def test_opt_outs_appear_when_they_are_known(simulated: Simulated) -> None:
    """A snapshot that knew next month's opt-out would make a replay of its day a lie."""
    names = build_names(simulated.people, stream(simulated.config, "names"))
    found = care_deliveries(
        simulated.config,
        simulated.providers,
        simulated.people,
        names,
        simulated.use,
        (),
        stream(simulated.config, "coordination"),
    )
    contacts = [one for one in found if one.layout.feed == "member_contact"]
    days = [{bytes(day) for day in one.columns[7]} - {b""} for one in contacts]
    assert 0 < len(days[0]) < len(days[1])
    assert max(days[0]) <= b"20251231" < max(days[1]) <= b"20260630"


def test_a_gap_is_a_service_that_was_truly_not_had(simulated: Simulated) -> None:
    """A made-up gap could never be closed by a claim, nor found by the measures."""
    people, use = simulated.people, simulated.use
    panel = panel_on(
        simulated.config, simulated.providers, people, int(MONTH_STARTS[SNAPSHOTS[0] + 1]) - 1
    )
    gaps = missing_services(people, service_days(use), panel, last_day_of(SNAPSHOTS[0]))
    number = [row[0] for row in GAP_SERVICES].index("WI-A1C")
    interval = GAP_SERVICES[number][3]
    missing = set(gaps.person[gaps.service == number].tolist())
    a1c = use.lines.procedure == codes.PROCEDURES.index("83036")
    claim = use.lines.claim[a1c & ~use.lines.is_denied]
    recent = use.claims.from_day[claim] > LAST_SERVICE_DAY - interval
    tested = set(use.claims.person[claim][recent].tolist())
    assert missing
    assert not missing & tested
    diabetic = panel.person[people.conditions[panel.person, DIABETES]]
    assert 0.05 < len(missing) / len(diabetic) < 0.95


def test_the_log_agrees_with_what_claims_tell_and_both_sides_write_it(
    simulated: Simulated,
) -> None:
    """An appointment kept without a visit would say that claims are missing, or that nurses invent.

    Contact must come early enough for claims to tell what followed, else no effect can be read.
    """
    people, use = simulated.people, simulated.use
    panel = panel_on(simulated.config, simulated.providers, people, LAST_SERVICE_DAY)
    spring = panel_on(simulated.config, simulated.providers, people, last_day_of(SPRING))
    services = service_days(use)
    log = CareLog(people, panel, use, stream(simulated.config, "test"))
    log.after_stays(use, ())
    gaps = missing_services(people, services, spring, last_day_of(SPRING))
    log.about_gaps(gaps, services, int(MONTH_STARTS[SPRING + 1]), 150, 0.25)
    log.for_the_ill(panel)
    entries = log.entries()
    assert max(entry.day for entry in entries) <= YESTERDAY
    came = set(zip(use.visits.person.tolist(), use.visits.day.tolist(), strict=True))
    for persons, days in zip(services.person, services.day, strict=True):
        came |= set(zip(persons.tolist(), days.tolist(), strict=True))
    kept = [
        (entry.person, entry.day)
        for entry in entries
        if entry.activity == "appointment_kept" and entry.day <= LAST_SERVICE_DAY
    ]
    assert len(kept) > 20
    assert set(kept) <= came
    booked = [entry for entry in entries if entry.activity == "appointment_booked"]
    assert all(entry.appointment > entry.day for entry in booked)
    early = MONTH_STARTS[33] - 90
    reached = [
        entry
        for entry in entries
        if entry.activity == "outreach" and entry.outcome == "reached" and entry.day < early
    ]
    assert {entry.task for entry in reached} == {"discharge", "gap"}
    hand_offs = {entry.is_payers for entry in entries if entry.activity == "case_manager_hand_off"}
    assert hand_offs == {False, True}


def test_support_programs_follow_conditions_and_their_own_order(simulated: Simulated) -> None:
    """Who completed what she never joined would be excluded, or offered again, by mistake."""
    people = simulated.people
    panel = panel_on(simulated.config, simulated.providers, people, LAST_SERVICE_DAY)
    support = draw_support(people, panel, stream(simulated.config, "test"))
    offered, enrolled = support.offered != NO_DATE, support.enrolled != NO_DATE
    assert (support.enrolled >= support.offered)[enrolled & offered].all()
    completed = support.completed != NO_DATE
    assert (support.completed > support.enrolled)[completed].all()
    assert not (enrolled & (support.declined != NO_DATE)).any()
    of_diabetes = support.program == "diabetes"
    assert people.conditions[support.person[of_diabetes], DIABETES].all()
    assert 0.03 < len(support.person) / len(panel.person) < 0.15


@pytest.mark.parametrize(
    ("source", "delimiter", "date_column"),
    [("prohealth_physicians", ",", "Activity Date"), ("valley_preferred", ";", "done_on")],
)
def test_care_logs_tell_of_the_past_in_the_groups_own_words(
    extract: Extract, source: str, delimiter: str, date_column: str
) -> None:
    """Entries of tomorrow are rejected; entries told in two quarters would count twice."""
    seen: set[str] = set()
    present = date.fromordinal(EPOCH.toordinal() + YESTERDAY)
    for file in sorted((extract.landing_dir / source / "care_log").glob("*.csv.gz")):
        entries = rows(file, delimiter)
        ids = {next(iter(entry.values())) for entry in entries}
        assert not ids & seen
        seen |= ids
        for entry in entries:
            text = entry[date_column]
            year = int(text[-4:] if "/" in text else text[:4])
            assert year in (2025, 2026)
            if "/" in text and int(text[3:5]) <= 31:
                told = date(year, int(text[:2]), int(text[3:5]))
                assert told <= present
    assert seen
