"""The lists through the days: right at each step, whatever came late, twice or was taken back."""

import shutil
from pathlib import Path

from care_kit import (
    DOCTOR,
    FORMULA,
    PROGRAM,
    CareInstallation,
    did,
    make_care_installation,
    message,
)

from orchestration.coordination.access_log import verify_access_log
from orchestration.coordination.monthly import business_days_of_month, keep_month
from orchestration.coordination.refresh import refresh_lists
from orchestration.settings import PROJECT_ROOT


def test_a_members_way_through_the_hospital_and_home(care: CareInstallation) -> None:
    """A discharge that is missed, or never leaves the list, is what programs prevent."""
    # Monday: admitted through the emergency room; the list knows within the delivery.
    care.hospital(
        "2026-03-02",
        message("ANN", "A04", "2026-03-02 07:10", PAT_CLASS="E", ADM_TS="2026-03-02 07:10"),
    )
    assert care.refresh().in_hospital == set()
    care.hospital(
        "2026-03-02", message("ANN", "A06", "2026-03-02 09:00", ADM_TS="2026-03-02 09:00")
    )
    lists = care.refresh()
    assert lists.in_hospital == {"ANN"}
    assert not lists.left

    # Tuesday: moved, the move taken back, moved again; sent home by mistake, which is taken back.
    care.hospital(
        "2026-03-03",
        message("ANN", "A02", "2026-03-03 08:00", WARD="ICU"),
        message("ANN", "A12", "2026-03-03 08:30", WARD=""),
        message("ANN", "A02", "2026-03-03 10:00", WARD="3W"),
        message("ANN", "A03", "2026-03-03 11:00", DSCH_TS="2026-03-03 11:00", DISP_CD="01"),
    )
    lists = care.refresh()
    assert lists.in_hospital == set()
    assert set(lists.left) == {"ANN"}
    care.hospital("2026-03-03", message("ANN", "A13", "2026-03-03 11:40"))
    lists = care.refresh()
    assert lists.of("in_hospital")["ANN"]["location"] == "2E"
    assert not lists.left

    # Wednesday: home. Two days 2 + acute 3 + comorbidity 5 = 10, so the visit is due in a week; the
    # call in two business days, the medicines in thirty days.
    home = message(
        "ANN", "A03", "2026-03-04 15:00", DSCH_TS="2026-03-04 15:00", DISP_CD="01", DX_CD="I50.9"
    )
    care.hospital("2026-03-04", home, {**home, "MSG_ID": "again", "MSG_TS": "2026-03-04 15:20"})
    lists = care.refresh()
    assert lists.in_hospital == set()
    row = lists.left["ANN"]
    assert (row["lace"], row["contact_due_date"], row["visit_due_date"]) == (
        "10",
        "2026-03-06",
        "2026-03-11",
    )
    assert row["reconciliation_due_date"] == "2026-04-03"
    assert {row[f"{step}_state"] for step in ("contact", "visit", "reconciliation")} == {"OPEN"}
    # METHODS L.1: HR1 100 + task (50 + 2 x 10).
    assert lists.cards["ANN"]["priority"] == "170"

    # Thursday: not reached. Friday: reached, medicines reviewed, an appointment booked.
    care.nurse("2026-03-05", did("ANN", "2026-03-05", "OUTREACH", "NOT_REACHED", "DISCHARGE"))
    row = care.refresh().left["ANN"]
    assert (row["contact_state"], row["contact_attempts"]) == ("OPEN", "1")
    care.nurse(
        "2026-03-06",
        did("ANN", "2026-03-06", "OUTREACH", "REACHED", "DISCHARGE"),
        did("ANN", "2026-03-06", "MEDICATION_REVIEW", "COMPLETED", "DISCHARGE"),
        did(
            "ANN",
            "2026-03-06",
            "APPOINTMENT_BOOKED",
            "COMPLETED",
            "DISCHARGE",
            APPT_DT="20260310",
        ),
    )
    lists = care.refresh()
    row = lists.left["ANN"]
    assert (row["contact_state"], row["reconciliation_state"]) == ("CLOSED", "CLOSED")
    assert row["visit_state"] == "OPEN"
    assert lists.cards["ANN"]["next_appointment_date"] == "2026-03-10"

    # The visit is only reported: off today's list, yet not closed until a claim tells of it.
    care.nurse("2026-03-10", did("ANN", "2026-03-10", "APPOINTMENT_KEPT", "COMPLETED", "DISCHARGE"))
    lists = care.refresh()
    assert lists.left["ANN"]["visit_state"] == "REPORTED_DONE"
    assert "ANN" not in lists.cards
    care.events += [
        ("cigna", "ANN", "office_visit", "1234567893", "2026-03-10", "2026-03-10"),
        ("cigna", "ANN", "stay", "1530273626", "2026-03-02", "2026-03-04"),
    ]
    care.publish()
    lists = care.refresh()
    assert lists.left["ANN"]["visit_state"] == "CLOSED"
    # The claim's stay is one the hospital told of.
    (coverage,) = lists.rows("adt_coverage.csv")
    assert (coverage["stays"], coverage["told"]) == ("1", "1")

    # After thirty days the row ends.
    care.nurse("2026-04-06", did("DORA", "2026-04-06", "EDUCATION", "COMPLETED"))
    assert not care.refresh().left
    assert verify_access_log(care.settings).problem == ""


def test_what_ends_or_moves_a_row_of_the_list(care: CareInstallation) -> None:
    """A nurse who calls the dead, or somebody who is back in hospital, is not called again."""
    care.hospital(
        "2026-03-04",
        message("BEA", "A01", "2026-03-01 08:00", ADM_TS="2026-03-01 08:00", ADM_TYP="C"),
        message(
            "BEA", "A03", "2026-03-04 08:00", DSCH_TS="2026-03-04 08:00", DISP_CD="07", ADM_TYP="C"
        ),
        message("CORA", "A01", "2026-03-01 08:00", ADM_TS="2026-03-01 08:00"),
        message("CORA", "A03", "2026-03-04 08:00", DSCH_TS="2026-03-04 08:00", DISP_CD="03"),
        message("DORA", "A01", "2026-03-04 08:00", ADM_TS="2026-03-04 08:00"),
        message("GUS", "A01", "2026-03-04 08:00", ADM_TS="2026-03-04 08:00"),
    )
    lists = care.refresh()
    assert lists.left["BEA"]["is_against_advice"] == "True"
    # Three days 3, not acute: 14 days, and 20 points for leaving against advice.
    assert (lists.left["BEA"]["lace"], lists.left["BEA"]["visit_due_date"]) == ("3", "2026-03-18")
    assert lists.cards["BEA"]["priority"] == str(50 + 2 * 3 + 20)
    # In a nursing home nothing is due yet.
    assert (lists.left["CORA"]["state"], lists.left["CORA"]["contact_due_date"]) == ("FACILITY", "")
    assert "CORA" not in lists.cards
    # Who wants no contact is on no list.
    assert lists.in_hospital == {"DORA"}

    # DORA's admission is taken back, another hospital takes BEA in, CORA's next stay ends in death.
    care.hospital(
        "2026-03-20",
        message("DORA", "A11", "2026-03-04 10:00"),
        message(
            "BEA",
            "A01",
            "2026-03-19 08:00",
            VISIT_NO="V-BEA-2",
            FAC_CD="WAH03",
            FAC_NPI="1774252641",
            ADM_TS="2026-03-19 08:00",
        ),
        message("CORA", "A01", "2026-03-15 08:00", VISIT_NO="V-CORA-2", ADM_TS="2026-03-15 08:00"),
        message(
            "CORA",
            "A03",
            "2026-03-20 08:00",
            VISIT_NO="V-CORA-2",
            DSCH_TS="2026-03-20 08:00",
            DISP_CD="20",
        ),
    )
    lists = care.refresh()
    assert lists.in_hospital == {"BEA"}
    assert not lists.left
    assert not lists.cards

    # Sent on to another hospital: nothing is due until the last one lets her go.
    care.hospital(
        "2026-03-22",
        message(
            "BEA",
            "A03",
            "2026-03-21 08:00",
            VISIT_NO="V-BEA-2",
            FAC_CD="WAH03",
            FAC_NPI="1774252641",
            DSCH_TS="2026-03-21 08:00",
            DISP_CD="02",
        ),
    )
    assert care.refresh().left["BEA"]["state"] == "WAITING_FOR_TRANSFER"
    care.hospital(
        "2026-03-22",
        message("BEA", "A01", "2026-03-22 02:00", VISIT_NO="V-BEA-3", ADM_TS="2026-03-22 02:00"),
    )
    lists = care.refresh()
    assert (lists.in_hospital, lists.left) == ({"BEA"}, {})
    assert lists.of("in_hospital")["BEA"]["length_of_stay_days"] == "3"


def test_nobody_is_guessed(care: CareInstallation) -> None:
    """A diagnosis told to the wrong member's nurse cannot be taken back."""
    unknown = {"MBR_ID": "", "LAST_NM": "UNKNOWN", "FIRST_NM": "JANE", "BIRTH_DT": ""}
    stranger = {"MBR_ID": "NOBODY", "LAST_NM": "Nowhere", "FIRST_NM": "Ned"}
    care.hospital(
        "2026-03-04",
        # No number, but name and birth date are hers alone: a match.
        message(
            "DORA", "A01", "2026-03-04 08:00", MBR_ID="", LAST_NM="KIM", ADM_TS="2026-03-04 08:00"
        ),
        # Her number, another's birth date: never.
        message(
            "BEA",
            "A01",
            "2026-03-04 08:00",
            BIRTH_DT="19710204",
            LAST_NM="Jonas",
            ADM_TS="2026-03-04 08:00",
        ),
        message("CORA", "A01", "2026-03-04 08:00", **stranger, ADM_TS="2026-03-04 08:00"),
        # Unconscious and unknown, under a number for the time being.
        message("EVE", "A01", "2026-03-04 08:00", MRN="TMP1", **unknown, ADM_TS="2026-03-04 08:00"),
    )
    lists = care.refresh()
    assert lists.in_hospital == {"DORA"}
    assert lists.queue == {"MEMBER_ID_OF_ANOTHER": 1, "TOO_LITTLE_TOLD": 1, "UNKNOWN_MEMBER_ID": 1}
    assert all(row["what_to_do"] for row in lists.rows("queue.csv"))
    # Her record is found: the number for the time being is merged into hers.
    care.hospital(
        "2026-03-05",
        {
            **message("EVE", "A40", "2026-03-05 09:00", VISIT_NO="", PAT_CLASS=""),
            "PRIOR_MRN": "TMP1",
            "ADM_TYP": "",
            "WARD": "",
        },
    )
    lists = care.refresh()
    assert lists.in_hospital == {"DORA", "EVE"}
    assert "TOO_LITTLE_TOLD" not in lists.queue


def test_a_member_joins_provisionally_by_the_doctor_the_hospital_names(
    care: CareInstallation,
) -> None:
    """METHODS B.6: benefits may start before claims attribute her, on one group's list only."""
    care.hospital(
        "2026-03-04",
        message("FINN", "A01", "2026-03-04 08:00", PCP_NPI="1234567893", ADM_TS="2026-03-04 08:00"),
    )
    lists = care.refresh()
    assert lists.of("in_hospital")["FINN"]["is_provisional"] == "True"
    assert care.night().rows("unattributed.csv") == []
    # The hospital corrects the doctor: she is in no program, so FINN is nobody's, and says so.
    care.hospital("2026-03-04", message("FINN", "A08", "2026-03-04 09:00", PCP_NPI="1987654328"))
    night = care.night()
    assert night.in_hospital == set()
    assert [(row["person_id"], row["hospital_date"]) for row in night.rows("unattributed.csv")] == [
        ("FINN", "2026-03-04")
    ]
    logged = {one.file: one.persons for one in night.written.exports}
    assert logged["unattributed.csv"] == ("cigna/FINN",)
    # Groups of two programs have seen him: he is nobody's until somebody has asked.
    care.seen_twice = ("FINN",)
    care.publish()
    night = care.night()
    assert night.queue == {"TWO_PROGRAMS": 1}
    assert night.rows("unattributed.csv") == []
    # Between nights nobody is attributed anew.
    assert not (care.refresh().folder / "unattributed.csv").exists()


def test_appointments_and_hand_offs_are_shown_until_they_are_answered(
    care: CareInstallation,
) -> None:
    """A hand-off that only its sender sees, and an appointment nobody asks after, are lost."""
    gap = ("Breast cancer screening", "OVERDUE", "never seen", None, 10, None, None)
    care.tasks = [("cigna", person, "GAP", "M01", *gap) for person in ("BEA", "DORA", "EVE")]
    care.publish()
    payers = {"COORD_ID": "CM01", "COORD_ROLE": "PAYER_CASE_MANAGER"}
    about = {"outcome": "COMPLETED", "task": "GAP", "GAP_CD": "M01"}
    care.nurse(
        "2026-03-05",
        did("DORA", "2026-03-04", "APPOINTMENT_BOOKED", **about, APPT_DT="20260320"),
        did("DORA", "2026-03-05", "APPOINTMENT_BOOKED", **about, APPT_DT="20260312"),
        did("BEA", "2026-03-04", "CASE_MANAGER_HAND_OFF", "COMPLETED"),
        did("EVE", "2026-03-04", "CASE_MANAGER_HAND_OFF", "COMPLETED", **payers),
    )
    lists = care.refresh()
    assert lists.cards["DORA"]["next_appointment_date"] == "2026-03-12"
    assert lists.cards["BEA"]["waits_for_payer_since"] == "2026-03-04"
    assert lists.cards["EVE"]["waits_for_group_since"] == "2026-03-04"
    # Who has spoken for the payer is named; until then the program names the payer's side.
    assert lists.cards["EVE"]["case_manager"] == "CM01"
    assert lists.cards["BEA"]["case_manager"] == "a team of Cigna case managers"
    (row,) = lists.rows("coordinators.csv")
    assert (row["coordinator_id"], row["coordinator_role"]) == ("NPN-N01", "registered_nurse")
    assert (row["payer_case_managers"], row["hand_offs_waiting"]) == ("CM01", "2")
    assert (row["members"], row["members_per_coordinator"]) == ("6", "10000")
    assert row["page"] == f"{PROGRAM}/NPN-N01/worklist.html"
    care.nurse(
        "2026-03-14",
        did("BEA", "2026-03-13", "EDUCATION", "COMPLETED", **payers),
        did("EVE", "2026-03-13", "EDUCATION", "COMPLETED"),
    )
    lists = care.refresh()
    hand_offs = lists.of("hand_offs")
    assert {
        person: (row["direction"], row["answered_date"], row["answered_by"])
        for person, row in hand_offs.items()
    } == {
        "BEA": ("to the payer", "2026-03-13", "CM01"),
        "EVE": ("to the group", "2026-03-13", "NPN-N01"),
    }
    card = lists.cards["DORA"]
    assert (card["next_appointment_date"], card["missed_appointment_date"]) == ("", "2026-03-12")
    # Her claim of the day is evidence that she was there.
    care.events.append(("cigna", "DORA", "office_visit", DOCTOR, "2026-03-12", "2026-03-12"))
    care.publish()
    assert care.refresh().cards["DORA"]["missed_appointment_date"] == ""


def test_a_programs_file_says_what_may_be_shown_and_how_much_fits(tmp_path: Path) -> None:
    """What one program permits must not show what another hides; a list of all is none."""
    config = tmp_path / "config"
    shutil.copytree(PROJECT_ROOT / "data", config, ignore=shutil.ignore_patterns("landing", "w*"))
    program = config / "programs" / f"{PROGRAM}.yml"
    told = program.read_text()
    permitted = (
        "  coordinators:\n    permitted_sensitive: [behavioral_health]\n    daily_contacts: 1\n"
    )
    program.write_text(told.replace("  coordinators:\n", permitted))
    care = make_care_installation(tmp_path / "data", config)
    words = ("review", "OPEN", "two gaps", None, 12, None, None)
    care.tasks = [("cigna", person, "HR_REVIEW", "HR3", *words) for person in ("BEA", "EVE")]
    care.publish()
    said = {"ADM_TS": "2026-03-04 08:00"}
    care.hospital(
        "2026-03-04",
        message("ANN", "A01", "2026-03-04 08:00", DX_CD="F32.1", **said),
        message("CORA", "A01", "2026-03-04 08:00", DX_CD="F10.20", **said),
    )
    lists = care.refresh()
    shown = {person: row["location"] for person, row in lists.of("in_hospital").items()}
    assert shown == {"ANN": "2E", "CORA": ""}
    assert (lists.written.cards, lists.written.cards_shown) == (2, 1)


def test_what_the_log_says_of_the_unknown_is_queued(care: CareInstallation) -> None:
    """An entry that closes the wrong gap hides an open one."""
    care.tasks.append(
        (
            "cigna",
            "DORA",
            "GAP",
            "M01",
            "Breast cancer screening",
            "OVERDUE",
            "never seen",
            None,
            10,
            "2026-01-01",
            "2026-01-01",
        )
    )
    care.publish()
    care.nurse(
        "2026-03-04",
        did("DORA", "2026-03-03", "APPOINTMENT_KEPT", "COMPLETED", "GAP", GAP_CD="M08"),
        did("STRANGER", "2026-03-03", "OUTREACH", "REACHED"),
        did("DORA", "2026-03-03", "EDUCATION", "COMPLETED", COORD_ID="NPN-N07"),
    )
    lists = care.refresh()
    assert lists.queue == {"COORDINATOR_WITHOUT_MEMBERS": 1, "UNKNOWN_GAP": 1, "UNKNOWN_MEMBER": 1}
    # Overdue by 62 days counts as 30: 10 + 60.
    assert lists.cards["DORA"]["priority"] == "70"
    # A contact lets her sleep for 14 days; something that happens wakes her.
    care.nurse("2026-03-05", did("DORA", "2026-03-05", "OUTREACH", "REACHED", "GAP", GAP_CD="M01"))
    assert "DORA" not in care.refresh().cards
    care.hospital(
        "2026-03-08",
        message("DORA", "A04", "2026-03-08 08:00", PAT_CLASS="E", ADM_TS="2026-03-08 08:00"),
    )
    assert "DORA" in care.refresh().cards
    # She says it was done: it waits for evidence, and comes back after 60 days without.
    care.nurse(
        "2026-03-09", did("DORA", "2026-03-09", "OUTREACH", "REPORTED_DONE", "GAP", GAP_CD="M01")
    )
    assert "DORA" not in care.refresh().cards
    care.nurse("2026-05-09", did("EVE", "2026-05-09", "EDUCATION", "COMPLETED"))
    assert "DORA" in care.refresh().cards


def test_names_are_inert_and_files_private(care: CareInstallation) -> None:
    """A name is data: never a formula in a spreadsheet, never a script in a page (K.1)."""
    care.hospital(
        "2026-03-04",
        *(
            message(person, "A01", "2026-03-04 08:00", ADM_TS="2026-03-04 08:00", DX_CD="F32.1")
            for person in ("ANN", "BEA", "CORA")
        ),
    )
    lists = care.refresh()
    rows = lists.of("in_hospital")
    assert rows["ANN"]["last_name"] == f"'{FORMULA}"
    assert rows["CORA"]["first_name"] == "Zoë 🦊"
    # A psychiatric stay does not say so to whom is not permitted, nor where it is.
    assert (rows["ANN"]["location"], rows["ANN"]["facility_code"]) == ("", "")
    page = (lists.folder / PROGRAM / "NPN-N01" / "worklist.html").read_text()
    assert "&lt;script&gt;document.title" in page
    assert page.count("<script>") == 1
    for path in lists.folder.rglob("*"):
        assert oct(path.stat().st_mode)[-3:] == ("700" if path.is_dir() else "600")
    # The same again is neither written nor logged again; a changed line breaks the chain.
    before = verify_access_log(care.settings).entries
    assert not refresh_lists(care.settings).is_new
    assert verify_access_log(care.settings).entries == before > 0
    log = care.settings.data_dir / "access_log" / "access.jsonl"
    lines = log.read_text().splitlines()
    assert '"cigna/ANN"' in lines[0]
    for broken in (
        [lines[0].replace("cigna/ANN", "cigna/EVE"), *lines[1:]],
        lines[:-1],
        [lines[0], *lines[2:]],
    ):
        log.write_text("\n".join(broken) + "\n")
        assert verify_access_log(care.settings).problem
    log.write_text("\n".join(lines) + "\n")
    assert not verify_access_log(care.settings).problem


def test_the_month_says_what_changed_since_the_one_before(care: CareInstallation) -> None:
    """A list that is new every month cannot show whether anybody got better."""

    def review(person: str, category: str) -> tuple[object, ...]:
        words = ("review", "OPEN", "two gaps", None, 12, None, None)
        return ("cigna", person, "HR_REVIEW", category, *words)

    care.tasks = [review("ANN", "HR3"), review("BEA", "HR2"), review("EVE", "HR3")]
    care.publish()
    care.nurse("2026-03-31", did("DORA", "2026-03-31", "EDUCATION", "COMPLETED"))
    lists = care.refresh()
    rows = lists.of("monthly")
    assert {person: row["change"] for person, row in rows.items()} == dict.fromkeys(rows, "NEW")
    assert [(row["rank"], row["priority"]) for row in rows.values()] == [
        ("1", "72"),
        ("2", "42"),
        ("3", "42"),
    ]
    keep_month(care.settings, lists.folder, lists.as_of)
    # In April EVE has improved, ANN is worse, DORA is new; the list of March stays as it was told.
    care.tasks = [review("ANN", "HR1"), review("BEA", "HR2"), review("DORA", "HR3")]
    care.publish()
    assert set(care.refresh().of("monthly")) == {"ANN", "BEA", "EVE"}
    care.nurse("2026-04-01", did("DORA", "2026-04-01", "EDUCATION", "COMPLETED"))
    rows = care.refresh().of("monthly")
    assert {person: row["change"] for person, row in rows.items()} == {
        "ANN": "CHANGED",
        "BEA": "STAYS",
        "DORA": "NEW",
        "EVE": "LEFT",
    }
    assert (rows["ANN"]["rank"], rows["ANN"]["rank_before"]) == ("1", "2")
    assert rows["EVE"]["left_reason"] == "NO_LONGER_AT_HIGH_RISK"
    # April 2026 has 22 weekdays and no holiday; of May's 21 one is Memorial Day.
    assert business_days_of_month(lists.as_of) == 22
    assert business_days_of_month(lists.as_of.replace(month=5)) == 20
