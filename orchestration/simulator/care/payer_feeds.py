"""What the payer tells around claims: how members are reached, what they lack, what they joined.

What groups tell does not belong here (`log.py`, `practices.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.care.panel import (
    SNAPSHOTS,
    YESTERDAY,
    CareDelivery,
    Panel,
    dates,
    delivery_day,
    last_day_of,
)
from orchestration.simulator.config import EFFECT_START_DAY, LAST_SERVICE_DAY, SimulationConfig
from orchestration.simulator.encoding import NO_DATE, digits, lookup_table
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.mess import BadRow
from orchestration.simulator.names import Names
from orchestration.simulator.population import Population
from orchestration.simulator.utilization import MedicalUse
from orchestration.simulator.writing import PAYER, Layout, Numbers, period_text

CONTACTS = Layout.of(
    "member_contact",
    "MBR_ID|LAST_NM|FIRST_NM|PHONE_NO|PHONE_TYP|LANG_CD|PREF_CNTCT|OPT_OUT_DT|OPT_OUT_SRC",
    "|",
)
GAPS = Layout.of("payer_gap_report", "MBR_ID|RPT_DT|GAP_CD|DUE_DT", "|")
SUPPORT = Layout.of(
    "support_program_enrollment", "MBR_ID|PGM_CD|OFFER_DT|ENRL_DT|DCLN_DT|CMPL_DT", "|"
)
RISK_SCORES = Layout.of("payer_risk_score", "MBR_ID|MODEL_NM|SCORE_DT|RISK_SCORE", "|")
# Last months before the demo's baseline and performance year: what the payer's model scored. It
# sends every tenth member, as an example: no program's terms ask for the scores.
SCORED_PERIODS = (11, 23)
SCORED_ONE_IN = 10
# The payer's own gap codes, the measure of METHODS D.1 each stands for, its procedures, and the
# days after which the service is due again.
GAP_SERVICES = (
    ("WI-BCS", "M01", ("77067", "77063"), 823),
    ("WI-A1C", "M05", ("83036",), 183),
    ("WI-EYE", "M07", ("92014", "92004", "92012"), 730),
    ("WI-KED", "M08", ("82043",), 365),
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
BAD_CONTACTS, BAD_GAPS = 3, 2


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


def contact_files(
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
        person, last_day = panel.person, last_day_of(period)
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
                dates(np.where(is_out, opt_day[person], NO_DATE)),
                lookup_table(["", "M", "G", "P"]).take(np.where(is_out, opt_source[person], 0)),
            ),
            delivery_day(period),
            bad=bad,
        )


@dataclass(frozen=True)
class ServiceDays:
    """Days on which services of `GAP_SERVICES` were had, by position in it."""

    person: tuple[Numbers, ...]
    day: tuple[Numbers, ...]

    def last_before(self, service: int, people: int, last_day: int) -> Numbers:
        """By person, the last day a service was had until `last_day`; `NO_DATE` where never."""
        done = np.full(people, NO_DATE)
        known = self.day[service] <= last_day
        np.maximum.at(done, self.person[service][known], self.day[service][known])
        return done

    def following(self, service: int) -> "Following":
        """Finds a service's next day after a day."""
        return Following.of(self.person[service], self.day[service])


@dataclass(frozen=True)
class Following:
    """Days of persons, sorted, to find the first one after a day."""

    key: Numbers
    wide: int = 100_000

    @classmethod
    def of(cls, person: Numbers, day: Numbers) -> "Following":
        return cls(np.sort(person.astype(np.int64) * cls.wide + day))

    def after(self, person: int, day: int, within: int) -> int | None:
        """The first day later than `day`, at most `within` days later."""
        place = int(np.searchsorted(self.key, person * self.wide + day, side="right"))
        if place == len(self.key) or self.key[place] > person * self.wide + day + within:
            return None
        return int(self.key[place]) % self.wide


def service_days(use: MedicalUse) -> ServiceDays:
    """Every day on which a service of `GAP_SERVICES` was had and not denied."""
    persons, days = [], []
    for _, _, procedures, _ in GAP_SERVICES:
        wanted = np.zeros(len(codes.PROCEDURES.texts), dtype=bool)
        wanted[[codes.PROCEDURES.index(code) for code in procedures]] = True
        lines = np.flatnonzero(wanted.take(use.lines.procedure) & ~use.lines.is_denied)
        claim = use.lines.claim[lines]
        persons.append(use.claims.person[claim].astype(np.int64))
        days.append(use.claims.from_day[claim].astype(np.int64))
    return ServiceDays(tuple(persons), tuple(days))


def missing_services(
    people: Population, services: ServiceDays, panel: Panel, last_day: int
) -> Gaps:
    """Services of `GAP_SERVICES` that a panel's members did not have when they were due."""
    age = (last_day - people.birth_day[panel.person]) // 365.25
    is_diabetic = people.conditions[panel.person, DIABETES] & (age >= 18) & (age < 76)
    is_woman = people.is_female[panel.person] & (age >= 42) & (age < 75)
    found_persons, found_services, due_days = [], [], []
    for number, (_, measure, _, interval) in enumerate(GAP_SERVICES):
        # Never done: ninety days after the member came.
        first_due = people.start_day[panel.person] + 90
        done = services.last_before(number, len(people), last_day)[panel.person]
        due = np.where(done == NO_DATE, first_due, done + interval)
        concerned = is_woman if measure == "M01" else is_diabetic
        missing = np.flatnonzero(concerned & (due <= min(last_day, LAST_SERVICE_DAY)))
        found_persons.append(panel.person[missing])
        found_services.append(np.full(len(missing), number))
        due_days.append(due[missing])
    return Gaps(
        np.concatenate(found_persons), np.concatenate(found_services), np.concatenate(due_days)
    )


def gap_reports(
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
                dates(np.full(count, last_day_of(period))),
                code.take(found.service),
                dates(found.due_day),
            ),
            delivery_day(period),
            bad=bad,
        )


def risk_scores(config: SimulationConfig, people: Population) -> Iterator[CareDelivery]:
    """Scores that grow with age and with a member's conditions; nothing is drawn."""
    ids = member_ids(people)
    for period in SCORED_PERIODS:
        last_day = last_day_of(period)
        covered = (people.start_day <= last_day) & (people.end_day >= last_day)
        covered &= people.death_day > last_day
        person = np.flatnonzero(covered & (people.number % SCORED_ONE_IN == 0))
        if not len(person):
            continue
        years = np.maximum((last_day - people.birth_day[person]) // 365.25, 0)
        conditions = people.conditions[person].sum(axis=1)
        ten_thousandths = (3_000 + 120 * years + 5_500 * conditions).astype(np.int64)
        whole = np.strings.add(digits(ten_thousandths // 10_000, 2), b".")
        yield CareDelivery(
            PAYER,
            f"{period_text(period)}{config.part}",
            RISK_SCORES,
            (
                ids[person],
                np.full(len(person), b"GROUPER-7"),
                dates(np.full(len(person), last_day)),
                np.strings.add(whole, digits(ten_thousandths % 10_000, 4)),
            ),
            delivery_day(period),
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


def support_files(
    config: SimulationConfig, people: Population, support: Support
) -> Iterator[CareDelivery]:
    ids = member_ids(people)
    for period in SNAPSHOTS:
        last_day = last_day_of(period)

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
                    dates(known(days[rows]))
                    for days in (
                        support.offered,
                        support.enrolled,
                        support.declined,
                        support.completed,
                    )
                ),
            ),
            delivery_day(period),
        )
