"""What payer and groups tell of the care around claims: whom to call, what is missing, what was
done, and what practices offer.

Tied to the simulated members: gaps are services they truly did not have, calls follow their stays
and gaps, support programs their conditions. Messages of hospitals do not belong here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.config import (
    EFFECT_START_DAY,
    LAST_SERVICE_DAY,
    NON_PROGRAM,
    OPEN_END,
    PartnerPlan,
    SimulationConfig,
)
from orchestration.simulator.encoding import NO_DATE, Texts, date_texts, digits, lookup_table
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.mess import BadRow
from orchestration.simulator.names import Names
from orchestration.simulator.population import MONTH_STARTS, NO_CLINICIAN, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.rosters import ROSTER_DATES, practice_ids
from orchestration.simulator.utilization import MedicalUse
from orchestration.simulator.writing import (
    PAYER,
    Layout,
    Numbers,
    WrittenFile,
    delivered_on,
    period_text,
    write_columns,
)

CONTACTS = Layout.of(
    "member_contact",
    "MBR_ID|LAST_NM|FIRST_NM|PHONE_NO|PHONE_TYP|LANG_CD|PREF_CNTCT|OPT_OUT_DT|OPT_OUT_SRC",
    "|",
)
GAPS = Layout.of("payer_gap_report", "MBR_ID|RPT_DT|GAP_CD|DUE_DT", "|")
SUPPORT = Layout.of(
    "support_program_enrollment", "MBR_ID|PGM_CD|OFFER_DT|ENRL_DT|DCLN_DT|CMPL_DT", "|"
)
DELIMITERS = {"A": ",", "B": ";", "C": "|"}
HEADERS = {
    "care_log": {
        "A": "Entry Number,Member ID,Activity Date,Coordinator,Coordinator Role,Activity,Channel,"
        "Outcome,Task,Gap,Care Guide,Support Program",
        "B": "entry;member;done_on;coordinator;role;activity;channel;outcome;task;gap;guide;"
        "program",
        "C": "LOG_ID|MBR_ID|ACT_DT|COORD_ID|COORD_ROLE|ACT_CD|CHNL_CD|OUTC_CD|TASK_CD|GAP_CD|"
        "GUIDE_CD|SUPP_PGM",
    },
    "practice_profile": {
        "A": "Practice Code,From,To,Weekday Hours,Weekend Hours,Extended Hours,Weekend Telephone,"
        "Weekend Acute Care,EHR Since,E-Prescribing Since",
        "B": "site_id;from;to;weekday_hours;weekend_hours;extended;weekend_phone;weekend_acute;"
        "ehr_since;erx_since",
        "C": "PRAC_ID|EFF_DT|TERM_DT|WKDY_HRS|WKND_HRS|EXT_HRS|WKND_TEL|WKND_ACUTE|EHR_DT|ERX_DT",
    },
    "patient_experience": {
        "A": "Survey,Practice Code,Field Period End,Respondents,Access,Communication,Coordination,"
        "Overall",
        "B": "survey;site_id;fielded_until;respondents;access;communication;coordination;overall",
        "C": "SRVY_ID|PRAC_ID|SRVY_DT|RESP_CNT|ACCESS|COMMUN|COORD|OVERALL",
    },
}
# Snapshots of the payer, as months counted from the epoch; the last is the demo's present.
SNAPSHOTS = (35, 41)
# The care log of the last quarter of 2025, and of 2026 until the day before the demo's present.
LOG_PERIODS = (35, 42)
PRESENT = "2026-07-10"
YESTERDAY = int((np.datetime64(PRESENT) - np.datetime64("2023-01-01")).astype(int)) - 1
LOG_START = int(MONTH_STARTS[33])
YEAR = 365

# The payer's own gap codes, the measure of METHODS D.1 each stands for, its procedures, and the
# days after which the service is due again.
GAP_SERVICES = (
    ("WI-BCS", "M01", ("77067", "77063"), 823),
    ("WI-A1C", "M05", ("83036",), 183),
    ("WI-EYE", "M07", ("92014", "92004", "92012"), 2 * YEAR),
    ("WI-KED", "M08", ("82043",), YEAR),
)
DIABETES = codes.CONDITIONS.index("diabetes")
SUPPORT_OF_CONDITION = {
    "diabetes": "diabetes",
    "ischemic_heart_disease": "heart_disease",
    "congestive_heart_failure": "heart_disease",
    "asthma": "asthma",
    "copd": "copd",
    "chronic_kidney_disease": "chronic_kidney_disease",
    "depression": "depression",
    "obesity": "weight_management",
}
SUPPORT_CODES = {
    "diabetes": "DM-DIAB",
    "heart_disease": "DM-HEART",
    "asthma": "DM-ASTH",
    "copd": "DM-COPD",
    "chronic_kidney_disease": "DM-CKD",
    "depression": "DM-DEPR",
    "weight_management": "LS-WEIGHT",
    "tobacco_cessation": "LS-TOBAC",
    "stress_management": "LS-STRESS",
}
LANGUAGES = ("en", "es", "pt", "zh", "pl", "vi", "ru", "it")
LANGUAGE_CHANCES = (0.868, 0.082, 0.014, 0.011, 0.008, 0.007, 0.006, 0.004)
AREA_CODES = {"CT": ("203", "860"), "WA": ("425", "206"), "PA": ("610", "484")}
CALL_OUTCOMES = ("reached", "left_message", "not_reached", "wrong_number", "declined")
CALL_CHANCES = (0.58, 0.22, 0.14, 0.02, 0.04)
CHRONIC_CARE = (
    ("education", "phone"),
    ("education", "in_person"),
    ("care_plan", "in_person"),
    ("guideline_consultation", "message"),
    ("case_manager_hand_off", "message"),
)
CALLED_AFTER_STAY = 0.75
BAD_CONTACTS, BAD_GAPS, BAD_ENTRIES = 3, 2, 2
REPEATED_ENTRIES = 0.004


@dataclass(frozen=True)
class CareDelivery:
    """One file to write, with the rows planted in it that intake must reject or set aside."""

    source: str
    name: str
    layout: Layout
    columns: Sequence[Texts]
    delivered: str
    repeated: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    bad: Sequence[BadRow] = ()

    def job(self, landing_dir: Path) -> Callable[[], WrittenFile]:
        """Writes the file, the repeated rows at its end."""
        return partial(
            write_columns,
            landing_dir,
            self.source,
            self.name,
            self.layout,
            self.columns,
            self.delivered,
            np.concatenate((np.arange(len(self.columns[0])), self.repeated)),
            {row.row: row for row in self.bad},
            {"rejected_rows": len(self.bad), "duplicate_rows": len(self.repeated)},
        )

    def rejected_rows(self) -> list[dict[str, str]]:
        """The rows planted to be rejected, as the truth tells them."""
        return [
            {
                "feed": self.layout.feed,
                "period": self.name[:7],
                "column": row.column,
                "reason": row.reason,
                "value": next(iter(row.texts.values())),
            }
            for row in self.bad
        ]


@dataclass(frozen=True)
class Panel:
    """Who truly belongs to a partner that has coordinators, and is covered, on one day."""

    person: Numbers
    partner: Numbers


@dataclass(frozen=True)
class Discharge:
    """A stay that ended: who, of which partner, on which day."""

    person: int
    partner: int
    day: int


@dataclass(frozen=True)
class Gaps:
    """Services missing on a day: who, the position in `GAP_SERVICES`, and when each was due."""

    person: Numbers
    service: Numbers
    due_day: Numbers


@dataclass(frozen=True)
class Support:
    """Offers of support programs; `NO_DATE` for what did not happen."""

    person: Numbers
    program: NDArray[np.object_]
    offered: Numbers
    enrolled: Numbers
    declined: Numbers
    completed: Numbers


@dataclass(frozen=True)
class LogEntry:
    """One line of a coordinator's log."""

    day: int
    person: int
    partner: int
    activity: str
    channel: str
    outcome: str
    task: str = ""
    gap: str = ""
    guide: str = ""
    support: str = ""


def care_partners(config: SimulationConfig) -> dict[str, PartnerPlan]:
    """Partners with coordinators, by id."""
    return {
        partner.partner_id: partner
        for program in config.programs
        for partner in program.partners
        if partner.adt_format is not None
    }


def care_mess(deliveries: Sequence[CareDelivery]) -> dict[str, dict[str, int]]:
    """Planted faults by feed."""
    counts = {
        feed: {"rejected_rows": 0, "duplicate_rows_within_delivery": 0}
        for feed in ("member_contact", "payer_gap_report", "care_log")
    }
    for one in deliveries:
        if one.layout.feed in counts:
            counts[one.layout.feed]["rejected_rows"] += len(one.bad)
            counts[one.layout.feed]["duplicate_rows_within_delivery"] += len(one.repeated)
    return counts


def panel_on(config: SimulationConfig, providers: Providers, people: Population, day: int) -> Panel:
    """Members covered on a day whose own doctor is then on the roster of a care partner."""
    everyone = np.arange(len(people))
    when = np.full(len(people), day)
    home = people.home(everyone, when)
    partner = np.where(home == NO_CLINICIAN, -1, providers.partner[np.maximum(home, 0)])
    in_program = people.true_program(providers, everyone, when) != NON_PROGRAM
    covered = (people.start_day <= day) & (people.end_day >= day) & (people.death_day > day)
    covered &= ~((people.gap_start <= day) & (people.gap_end >= day))
    caring = [providers.partner_ids.index(name) for name in care_partners(config)]
    chosen = np.flatnonzero(in_program & covered & np.isin(partner, caring))
    return Panel(chosen, partner[chosen].astype(np.int64))


def care_deliveries(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    names: Names,
    use: MedicalUse,
    just_left: Sequence[Discharge],
    rng: np.random.Generator,
) -> list[CareDelivery]:
    """Every delivery of the six feeds around care; none where no partner has coordinators.

    `just_left` are stays of the last weeks, which no claim tells of yet.
    """
    partners = care_partners(config)
    if not partners:
        return []
    panels = {
        period: panel_on(config, providers, people, _last_day(period)) for period in SNAPSHOTS
    }
    gaps = {period: missing_services(people, use, panels[period], period) for period in SNAPSHOTS}
    support = draw_support(people, panels[SNAPSHOTS[0]], rng)
    panel, gap_list = panels[SNAPSHOTS[0]], gaps[SNAPSHOTS[0]]
    entries = draw_log(people, panel, use, just_left, gap_list, support, rng)
    return [
        *_contacts(config, people, names, panels, rng),
        *_gap_reports(config, people, gaps),
        *_support_files(config, people, support),
        *_care_logs(config, providers, people, entries, rng),
        *_practices(config, providers, rng),
    ]


def _last_day(period: int) -> int:
    """Last day that a delivery for a month tells of; the present month is told until yesterday."""
    if period + 1 < len(MONTH_STARTS):
        return min(int(MONTH_STARTS[period + 1]) - 1, YESTERDAY)
    return YESTERDAY


def _delivered(period: int) -> str:
    return min(delivered_on(period), PRESENT)


def _dates(days: Numbers, style: str = "compact") -> Texts:
    return date_texts(days, style)


# --- the payer's feeds ---------------------------------------------------------------------------


def _contacts(
    config: SimulationConfig,
    people: Population,
    names: Names,
    panels: dict[int, Panel],
    rng: np.random.Generator,
) -> Iterator[CareDelivery]:
    """Names and telephones; what a member wishes does not change between snapshots."""
    count = len(people)
    state = [market.state for market in config.markets]
    area = np.array([AREA_CODES.get(name, ("800",))[0] for name in state])[people.market]
    number = rng.integers(0, 10_000, count)
    phone = np.strings.add(area.astype("S3"), np.strings.add(b"555", digits(number, 4)))
    phone = np.where(rng.random(count) < 0.015, b"", phone)
    kind = lookup_table(["M", "H", "W"]).take(rng.choice(3, count, p=(0.78, 0.17, 0.05)))
    language = lookup_table(LANGUAGES).take(rng.choice(8, count, p=LANGUAGE_CHANCES))
    wish = lookup_table(["PH", "TX", "EM", "ML", "PT"]).take(
        rng.choice(5, count, p=(0.42, 0.33, 0.12, 0.05, 0.08))
    )
    opts_out = rng.random(count) < 0.012
    opt_day = rng.integers(EFFECT_START_DAY, YESTERDAY, count)
    opt_source = rng.choice(3, count, p=(0.7, 0.2, 0.1)) + 1
    ids = member_ids(people)
    for period, panel in panels.items():
        person, last_day = panel.person, _last_day(period)
        is_out = opts_out[person] & (opt_day[person] <= last_day)
        bad = [
            BadRow(row, "bad_phone", "phone_number", {"PHONE_NO": "555-0142"})
            for row in range(max(0, min(BAD_CONTACTS, len(person) - 1)))
        ]
        yield CareDelivery(
            PAYER,
            f"{period_text(period)}{config.part}",
            CONTACTS,
            (
                ids[person],
                names.last_texts(person),
                names.first_texts(person),
                phone[person],
                kind[person],
                language[person],
                wish[person],
                _dates(np.where(is_out, opt_day[person], NO_DATE)),
                lookup_table(["", "M", "G", "P"]).take(np.where(is_out, opt_source[person], 0)),
            ),
            _delivered(period),
            bad=bad,
        )


def missing_services(people: Population, use: MedicalUse, panel: Panel, period: int) -> Gaps:
    """Services of `GAP_SERVICES` that a panel's members did not have when they were due."""
    last_day = _last_day(period)
    age = (last_day - people.birth_day[panel.person]) // 365.25
    is_diabetic = people.conditions[panel.person, DIABETES] & (age >= 18) & (age < 76)
    is_woman = people.is_female[panel.person] & (age >= 42) & (age < 75)
    persons, services, due_days = [], [], []
    for number, (_, measure, procedures, interval) in enumerate(GAP_SERVICES):
        wanted = np.zeros(len(codes.PROCEDURES.texts), dtype=bool)
        wanted[[codes.PROCEDURES.index(code) for code in procedures]] = True
        lines = np.flatnonzero(wanted.take(use.lines.procedure) & ~use.lines.is_denied)
        claim = use.lines.claim[lines]
        last_done = np.full(len(people), NO_DATE)
        np.maximum.at(last_done, use.claims.person[claim], use.claims.from_day[claim])
        # Never done: ninety days after the member came.
        first_due = people.start_day[panel.person] + 90
        done = last_done[panel.person]
        due = np.where(done == NO_DATE, first_due, done + interval)
        concerned = is_woman if measure == "M01" else is_diabetic
        missing = np.flatnonzero(concerned & (due <= min(last_day, LAST_SERVICE_DAY)))
        persons.append(panel.person[missing])
        services.append(np.full(len(missing), number))
        due_days.append(due[missing])
    return Gaps(np.concatenate(persons), np.concatenate(services), np.concatenate(due_days))


def _gap_reports(
    config: SimulationConfig, people: Population, gaps: dict[int, Gaps]
) -> Iterator[CareDelivery]:
    ids = member_ids(people)
    code = lookup_table([row[0] for row in GAP_SERVICES])
    for period, found in gaps.items():
        count = len(found.person)
        bad = [
            BadRow(row, "unknown_gap", "gap_code", {"GAP_CD": "WI-000"})
            for row in range(max(0, min(BAD_GAPS, count - 1)))
        ]
        yield CareDelivery(
            PAYER,
            f"{period_text(period)}{config.part}",
            GAPS,
            (
                ids[found.person],
                _dates(np.full(count, _last_day(period))),
                code.take(found.service),
                _dates(found.due_day),
            ),
            _delivered(period),
            bad=bad,
        )


def draw_support(people: Population, panel: Panel, rng: np.random.Generator) -> Support:
    """Offers by condition, and of lifestyle programs to anyone, with what became of them."""
    persons, programs = [], []
    adult = people.age[panel.person] >= 18
    for condition, program in SUPPORT_OF_CONDITION.items():
        has = people.conditions[panel.person, codes.CONDITIONS.index(condition)] & adult
        chosen = panel.person[has & (rng.random(len(has)) < 0.13)]
        persons.append(chosen)
        programs += [program] * len(chosen)
    for program, chance in (("tobacco_cessation", 0.008), ("stress_management", 0.006)):
        chosen = panel.person[adult & (rng.random(len(adult)) < chance)]
        persons.append(chosen)
        programs += [program] * len(chosen)
    # Who has two heart conditions is offered one heart program.
    offers = dict.fromkeys(zip(np.concatenate(persons).tolist(), programs, strict=True))
    person = np.array([one for one, _ in offers], dtype=np.int64)
    programs = [program for _, program in offers]
    count = len(person)
    offered = rng.integers(EFFECT_START_DAY, YESTERDAY - 5, count)
    draw = rng.random(count)
    joins, refuses = draw < 0.42, (draw >= 0.42) & (draw < 0.74)
    answered = offered + rng.integers(1, 35, count)
    enrolled = np.where(joins, answered, NO_DATE)
    finishes = joins & (rng.random(count) < 0.4)
    done = np.where(finishes, answered + rng.integers(80, 240, count), NO_DATE)
    by_herself = joins & (rng.random(count) < 0.05)
    return Support(
        person,
        np.array(programs, dtype=object),
        np.where(by_herself, NO_DATE, offered),
        enrolled,
        np.where(refuses, answered, NO_DATE),
        done,
    )


def _support_files(
    config: SimulationConfig, people: Population, support: Support
) -> Iterator[CareDelivery]:
    ids = member_ids(people)
    for period in SNAPSHOTS:
        last_day = _last_day(period)

        def known(days: Numbers, last_day: int = last_day) -> Numbers:
            return np.where(days <= last_day, days, NO_DATE)

        first = np.where(support.offered == NO_DATE, support.enrolled, support.offered)
        rows = np.flatnonzero(first <= last_day)
        yield CareDelivery(
            PAYER,
            f"{period_text(period)}{config.part}",
            SUPPORT,
            (
                ids[support.person[rows]],
                lookup_table([SUPPORT_CODES[support.program[row]] for row in rows]),
                *(
                    _dates(known(days[rows]))
                    for days in (
                        support.offered,
                        support.enrolled,
                        support.declined,
                        support.completed,
                    )
                ),
            ),
            _delivered(period),
        )


# --- the groups' feeds ---------------------------------------------------------------------------


def draw_log(
    people: Population,
    panel: Panel,
    use: MedicalUse,
    just_left: Sequence[Discharge],
    gaps: Gaps,
    support: Support,
    rng: np.random.Generator,
) -> list[LogEntry]:
    """What coordinators did from October 2025 on: after stays, about gaps, for the ill."""
    partner_of = np.full(len(people), -1)
    partner_of[panel.person] = panel.partner
    entries: list[LogEntry] = []

    def call(person: int, day: int, task: str, gap: str = "") -> bool:
        outcome = str(rng.choice(CALL_OUTCOMES, p=CALL_CHANCES))
        entries.append(
            LogEntry(day, person, int(partner_of[person]), "outreach", "phone", outcome, task, gap)
        )
        return outcome == "reached"

    def follow(person: int, day: int, activity: str, channel: str, **about: str) -> None:
        outcome = "completed"
        entries.append(
            LogEntry(day, person, int(partner_of[person]), activity, channel, outcome, **about)
        )

    stays = use.stays
    told = (stays.discharge_day >= LOG_START) & (partner_of[stays.person] >= 0)
    discharges = [
        *(
            Discharge(int(person), int(partner_of[person]), int(day))
            for person, day in zip(
                stays.person[told].tolist(), stays.discharge_day[told].tolist(), strict=True
            )
        ),
        *just_left,
    ]
    for discharge in discharges:
        # Some are not called in time: they are what a worklist is for.
        if rng.random() > CALLED_AFTER_STAY:
            continue
        person, day = discharge.person, discharge.day + int(rng.integers(1, 4))
        if partner_of[person] < 0:
            partner_of[person] = discharge.partner
        if call(person, day, "discharge"):
            follow(person, day, "medication_review", "phone", task="discharge")
            if rng.random() < 0.6:
                follow(person, day, "appointment_booked", "phone", task="discharge")
                kept = day + int(rng.integers(3, 12))
                follow(person, kept, "appointment_kept", "in_person", task="discharge")
        else:
            call(person, day + 1, "discharge")
    for row in np.flatnonzero(rng.random(len(gaps.person)) < 0.12).tolist():
        person, gap = int(gaps.person[row]), GAP_SERVICES[gaps.service[row]][1]
        day = int(MONTH_STARTS[36]) + int(rng.integers(12, 150))
        if call(person, day, "gap", gap) and rng.random() < 0.5:
            follow(person, day, "appointment_booked", "phone", task="gap", gap=gap)
            if rng.random() < 0.7:
                kept = day + int(rng.integers(5, 30))
                follow(person, kept, "appointment_kept", "in_person", task="gap", gap=gap)
    for row in np.flatnonzero(support.offered >= LOG_START).tolist():
        person, day = int(support.person[row]), int(support.offered[row])
        program = str(support.program[row])
        follow(person, day, "referral", "phone", task="referral", support=program)
    ill = panel.person[people.conditions[panel.person][:, :4].any(axis=1)]
    for person in ill[rng.random(len(ill)) < 0.08].tolist():
        guide = codes.CONDITIONS[int(np.flatnonzero(people.conditions[person, :4])[0])]
        day = LOG_START + int(rng.integers(0, YESTERDAY - LOG_START))
        activity, channel = CHRONIC_CARE[int(rng.integers(0, len(CHRONIC_CARE)))]
        follow(person, day, activity, channel, task="high_risk_review", guide=guide)
    entries.sort(key=lambda entry: (entry.day, entry.person, entry.activity, entry.outcome))
    return [entry for entry in entries if entry.day <= YESTERDAY]


def said(style: str, code: str) -> str:
    """How a group of a style writes one of the contract's codes."""
    if style == "A":
        return code.replace("_", " ").capitalize()
    return code.upper() if style == "C" else code


def _care_logs(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    entries: Sequence[LogEntry],
    rng: np.random.Generator,
) -> Iterator[CareDelivery]:
    ids = member_ids(people)
    roles = ("registered_nurse", "registered_nurse", "patient_navigator")
    for name, plan in care_partners(config).items():
        own = [one for one in entries if one.partner == providers.partner_ids.index(name)]
        style = plan.roster_style
        coordinators = max(1, round(config.scaled(plan.members, 1) / 10_000)) + 1
        start = LOG_START
        for period in LOG_PERIODS:
            last_day = _last_day(period)
            told = [
                (number, one) for number, one in enumerate(own, 1) if start <= one.day <= last_day
            ]
            start = last_day + 1
            who = [one.person % coordinators for _, one in told]

            def texts(
                attribute: str,
                told: Sequence[tuple[int, LogEntry]] = told,
                style: str = style,
            ) -> Texts:
                return lookup_table([said(style, getattr(one, attribute)) for _, one in told])

            columns = [
                lookup_table([f"{plan.partner_code}-{number:06d}" for number, _ in told]),
                ids[np.array([one.person for _, one in told], dtype=np.int64)],
                _dates(np.array([one.day for _, one in told], dtype=np.int64), ROSTER_DATES[style]),
                lookup_table([f"{plan.partner_code}-N{number + 1:02d}" for number in who]),
                lookup_table([said(style, roles[number % 3]) for number in who]),
                texts("activity"),
                texts("channel"),
                texts("outcome"),
                texts("task"),
                lookup_table([one.gap for _, one in told]),
                lookup_table([one.guide for _, one in told]),
                lookup_table([one.support for _, one in told]),
            ]
            layout = Layout.of("care_log", HEADERS["care_log"][style], DELIMITERS[style])
            is_first = period == LOG_PERIODS[0]
            spoilt = max(0, min(BAD_ENTRIES, len(told) - 1)) if is_first else 0
            wrong = {"A": "13/32/2025", "B": "2025-13-32", "C": "20251332"}[style]
            clean = np.arange(spoilt, len(told))
            repeated = rng.choice(
                clean, min(len(clean), round(len(told) * REPEATED_ENTRIES)), replace=False
            )
            yield CareDelivery(
                name,
                f"{period_text(period)}{config.part}",
                layout,
                columns,
                _delivered(period),
                np.sort(repeated),
                [
                    BadRow(row, "bad_date", "activity_date", {layout.columns[2]: wrong})
                    for row in range(spoilt)
                ],
            )


def _practices(
    config: SimulationConfig, providers: Providers, rng: np.random.Generator
) -> Iterator[CareDelivery]:
    """Each group's practices: what they offer, and what their patients said in two surveys."""
    period = SNAPSHOTS[0]
    name = f"{period_text(period)}{config.part}"
    surveys = ((24, "S2024"), (36, "S2025"))
    for partner, plan in care_partners(config).items():
        style, dates = plan.roster_style, ROSTER_DATES[plan.roster_style]
        number = providers.partner_ids.index(partner)
        practices = np.unique(providers.practice[providers.partner == number]).astype(np.int64)
        count = len(practices)
        ids = practice_ids(config, practices)
        has = {
            feature: rng.random(count) < chance
            for feature, chance in (("late", 0.62), ("phone", 0.7), ("acute", 0.35))
        }
        ehr = -rng.integers(600, 5_000, count)
        prescribing = np.where(rng.random(count) < 0.93, ehr + rng.integers(0, 700, count), NO_DATE)
        weekend = np.where(has["acute"], rng.integers(3, 11, count), 0)
        flags = lookup_table([said(style, "no"), said(style, "yes")])
        hours = 8 + rng.integers(0, 3, count) / 2 + 2.5 * has["late"]
        yield CareDelivery(
            partner,
            name,
            Layout.of("practice_profile", HEADERS["practice_profile"][style], DELIMITERS[style]),
            (
                ids,
                _dates(np.full(count, 0), dates),
                _dates(np.full(count, OPEN_END), dates),
                lookup_table([f"{value:.2f}" for value in hours.tolist()]),
                lookup_table([f"{value}.00" for value in weekend.tolist()]),
                flags.take(has["late"].astype(int)),
                flags.take(has["phone"].astype(int)),
                flags.take(has["acute"].astype(int)),
                _dates(ehr, dates),
                _dates(prescribing, dates),
            ),
            _delivered(period),
        )
        answers = rng.integers(11, 90, count * len(surveys))
        level = np.clip(rng.normal(0.72, 0.07, (4, count * len(surveys))), 0.3, 0.98)
        # A score is a count of best answers over those who answered.
        best = np.round(level * answers).astype(np.int64)
        yield CareDelivery(
            partner,
            name,
            Layout.of(
                "patient_experience", HEADERS["patient_experience"][style], DELIMITERS[style]
            ),
            (
                np.repeat(
                    lookup_table([f"{plan.partner_code}-{code}" for _, code in surveys]), count
                ),
                np.tile(ids, len(surveys)),
                _dates(
                    np.repeat([int(MONTH_STARTS[month]) - 1 for month, _ in surveys], count), dates
                ),
                lookup_table([f"{value}" for value in answers.tolist()]),
                *(_shares(row, answers) for row in best),
            ),
            _delivered(period),
        )


def _shares(best: Numbers, answers: Numbers) -> Texts:
    """Shares of the best answer with four decimals."""
    pairs = zip(best.tolist(), answers.tolist(), strict=True)
    return lookup_table([f"{top / total:.4f}" for top, total in pairs])
