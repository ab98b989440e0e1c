"""What coordinators wrote down: calls, teaching, appointments, care plans, and hand-offs between
the group's coordinator and the payer's case manager.

An appointment that a claim tells of was kept, and one that was kept has its claim once claims of
the day are sent. Who means to come answers the telephone more often: contact goes with follow-up
and closure without causing either. To whom calls are due does not belong here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.simulator import codes
from orchestration.simulator.care.panel import (
    DELIMITERS,
    YESTERDAY,
    CareDelivery,
    Discharge,
    Panel,
    care_partners,
    dates,
    delivery_day,
    last_day_of,
    said,
)
from orchestration.simulator.care.payer_feeds import (
    GAP_SERVICES,
    Following,
    Gaps,
    ServiceDays,
    Support,
)
from orchestration.simulator.config import LAST_SERVICE_DAY, SimulationConfig
from orchestration.simulator.encoding import NO_DATE, Texts, lookup_table
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.mess import BadRow
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.rosters import ROSTER_DATES
from orchestration.simulator.utilization import MedicalUse
from orchestration.simulator.writing import Layout, period_text

HEADERS = {
    "A": "Entry Number,Member ID,Activity Date,Coordinator,Coordinator Role,Activity,Channel,"
    "Outcome,Task,Gap,Care Guide,Support Program,Appointment For",
    "B": "entry;member;done_on;coordinator;role;activity;channel;outcome;task;gap;guide;"
    "program;appointment_for",
    "C": "LOG_ID|MBR_ID|ACT_DT|COORD_ID|COORD_ROLE|ACT_CD|CHNL_CD|OUTC_CD|TASK_CD|GAP_CD|"
    "GUIDE_CD|SUPP_PGM|APPT_DT",
}
# The log of the performance year, and of 2026 until the day before the demo's present.
LOG_PERIODS = (35, 42)
LOG_START = int(MONTH_STARTS[24])
# Gaps of the spring are called about from April to August 2025, those of the year's end in 2026.
SPRING = 26
CALL_OUTCOMES = ("reached", "left_message", "not_reached", "wrong_number", "declined")
CALL_CHANCES = (0.54, 0.25, 0.15, 0.02, 0.04)
CALL_CHANCES_OF_WHO_COMES = (0.74, 0.14, 0.09, 0.01, 0.02)
CHRONIC_CARE = (
    ("education", "phone"),
    ("education", "in_person"),
    ("care_plan", "in_person"),
    ("guideline_consultation", "message"),
    ("case_manager_hand_off", "message"),
)
CALLED_AFTER_STAY = 0.75
VISIT_WITHIN_DAYS, CLOSED_WITHIN_DAYS = 14, 120
BOOKED, KEPT, LOGGED_AS_KEPT = 0.6, 0.7, 0.85
ANSWERED, HANDED_BACK, HANDED_BY_PAYER = 0.7, 0.35, 0.01
BAD_ENTRIES = 2
REPEATED_ENTRIES = 0.004
ROLES = ("registered_nurse", "registered_nurse", "patient_navigator")


@dataclass(frozen=True)
class LogEntry:
    """One line of a log; the payer's case managers write in the group's log too."""

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
    appointment: int = NO_DATE
    is_payers: bool = False


class CareLog:
    """Draws what coordinators of all groups did, one occasion after the other."""

    def __init__(
        self, people: Population, panel: Panel, use: MedicalUse, rng: np.random.Generator
    ) -> None:
        self._people, self._rng = people, rng
        self._partner_of = np.full(len(people), -1)
        self._partner_of[panel.person] = panel.partner
        self._visits = Following.of(use.visits.person, use.visits.day)
        self._entries: list[LogEntry] = []

    def entries(self) -> list[LogEntry]:
        """Everything drawn so far that has happened, in order."""
        self._entries.sort(key=lambda one: (one.day, one.person, one.activity, one.outcome))
        return [one for one in self._entries if one.day <= YESTERDAY]

    def after_stays(self, use: MedicalUse, just_left: Sequence[Discharge]) -> None:
        """Calls after discharges; some are not called in time: they are what a list is for."""
        stays = use.stays
        told = (stays.discharge_day >= LOG_START) & (self._partner_of[stays.person] >= 0)
        for person, day in zip(
            stays.person[told].tolist(), stays.discharge_day[told].tolist(), strict=True
        ):
            self._after_stay(person, day, self._visits.after(person, day, VISIT_WITHIN_DAYS))
        for discharge in just_left:
            if self._partner_of[discharge.person] < 0:
                self._partner_of[discharge.person] = discharge.partner
            self._after_stay(discharge.person, discharge.day, None)

    def about_gaps(
        self, gaps: Gaps, services: ServiceDays, first_day: int, days: int, share: float
    ) -> None:
        """Calls about a share of the gaps that are still open on the day of the call."""
        following = [services.following(number) for number in range(len(GAP_SERVICES))]
        for row in np.flatnonzero(self._rng.random(len(gaps.person)) < share).tolist():
            person, service = int(gaps.person[row]), int(gaps.service[row])
            gap = GAP_SERVICES[service][1]
            day = first_day + int(self._rng.integers(0, days))
            done = following[service].after(person, first_day - 1, day - first_day + 1)
            if done is not None:
                continue
            done = following[service].after(person, day, CLOSED_WITHIN_DAYS)
            if self._call(person, day, done is not None, task="gap", gap=gap):
                self._book(person, day, done, task="gap", gap=gap)

    def about_support(self, support: Support) -> None:
        """A referral wherever a support program was offered."""
        for row in np.flatnonzero(support.offered >= LOG_START).tolist():
            person, day = int(support.person[row]), int(support.offered[row])
            program = str(support.program[row])
            self._note(person, day, "referral", "phone", task="referral", support=program)

    def for_the_ill(self, panel: Panel) -> None:
        """Teaching, plans and hand-offs for some of those with a condition of a care guide."""
        conditions = self._people.conditions
        ill = panel.person[conditions[panel.person][:, :4].any(axis=1)]
        for person in ill[self._rng.random(len(ill)) < 0.08].tolist():
            guide = codes.CONDITIONS[int(np.flatnonzero(conditions[person, :4])[0])]
            day = LOG_START + int(self._rng.integers(0, YESTERDAY - LOG_START))
            activity, channel = CHRONIC_CARE[int(self._rng.integers(0, len(CHRONIC_CARE)))]
            self._note(person, day, activity, channel, task="high_risk_review", guide=guide)
            if activity == "case_manager_hand_off" and self._happens(ANSWERED):
                day += int(self._rng.integers(1, 10))
                self._note(person, day, "education", "phone", is_payers=True)
                if self._happens(HANDED_BACK):
                    self._hand_to_group(person, day + int(self._rng.integers(10, 40)))
        for person in ill[self._rng.random(len(ill)) < HANDED_BY_PAYER].tolist():
            self._hand_to_group(person, LOG_START + int(self._rng.integers(0, 550)))

    def _happens(self, chance: float) -> bool:
        return bool(self._rng.random() < chance)

    def _after_stay(self, person: int, left: int, visit: int | None) -> None:
        if not self._happens(CALLED_AFTER_STAY):
            return
        day = left + int(self._rng.integers(1, 4))
        will_come = visit is not None and visit > left + 2
        if self._call(person, day, will_come, task="discharge"):
            self._note(person, day, "medication_review", "phone", task="discharge")
            self._book(person, day, visit if will_come else None, task="discharge")
        else:
            self._call(person, day + 1, will_come, task="discharge")

    def _call(self, person: int, day: int, will_come: bool, task: str, gap: str = "") -> bool:
        chances = CALL_CHANCES_OF_WHO_COMES if will_come else CALL_CHANCES
        outcome = str(self._rng.choice(CALL_OUTCOMES, p=chances))
        self._note(person, day, "outreach", "phone", outcome=outcome, task=task, gap=gap)
        return outcome == "reached"

    def _book(self, person: int, day: int, comes: int | None, task: str, gap: str = "") -> None:
        """An appointment for the day she truly comes, or for one that nobody knows of yet."""
        if not self._happens(BOOKED):
            return
        is_kept = comes is not None
        if comes is None or comes <= day:
            comes = day + int(self._rng.integers(3, 24))
            # Where claims of the day are sent, they would tell of a visit that was kept.
            is_kept = comes > LAST_SERVICE_DAY and self._happens(KEPT)
        self._note(
            person, day, "appointment_booked", "phone", task=task, gap=gap, appointment=comes
        )
        if is_kept and self._happens(LOGGED_AS_KEPT):
            self._note(person, comes, "appointment_kept", "in_person", task=task, gap=gap)

    def _hand_to_group(self, person: int, day: int) -> None:
        self._note(person, day, "case_manager_hand_off", "message", is_payers=True)
        if self._happens(ANSWERED):
            answered = day + int(self._rng.integers(1, 8))
            self._note(person, answered, "education", "phone", task="high_risk_review")

    def _note(
        self,
        person: int,
        day: int,
        activity: str,
        channel: str,
        outcome: str = "completed",
        **about: object,
    ) -> None:
        partner = int(self._partner_of[person])
        self._entries.append(
            LogEntry(day, person, partner, activity, channel, outcome, **about)  # type: ignore[arg-type]
        )


def log_files(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    entries: Sequence[LogEntry],
    rng: np.random.Generator,
) -> Iterator[CareDelivery]:
    """Each group's log in its own words, one file a period."""
    ids = member_ids(people)
    for name, plan in care_partners(config).items():
        own = [one for one in entries if one.partner == providers.partner_ids.index(name)]
        style = plan.roster_style
        coordinators = max(1, round(config.scaled(plan.members, 1) / 10_000)) + 1
        start = LOG_START
        for period in LOG_PERIODS:
            last_day = last_day_of(period)
            numbered = [
                (number, one) for number, one in enumerate(own, 1) if start <= one.day <= last_day
            ]
            told = [one for _, one in numbered]
            start = last_day + 1
            columns = _columns(plan.partner_code, style, coordinators, numbered, ids)
            layout = Layout.of("care_log", HEADERS[style], DELIMITERS[style])
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
                delivery_day(period),
                np.sort(repeated),
                [
                    BadRow(row, "bad_date", "activity_date", {layout.columns[2]: wrong})
                    for row in range(spoilt)
                ],
            )


def _columns(
    code: str,
    style: str,
    coordinators: int,
    numbered: Sequence[tuple[int, LogEntry]],
    ids: Texts,
) -> list[Texts]:
    """The log's columns in the order of `HEADERS`."""
    told = [one for _, one in numbered]

    def texts(attribute: str) -> Texts:
        return lookup_table([said(style, getattr(one, attribute)) for one in told])

    def days(attribute: str) -> Texts:
        found = np.array([getattr(one, attribute) for one in told], dtype=np.int64)
        return dates(found, ROSTER_DATES[style])

    def who(one: LogEntry) -> tuple[str, str]:
        if one.is_payers:
            return f"{code}-CM{one.person % 2 + 1:02d}", "payer_case_manager"
        number = one.person % coordinators
        return f"{code}-N{number + 1:02d}", ROLES[number % 3]

    named = [who(one) for one in told]
    return [
        lookup_table([f"{code}-{number:06d}" for number, _ in numbered]),
        ids[np.array([one.person for one in told], dtype=np.int64)],
        days("day"),
        lookup_table([name for name, _ in named]),
        lookup_table([said(style, role) for _, role in named]),
        texts("activity"),
        texts("channel"),
        texts("outcome"),
        texts("task"),
        lookup_table([one.gap for one in told]),
        lookup_table([one.guide for one in told]),
        lookup_table([one.support for one in told]),
        days("appointment"),
    ]
