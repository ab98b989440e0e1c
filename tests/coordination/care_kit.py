"""A small group whose hospitals, nurses and claims a test lets speak, delivery by delivery."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from orchestration.coordination.lists import WrittenLists
from orchestration.coordination.refresh import build_lists, refresh_lists
from orchestration.coordination.sources import of_selection
from orchestration.ingest import read_selection, take_feed
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.simulator.adt.formats import CSV_HEADER
from orchestration.simulator.care.log import HEADERS

SOURCE = "northwest_physicians_network"
PROGRAM = "evergreenhealth_partners"
DOCTOR = "1234567893"
FORMULA = '=HYPERLINK("http://evil.example";"Smith")'
SCRIPT = "<script>document.title='owned'</script>"
EMOJI = "Zoë 🦊"
ROSTER_HEADER = (
    "NPI_NBR|TAX_ID_NBR|PGM_CD|PARTNER_CD|PRAC_ID|PRAC_NM|PROV_ROLE|SPCLTY_CD|TAXNMY_CD|PANEL_STAT|"
    "EFF_DT|TERM_DT"
)
MEMBER_COLUMNS = """
    payer text, person_id text, program_id text, partner_id text, practice_id text, npi text,
    coordinator_id text, case_manager_id text, last_name text, first_name text, sex text,
    phone_number text, phone_type text, language_code text, preferred_contact text,
    encounter_program_id text,
    encounter_partner_id text, comorbidity_points int, is_seen_by_two_programs boolean,
    is_covered boolean, is_hospice boolean,
    was_readmitted boolean, is_attributed_elsewhere boolean, is_unattributed boolean,
    birth_date date, death_date date, cover_end_date date, opt_out_date date
"""
TASK_COLUMNS = """
    payer text, person_id text, task text, subject text, title text, state text, evidence text,
    sensitivity text, points int, due_date date, opened_on date
"""
EVENT_COLUMNS = (
    "payer text, person_id text, event_kind text, npi text, event_date date, end_date date"
)
GAP_COLUMNS = "payer text, person_id text, measure_id text, state text"
# person: last name, first name, birth, sex, program's member, comorbidity points.
PEOPLE = {
    "ANN": (FORMULA, "Ann", "1960-05-01", "F", True, 6),
    "BEA": ("Jones", SCRIPT, "1971-02-03", "F", True, 0),
    "CORA": ("Lopez", EMOJI, "1950-07-07", "F", True, 2),
    "DORA": ("Kim", "Dora", "1982-01-09", "F", True, 0),
    "EVE": ("Stone", "Eve", "1990-12-12", "F", True, 0),
    "FINN": ("Berg", "Finn", "1988-08-08", "M", False, 0),
    "GUS": ("Hall", "Gus", "1945-04-04", "M", True, 0),
}


@dataclass
class CareInstallation:
    """Settings of a temporary data folder, and a voice for hospital, nurse and claims."""

    settings: Settings
    told: int = 0
    events: list[tuple[str, ...]] = field(default_factory=list)
    tasks: list[tuple[object, ...]] = field(default_factory=list)
    seen_twice: tuple[str, ...] = ()
    """Members whom groups of two programs have seen."""
    generation: int = 0

    def publish(self) -> None:
        """Make a new current generation of the members, tasks and claims known so far."""
        self.generation += 1
        folder = self.settings.published_dir / "generations" / f"g{self.generation}" / "restricted"
        folder.mkdir(parents=True)
        members = [
            (
                "cigna", person, PROGRAM if is_member else None, SOURCE if is_member else None,
                "L1" if is_member else None, DOCTOR if is_member else None,
                "NPN-N01" if is_member else None, None, last, first, sex,
                "2065550100", "mobile", "en", "phone", None, None, points,
                person in self.seen_twice, True, False, False,
                False, not is_member, birth, None, "9999-12-31",
                "2026-01-01" if person == "GUS" else None,
            )
            for person, (last, first, birth, sex, is_member, points) in PEOPLE.items()
        ]  # fmt: skip
        for table, columns, rows in (
            ("fct_care_member", MEMBER_COLUMNS, members),
            ("fct_care_event", EVENT_COLUMNS, self.events),
            ("fct_worklist_task", TASK_COLUMNS, self.tasks),
            ("fct_gap", GAP_COLUMNS, [("cigna", "DORA", "M01", "OVERDUE")]),
        ):
            with duckdb.connect() as connection:
                connection.execute(f"create table written ({columns})")
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    connection.executemany(f"insert into written values ({marks})", rows)
                connection.execute(f"copy written to '{folder / table}.parquet' (format parquet)")
        current = self.settings.published_dir / "current"
        current.unlink(missing_ok=True)
        current.symlink_to(f"generations/g{self.generation}")

    def deliver(self, feed: str, delivered_on: str, text: str, rows: int) -> None:
        """Drop a file with its control file and take it in."""
        self.drop(feed, delivered_on, text, rows)
        outcomes = take_feed(self.settings, feed).taken
        assert [one.status for one in outcomes] == ["loaded"], [str(one) for one in outcomes]
        assert not sum(one.entry.rejected_count for one in outcomes), outcomes

    def drop(self, feed: str, delivered_on: str, text: str, rows: int) -> None:
        """Put a file with its control file into the landing folder."""
        self.told += 1
        folder = self.settings.landing_dir / SOURCE / feed
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{delivered_on[:7]}.p{self.told:03d}.csv"
        path.write_text(text, encoding="utf-8")
        control = {
            "rows": rows,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "delivered_on": delivered_on,
        }
        path.with_name(f"{path.name}.control.json").write_text(json.dumps(control))

    def hospital(self, delivered_on: str, *messages: dict[str, str], is_taken: bool = True) -> None:
        """Messages of a hospital: columns of the sender's layout, those left out empty."""
        header = CSV_HEADER.split("|")
        lines = []
        for number, message in enumerate(messages):
            row = {
                "MSG_ID": f"M{self.told:03d}{number:03d}",
                "MSG_TS": message["EVT_TS"],
                **message,
            }
            assert set(row) <= set(header)
            lines.append([row.get(column, "") for column in header])
        give = self.deliver if is_taken else self.drop
        give("adt_events", delivered_on, _table(header, lines), len(lines))

    def nurse(self, delivered_on: str, *entries: dict[str, str]) -> None:
        """Entries of the group's care log."""
        header = HEADERS["C"].split("|")
        lines = []
        for number, entry in enumerate(entries):
            row = {
                "LOG_ID": f"L{self.told:03d}{number:03d}",
                "COORD_ID": "NPN-N01",
                "COORD_ROLE": "REGISTERED_NURSE",
                **entry,
            }
            lines.append([row.get(column, "") for column in header])
        self.deliver("care_log", delivered_on, _table(header, lines), len(lines))

    def refresh(self) -> "Lists":
        refreshed = refresh_lists(self.settings)
        return Lists(refreshed.lists, refreshed.as_of, refreshed.folder)

    def night(self) -> "Lists":
        """The lists as a night writes them beside the generation it publishes."""
        selection = read_selection(self.settings)
        folder = self.settings.data_dir / f"night-{self.generation}-{self.told}"
        tables = self.settings.published_dir / "current" / "restricted"
        deliveries = of_selection(selection)
        written = build_lists(self.settings, tables, deliveries, selection.as_of, folder)
        return Lists(written, selection.as_of, folder)


@dataclass(frozen=True)
class Lists:
    """The lists as a coordinator opens them."""

    written: WrittenLists
    as_of: date
    folder: Path

    @staticmethod
    def rows_of(path: Path) -> list[dict[str, str]]:
        return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []

    def rows(self, name: str) -> list[dict[str, str]]:
        return self.rows_of(self.folder / name)

    def of(self, name: str, owner: str = "NPN-N01") -> dict[str, dict[str, str]]:
        """One coordinator's list by member."""
        found = self.rows(f"{PROGRAM}/{owner}/{name}.csv")
        return {row["person_id"]: row for row in found}

    @property
    def in_hospital(self) -> set[str]:
        return set(self.of("in_hospital"))

    @property
    def left(self) -> dict[str, dict[str, str]]:
        return self.of("left_hospital")

    @property
    def cards(self) -> dict[str, dict[str, str]]:
        return self.of("worklist")

    @property
    def queue(self) -> dict[str, int]:
        return dict(self.written.queued)


def _table(header: list[str], lines: list[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="|", lineterminator="\n")
    writer.writerows([header, *lines])
    return text.getvalue()


def message(person: str, event: str, at: str, **said: str) -> dict[str, str]:
    """A message about a member: `at` is `YYYY-MM-DD HH:MM`; the visit is hers unless told."""
    last, first, birth, sex, _, _ = PEOPLE[person]
    return {
        "EVT_CD": event,
        "EVT_TS": at,
        "FAC_CD": "WAH01",
        "FAC_NPI": "1530273626",
        "VISIT_NO": f"V-{person}-1",
        "MRN": f"MR{person}",
        "MBR_ID": person,
        "LAST_NM": last,
        "FIRST_NM": first,
        "BIRTH_DT": birth.replace("-", ""),
        "GNDR_CD": sex,
        "PAT_CLASS": "I",
        "ADM_TYP": "E",
        "WARD": "2E",
        **said,
    }


def did(
    person: str, day: str, activity: str, outcome: str, task: str = "", **said: str
) -> dict[str, str]:
    """An entry of the care log."""
    return {
        "MBR_ID": person,
        "ACT_DT": day.replace("-", ""),
        "ACT_CD": activity,
        "CHNL_CD": "PHONE",
        "OUTC_CD": outcome,
        "TASK_CD": task,
        **said,
    }


def make_care_installation(data_dir: Path, config_dir: Path | None = None) -> CareInstallation:
    """Everything that a refresh reads: a generation, a roster, and feeds without a delivery."""
    settings = load_settings(
        {
            "CARE_DATA_DIR": str(data_dir),
            "CARE_CONFIG_DIR": str(config_dir or PROJECT_ROOT / "data"),
            "CARE_THREADS": "1",
            "CARE_SETTLE_SECONDS": "0",
        }
    )
    settings.spill_dir.mkdir(parents=True)
    made = CareInstallation(settings)
    for feed in ("adt_events", "care_log"):
        take_feed(settings, feed)
    row = f"{DOCTOR}|012345678|EHP|NPN|L1|Elm Street|PCP|08|207Q00000X|O|20150101|99991231"
    made.deliver("provider_roster", "2026-03-01", f"{ROSTER_HEADER}\n{row}\n", 1)
    made.publish()
    return made
