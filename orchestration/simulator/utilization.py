"""Medical services: who is seen when, by whom, for what, and the claims that follow.

Each service is a Poisson process on the member's own rate over her covered days; planted effects
thin it from month 25 on while she truly belongs to a program's doctors. Fills are in pharmacy.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import ClaimBook, Claims, Lines, LineSpec
from orchestration.simulator.codes import MODIFIER, PLACE
from orchestration.simulator.config import (
    EFFECT_START_DAY,
    LAST_SERVICE_DAY,
    NON_PROGRAM,
    PlantedEffects,
    SimulationConfig,
)
from orchestration.simulator.population import (
    ED_BY_AGE,
    Population,
    pick_pcp,
    within_practice,
)
from orchestration.simulator.providers import (
    EYE_DOCTOR,
    OBSTETRICIAN,
    PSYCHIATRIST,
    PSYCHOLOGIST,
    SECOND_TIER,
    THERAPIST,
    Providers,
)

Numbers = NDArray[np.int64]
Rates = NDArray[np.float64]

USE_BY_AGE = np.array([1.6, 1.0, 0.7, 0.75, 0.85, 0.95, 1.15, 1.4, 1.7])
STAY_BY_AGE = np.array([1.2, 0.35, 0.3, 0.5, 0.6, 0.7, 1.1, 1.7, 2.6])
ED_PER_YEAR = 0.190
PRICE_LEVEL = 1.24
MIDNIGHT, OFF_BY_A_DAY = 0.06, 0.03
ED_FACILITY_MISSING, ED_PROFESSIONAL_MISSING, ED_DENIED = 0.02, 0.04, 0.01


@dataclass(frozen=True)
class EdVisits:
    """Treat-and-release ED visits as the member had them: one entry a visit, none denied."""

    person: Numbers
    day: Numbers


@dataclass(frozen=True)
class Stays:
    """Inpatient stays (each hospital of a transfer is its own entry)."""

    person: Numbers
    admission_day: Numbers
    discharge_day: Numbers
    is_from_ed: NDArray[np.bool_]


@dataclass(frozen=True)
class Visits:
    """Paid visits to clinicians of the directory with a code that attribution counts (B.2)."""

    person: Numbers
    day: Numbers
    clinician: Numbers
    is_primary_care: NDArray[np.bool_]


@dataclass(frozen=True)
class MedicalUse:
    """All true claims and the countable facts behind them."""

    claims: Claims
    lines: Lines
    ed_visits: EdVisits
    stays: Stays
    visits: Visits
    interim_bills: int
    transfers: int
    denied_ed_visits: int


class _World:
    """What every service draws from."""

    def __init__(
        self,
        config: SimulationConfig,
        providers: Providers,
        population: Population,
        rng: np.random.Generator,
    ) -> None:
        self.config = config
        self.providers = providers
        self.people = population
        self.rng = rng
        price = PRICE_LEVEL * np.exp(rng.normal(0, 0.10, len(providers.organisation_tin)))
        self.book = ClaimBook(rng, price, config.market_trend)
        people = population
        self.exposure = np.maximum(people.last_service_day - people.start_day + 1, 0)
        habit = np.exp(rng.normal(0, 0.06, len(providers.practice_market)))
        self.habit = np.where(
            people.is_user, habit[providers.practice[np.maximum(people.first_pcp, 0)]], 1.0
        )
        age_use = USE_BY_AGE[people.age_band]
        illness = 1 + 0.55 * people.condition_count
        self.use = age_use * illness * (0.35 + 0.65 * people.use_frailty) * self.habit
        self.is_child = people.age < 18
        self._visits: list[Visits] = []

    def events(
        self, rate: Rates, effect: Callable[[PlantedEffects], float] | None = None
    ) -> tuple[Numbers, Numbers]:
        """Members and days of a Poisson process with yearly `rate`, thinned by a planted effect."""
        people, rng = self.people, self.rng
        multipliers = np.ones(len(self.config.programs) + 1)
        if effect is not None:
            multipliers[:-1] = [effect(program.effects) for program in self.config.programs]
        peak = multipliers.max()
        expected = rate * peak * self.exposure / 365.25
        person = np.repeat(np.arange(len(people)), rng.poisson(expected))
        day = people.start_day[person] + np.floor(
            rng.random(len(person)) * self.exposure[person]
        ).astype(np.int64)
        keep = people.covered(person, day)
        if effect is not None:
            program = people.true_program(self.providers, person, day)
            chance = np.where(day >= EFFECT_START_DAY, multipliers[program], 1.0) / peak
            keep &= rng.random(len(person)) < chance
        return person[keep], day[keep]

    def stratified_events(
        self, rate: Rates, frailty: Rates, effect: Callable[[PlantedEffects], float]
    ) -> tuple[Numbers, Numbers]:
        """As `events`, but each cohort and year has exactly its expected number of events.

        Chance (weighted by frailty) decides who has them and when, so a member's counts are as
        overdispersed as ever, while a panel's total is what was planted and not luck.
        """
        people, rng = self.people, self.rng
        multipliers = np.ones(len(self.config.programs) + 1)
        multipliers[:-1] = [effect(program.effects) for program in self.config.programs]
        peak = multipliers.max()
        stratum = people.cohort.astype(np.int64) * 2 + people.is_user
        order = np.argsort(stratum, kind="stable")
        edges = np.searchsorted(stratum[order], np.arange(stratum.max() + 2))
        person_parts, day_parts = [], []
        for first, last in ((0, 364), (365, 730), (731, LAST_SERVICE_DAY)):
            low = np.maximum(people.start_day, first)
            span = np.clip(np.minimum(people.last_service_day, last) - low + 1, 0, None)
            gap = np.clip(
                np.minimum(people.gap_end, last) - np.maximum(people.gap_start, first) + 1,
                0,
                span,
            )
            expected = rate * peak * (span - gap) / 365.25
            for begin, end in pairwise(edges):
                members = order[begin:end]
                weight = np.cumsum(expected[members] * frailty[members])
                total = round(float(expected[members].sum()))
                if total == 0 or weight[-1] <= 0:
                    continue
                drawn = np.searchsorted(weight, rng.random(total) * weight[-1], side="right")
                who = members[np.minimum(drawn, len(members) - 1)]
                person_parts.append(who)
                day_parts.append(low[who] + np.floor(rng.random(total) * span[who]))
        person = np.concatenate(person_parts)
        day = np.concatenate(day_parts).astype(np.int64)
        keep = people.covered(person, day)
        person, day = person[keep], day[keep]
        program = people.true_program(self.providers, person, day)
        late = day >= EFFECT_START_DAY
        keep = np.zeros(len(person), dtype=bool)
        for number, multiplier in enumerate([*multipliers[:-1], 1.0]):
            label = number if number < len(multipliers) - 1 else NON_PROGRAM
            for is_late, chance in ((False, 1.0), (True, multiplier)):
                rows = rng.permutation(np.flatnonzero((program == label) & (late == is_late)))
                keep[rows[: round(len(rows) * chance / peak)]] = True
        return person[keep], day[keep]

    def weekday(self, day: Numbers) -> Numbers:
        """Office days: Saturday (2023-01-07 = day 6) becomes Friday, Sunday becomes Monday."""
        place = (day + 6) % 7
        moved = np.where(place == 5, day - 1, np.where(place == 6, day + 1, day))
        return np.clip(moved, 0, LAST_SERVICE_DAY)

    def diagnoses(
        self, primary: NDArray[np.uint16], person: Numbers, day: Numbers, chance: float
    ) -> NDArray[np.uint16]:
        """Five diagnosis columns: the reason first, then known chronic conditions if written."""
        table = np.zeros((len(person), 5), dtype=np.uint16)
        table[:, 0] = primary
        written = self.rng.random(len(person)) < chance
        known = self.people.condition_onset[person] <= day[:, None]
        listed = self.people.condition_codes[person]
        listed = np.where(known & written[:, None] & (listed != primary[:, None]), listed, 0)
        table[:, 1:] = listed
        # Keep the columns packed to the left.
        for column in range(1, 4):
            empty = np.flatnonzero((table[:, column] == 0) & (table[:, column + 1] > 0))
            table[empty, column] = table[empty, column + 1]
            table[empty, column + 1] = 0
        return table

    def reason(
        self, person: Numbers, acute: NDArray[np.uint16], chronic_chance: float
    ) -> NDArray[np.uint16]:
        """First diagnosis: one of the member's chronic conditions or something acute."""
        rng = self.rng
        chosen = acute[rng.integers(0, len(acute), len(person))]
        slot = rng.integers(0, 4, len(person))
        chronic = self.people.condition_codes[person, slot]
        return np.where((chronic > 0) & (rng.random(len(person)) < chronic_chance), chronic, chosen)

    def any_of(self, indices: NDArray[np.uint16], count: int) -> NDArray[np.uint16]:
        return indices[self.rng.integers(0, len(indices), count)]

    def facility(self, kind: str, person: Numbers) -> Numbers:
        """A facility of the member's market; hospitals by member habit (two of them mostly)."""
        out = np.zeros(len(person), dtype=np.int64)
        market = self.people.market[person]
        for number, choices in enumerate(self.providers.facilities[kind]):
            here = np.flatnonzero(market == number)
            usual = self.people.number[person[here]] % len(choices)
            other = self.rng.integers(0, len(choices), len(here))
            out[here] = choices[np.where(self.rng.random(len(here)) < 0.8, usual, other)]
        return out

    def specialist(self, person: Numbers, specialties: tuple[int, ...] | None = None) -> Numbers:
        """A specialist of the member's market, of the wanted specialties if there are any."""
        providers = self.providers
        out = np.zeros(len(person), dtype=np.int64)
        market = self.people.market[person]
        for number, doctors in enumerate(providers.specialists_by_market):
            here = np.flatnonzero(market == number)
            choices = doctors
            if specialties is not None:
                fit = doctors[np.isin(providers.specialty[doctors], specialties)]
                choices = fit if len(fit) else doctors
            out[here] = self.rng.choice(choices, len(here))
        return out

    def visited_pcp(self, person: Numbers, day: Numbers) -> Numbers:
        """Own clinician (79.5 %), a colleague of the practice (14 %) or anyone of the market."""
        people, providers, rng = self.people, self.providers, self.rng
        pcp = people.home(person, day)
        draw = rng.random(len(person))
        colleague = np.flatnonzero(draw < 0.14)
        pcp[colleague] = within_practice(
            providers,
            providers.practice[pcp[colleague]].astype(np.int64),
            self.is_child[person[colleague]],
            rng,
        )
        for market in range(len(self.config.markets)):
            elsewhere = np.flatnonzero((draw >= 0.935) & (people.market[person] == market))
            practices = np.flatnonzero(providers.practice_market == market)
            pcp[elsewhere] = pick_pcp(providers, practices, self.is_child[person[elsewhere]], rng)
        return pcp

    def unknown_npi(self, clinician: Numbers) -> Numbers:
        """Rendering position, a few replaced by NPIs on no directory (-2 - position)."""
        unknown = self.rng.random(len(clinician)) < self.config.mess.unknown_npi
        numbers = -2 - self.rng.integers(0, len(self.providers.unknown_npi), len(clinician))
        return np.where(unknown, numbers, clinician)

    def add_primary_care(
        self,
        person: Numbers,
        day: Numbers,
        diagnosis: NDArray[np.uint16],
        specs: list[LineSpec],
        is_preventive: bool,
    ) -> None:
        clinician = self.visited_pcp(person, day)
        rendering = self.unknown_npi(clinician)
        denied = self.rng.random(len(person)) < 0.018
        self.book.add(
            person,
            day,
            self.providers.organisation[clinician].astype(np.int64),
            rendering,
            diagnosis,
            specs,
            is_primary_care=True,
            is_denied=denied,
            is_preventive=is_preventive,
        )
        self._note(person, day, rendering, ~denied, is_primary_care=True)

    def add_specialist(
        self,
        person: Numbers,
        day: Numbers,
        doctor: Numbers,
        diagnosis: NDArray[np.uint16],
        specs: list[LineSpec],
    ) -> None:
        """Office visits to specialists; those of METHODS B.2's second tier may attribute."""
        denied = self.rng.random(len(person)) < 0.018
        rendering = self.unknown_npi(doctor)
        self.book.add(
            person,
            day,
            self.providers.organisation[doctor].astype(np.int64),
            rendering,
            diagnosis,
            specs,
            is_denied=denied,
        )
        second_tier = np.isin(self.providers.specialty[doctor], SECOND_TIER)
        self._note(person, day, rendering, ~denied & second_tier, is_primary_care=False)

    def _note(
        self,
        person: Numbers,
        day: Numbers,
        rendering: Numbers,
        counts: NDArray[np.bool_],
        is_primary_care: bool,
    ) -> None:
        kept = counts & (rendering >= 0)
        self._visits.append(
            Visits(
                person[kept],
                day[kept],
                rendering[kept],
                np.full(int(kept.sum()), is_primary_care),
            )
        )

    def visits(self) -> Visits:
        """Every visit noted so far."""
        return Visits(
            *(
                np.concatenate([getattr(part, name) for part in self._visits])
                for name in ("person", "day", "clinician", "is_primary_care")
            )
        )


def simulate_use(
    config: SimulationConfig,
    providers: Providers,
    population: Population,
    rng: np.random.Generator,
) -> MedicalUse:
    """Draw three years of medical services for everyone."""
    world = _World(config, providers, population, rng)
    _primary_care(world)
    _specialists(world)
    _diagnostics(world)
    _diabetes_services(world)
    _therapies(world)
    _outpatient_facility(world)
    stays, interim_bills, transfers = _stays(world)
    ed_visits, denied_ed_visits = _emergency(world, stays)
    _urgent_care(world)
    claims, lines = world.book.finish()
    return MedicalUse(
        claims,
        lines,
        ed_visits,
        stays,
        world.visits(),
        interim_bills,
        transfers,
        denied_ed_visits,
    )


def _counts(rng: np.random.Generator, size: int, weights: tuple[float, ...]) -> Numbers:
    """Numbers 0, 1, 2 … drawn with the given weights."""
    edges = np.cumsum(np.array(weights) / sum(weights))
    edges[-1] = 1.0
    return np.searchsorted(edges, rng.random(size), side="right")


def _primary_care(world: _World) -> None:
    people, rng = world.people, world.rng
    users = np.flatnonzero(people.is_user)
    for year in range(3):
        low = np.maximum(people.start_day[users], (0, 365, 731)[year])
        high = np.minimum(people.last_service_day[users], (364, 730, 1095)[year])
        span = high - low + 1
        chance = np.where(people.age_band[users] < 2, 1.0, 0.80) * np.clip(span, 0, 366) / 365
        person = users[rng.random(len(users)) < chance]
        pick = np.searchsorted(users, person)
        day = low[pick] + np.floor(rng.random(len(person)) * span[pick]).astype(np.int64)
        keep = people.covered(person, day)
        person, day = person[keep], world.weekday(day[keep])
        for is_child, kinds, reasons in (
            (True, codes.PREVENTIVE_CHILD, codes.CHILD_PREVENTIVE_DIAGNOSES),
            (False, codes.PREVENTIVE_ADULT, codes.PREVENTIVE_DIAGNOSES),
        ):
            mine = world.is_child[person] == is_child
            who, when = person[mine], day[mine]
            extra = _counts(rng, len(who), (40, 30, 18, 12) if is_child else (55, 28, 12, 5))
            diagnosis = world.diagnoses(world.any_of(reasons, len(who)), who, when, 0.85)
            specs = [
                LineSpec(kinds, place=PLACE["11"]),
                LineSpec(codes.VACCINES, extra, PLACE["11"]),
            ]
            world.add_primary_care(who, when, diagnosis, specs, is_preventive=True)
    rate = np.where(
        people.is_user,
        1.25
        * USE_BY_AGE[people.age_band] ** 0.4
        * (1 + 0.55 * people.condition_count)
        * (0.4 + 0.6 * people.use_frailty)
        * world.habit,
        0.0,
    )
    person, day = world.events(rate)
    day = world.weekday(day)
    remote = rng.random(len(person)) < 0.08
    diagnosis = world.diagnoses(world.reason(person, codes.ACUTE, 0.55), person, day, 0.72)
    who, when = person[~remote], day[~remote]
    extra = _counts(rng, len(who), (58, 26, 11, 5))
    specs = [
        LineSpec(codes.OFFICE, place=PLACE["11"]),
        LineSpec(codes.OFFICE_EXTRA, extra, PLACE["11"]),
    ]
    world.add_primary_care(who, when, diagnosis[~remote], specs, is_preventive=False)
    specs = [LineSpec(codes.OFFICE, place=PLACE["10"], modifier_1=MODIFIER["95"], factor=0.92)]
    world.add_primary_care(person[remote], day[remote], diagnosis[remote], specs, False)


def _specialists(world: _World) -> None:
    people, rng = world.people, world.rng
    # Non-users see few specialists: a tier-2 visit would bring them into a panel.
    rate = 0.92 * world.use * np.where(people.is_user, 1.0, 0.012)
    person, day = world.events(rate)
    day = world.weekday(day)
    doctor = world.specialist(person)
    world.add_specialist(
        person,
        day,
        doctor,
        world.diagnoses(world.reason(person, codes.ACUTE, 0.6), person, day, 0.5),
        [
            LineSpec(codes.SPECIALIST, place=PLACE["11"]),
            LineSpec(
                codes.SPECIALIST_EXTRA, _counts(rng, len(person), (52, 31, 12, 5)), PLACE["11"]
            ),
        ],
    )
    women = people.is_female & (people.age >= 16) & (people.age < 66)
    person, day = world.events(np.where(women, np.where(people.is_user, 0.42, 0.015), 0.0))
    day = world.weekday(day)
    world.add_specialist(
        person,
        day,
        world.specialist(person, (OBSTETRICIAN,)),
        world.diagnoses(world.any_of(codes.WOMEN_DIAGNOSES, len(person)), person, day, 0.2),
        [
            LineSpec(codes.PREVENTIVE_ADULT, place=PLACE["11"]),
            LineSpec(codes.LABS, _counts(rng, len(person), (60, 30, 10)), PLACE["11"]),
        ],
    )
    person, day = world.events(0.045 * world.use * np.where(people.is_user, 1.0, 0.1))
    doctor = world.specialist(person)
    world.book.add(
        person,
        day,
        world.providers.organisation[doctor].astype(np.int64),
        doctor,
        world.diagnoses(world.reason(person, codes.THERAPY_DIAGNOSES, 0.3), person, day, 0.3),
        [LineSpec(codes.OFFICE_DRUGS, place=PLACE["11"])],
    )


def _diagnostics(world: _World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.10)
    person, day = world.events(0.90 * world.use * reach)
    diagnosis = world.diagnoses(world.any_of(codes.LAB_DIAGNOSES, len(person)), person, day, 0.4)
    world.book.add(
        person,
        day,
        world.facility("lab", person),
        None,
        diagnosis,
        [LineSpec(codes.LABS, 1 + _counts(rng, len(person), (28, 32, 24, 16)), PLACE["81"])],
        lag_days=18.0,
    )
    person, day = world.events(0.40 * world.use * reach)
    woman = people.is_female[person] & (people.age[person] >= 40)
    primary = np.where(
        woman & (rng.random(len(person)) < 0.5),
        world.any_of(codes.SCREENING, len(person)),
        world.any_of(codes.IMAGING_DIAGNOSES, len(person)),
    )
    world.book.add(
        person,
        day,
        world.facility("imaging", person),
        None,
        world.diagnoses(primary, person, day, 0.1),
        [
            LineSpec(codes.IMAGING, place=PLACE["11"]),
            LineSpec(codes.IMAGING, _counts(rng, len(person), (85, 15)), PLACE["11"]),
        ],
    )
    person, day = world.events(0.105 * world.use * reach, lambda effects: effects.imaging)
    in_hospital = rng.random(len(person)) < 0.45
    diagnosis = world.diagnoses(
        world.any_of(codes.IMAGING_DIAGNOSES, len(person)), person, day, 0.15
    )
    world.book.add(
        person[~in_hospital],
        day[~in_hospital],
        world.facility("imaging", person[~in_hospital]),
        None,
        diagnosis[~in_hospital],
        [LineSpec(codes.ADVANCED_IMAGING, place=PLACE["11"], factor=0.8)],
    )
    who, when, dx = person[in_hospital], day[in_hospital], diagnosis[in_hospital]
    world.book.add(
        who,
        when,
        world.facility("hospital", who),
        None,
        dx,
        [LineSpec(codes.ADVANCED_IMAGING, factor=1.7)],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )


def _diabetes_services(world: _World) -> None:
    """Yearly A1c, eye and kidney checks: the chances that the diabetes effect raises."""
    people, rng = world.people, world.rng
    multipliers = np.array([p.effects.diabetes for p in world.config.programs] + [1.0])
    diabetic = np.flatnonzero(people.conditions[:, 0])
    for year, (first, last) in enumerate(((0, 364), (365, 730), (731, 1095))):
        low = np.maximum(people.start_day[diabetic], first)
        high = np.minimum(people.last_service_day[diabetic], last)
        span = np.maximum(high - low + 1, 0)
        for pool, chance, kind in (
            (codes.A1C, 0.80, "lab"),
            (codes.EYE, 0.54, "eye"),
            (codes.KIDNEY, 0.56, "lab"),
        ):
            day = low + np.floor(rng.random(len(diabetic)) * span).astype(np.int64)
            program = people.true_program(world.providers, diabetic, day)
            effect = multipliers[program] if year == 2 else 1.0
            reach = np.where(people.is_user[diabetic], 1.0, 0.3)
            has = rng.random(len(diabetic)) < np.minimum(chance * effect * reach, 0.98) * (
                span / 365
            )
            has &= people.covered(diabetic, day)
            person, when = diabetic[has], world.weekday(day[has])
            slot = people.condition_codes[person]
            known = np.isin(slot, codes.CONDITION_CODES[0])
            primary = np.where(
                known.any(axis=1),
                slot[np.arange(len(person)), known.argmax(1)],
                codes.LAB_DIAGNOSES[0],
            ).astype(np.uint16)
            diagnosis = world.diagnoses(primary, person, when, 0.0)
            if kind == "lab":
                world.book.add(
                    person,
                    when,
                    world.facility("lab", person),
                    None,
                    diagnosis,
                    [LineSpec(pool, place=PLACE["81"])],
                    lag_days=18.0,
                )
            else:
                doctor = world.specialist(person, (EYE_DOCTOR,))
                world.book.add(
                    person,
                    when,
                    world.providers.organisation[doctor].astype(np.int64),
                    doctor,
                    diagnosis,
                    [LineSpec(pool, place=PLACE["11"])],
                )
    person, day = world.events(np.where(people.is_user, 0.10, 0.03))
    doctor = world.specialist(person, (EYE_DOCTOR,))
    world.book.add(
        person,
        world.weekday(day),
        world.providers.organisation[doctor].astype(np.int64),
        doctor,
        world.diagnoses(world.any_of(codes.EYE_DIAGNOSES, len(person)), person, day, 0.1),
        [LineSpec(codes.EYE, place=PLACE["11"])],
    )


def _therapies(world: _World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.15)
    course = rng.gamma(0.10, 1 / 0.10, len(people))
    person, day = world.events(0.62 * np.minimum(course, 25) * reach * (people.age > 8))
    therapist = world.specialist(person, (THERAPIST,))
    world.book.add(
        person,
        world.weekday(day),
        world.providers.organisation[therapist].astype(np.int64),
        therapist,
        world.diagnoses(world.any_of(codes.THERAPY_DIAGNOSES, len(person)), person, day, 0.05),
        [
            LineSpec(
                codes.THERAPY,
                1 + _counts(rng, len(person), (30, 45, 25)),
                PLACE["11"],
                MODIFIER["GP"],
            )
        ],
    )
    depressed = people.conditions[:, 7]
    course = rng.gamma(0.18, 1 / 0.18, len(people))
    rate = (
        np.where(depressed, 3.6, 0.30) * np.minimum(course, 16) * np.where(people.is_user, 1.0, 0.4)
    )
    person, day = world.events(rate * (people.age > 5))
    counselor = world.specialist(person, (PSYCHOLOGIST, PSYCHIATRIST))
    primary = world.any_of(codes.BEHAVIORAL_DIAGNOSES, len(person))
    known = people.condition_codes[person]
    depression = np.isin(known, codes.CONDITION_CODES[7])
    primary = np.where(
        depression.any(axis=1), known[np.arange(len(person)), depression.argmax(axis=1)], primary
    )
    remote = rng.random(len(person)) < 0.4
    for far, place, modifier in ((False, "11", 0), (True, "10", MODIFIER["95"])):
        mine = remote == far
        who = person[mine]
        world.book.add(
            who,
            world.weekday(day[mine]),
            world.providers.organisation[counselor[mine]].astype(np.int64),
            counselor[mine],
            world.diagnoses(primary[mine].astype(np.uint16), who, day[mine], 0.05),
            [LineSpec(codes.BEHAVIORAL, place=PLACE[place], modifier_1=modifier)],
        )
    person, day = world.events(0.07 * world.use * reach)
    world.book.add(
        person,
        day,
        world.facility("dme", person),
        None,
        world.diagnoses(world.reason(person, codes.THERAPY_DIAGNOSES, 0.6), person, day, 0.2),
        [LineSpec(codes.DME, 1 + _counts(rng, len(person), (70, 30)), PLACE["12"])],
    )


def _outpatient_facility(world: _World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.15)
    person, day = world.events(0.070 * world.use * reach * (people.age > 1))
    person_dx = world.diagnoses(
        world.any_of(codes.SURGERY_DIAGNOSES, len(person)), person, day, 0.4
    )
    day = world.weekday(day)
    size = np.exp(rng.normal(-0.18, 0.6, len(person)))
    hospital = world.facility("hospital", person)
    world.book.add(
        person,
        day,
        hospital,
        None,
        person_dx,
        [
            LineSpec(codes.SURGERY, factor=size),
            LineSpec(codes.SURGERY_EXTRA, _counts(rng, len(person), (10, 30, 30, 20, 10))),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=36.0,
    )
    surgeon = world.specialist(person)
    world.book.add(
        person,
        day,
        world.providers.organisation[surgeon].astype(np.int64),
        surgeon,
        person_dx,
        [LineSpec(codes.SURGERY, place=PLACE["22"], factor=0.30)],
        lag_days=30.0,
    )
    infused = (rng.random(len(people)) < 0.0042 * world.use) * rng.gamma(1.2, 6.0, len(people))
    person, day = world.events(infused * reach)
    world.book.add(
        person,
        world.weekday(day),
        world.facility("hospital", person),
        None,
        world.diagnoses(
            codes.INFUSION_DIAGNOSES[people.number[person] % len(codes.INFUSION_DIAGNOSES)],
            person,
            day,
            0.3,
        ),
        [
            LineSpec(codes.INFUSION, units=40),
            LineSpec(codes.INFUSION_EXTRA, _counts(rng, len(person), (5, 25, 40, 30))),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=36.0,
    )
    person, day = world.events(0.30 * world.use * reach)
    world.book.add(
        person,
        world.weekday(day),
        world.facility("hospital", person),
        None,
        world.diagnoses(world.reason(person, codes.ACUTE, 0.5), person, day, 0.3),
        [LineSpec(codes.CLINIC_FACILITY, 1 + _counts(rng, len(person), (45, 35, 20)))],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )
    person, day = world.events(0.009 * world.use)
    world.book.add(
        person,
        day,
        world.facility("ambulance", person),
        None,
        world.diagnoses(world.any_of(codes.ED_DIAGNOSES, len(person)), person, day, 0.0),
        [LineSpec(codes.AMBULANCE, 1 + _counts(rng, len(person), (20, 80)), PLACE["41"])],
    )


def _spaced(person: Numbers, day: Numbers, least: int) -> NDArray[np.bool_]:
    """Events (sorted by person and day) at least `least` days after the one before."""
    keep = np.ones(len(person), dtype=bool)
    keep[1:] = (person[1:] != person[:-1]) | (day[1:] - day[:-1] >= least)
    return keep


def _stays(world: _World) -> tuple[Stays, int, int]:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.45)
    illness = (1 + 0.9 * people.condition_count) * (0.3 + 0.7 * people.use_frailty)
    person, day = world.events(0.0265 * STAY_BY_AGE[people.age_band] * illness * reach)
    fertile = people.is_female & (people.age >= 19) & (people.age < 44)
    mother, birth_day = world.events(np.where(fertile, 0.052, 0.0))
    is_birth = np.repeat([False, True], [len(person), len(mother)])
    person, day = np.concatenate((person, mother)), np.concatenate((day, birth_day))
    order = np.lexsort((day, person))
    person, day, is_birth = person[order], day[order], is_birth[order]
    keep = _spaced(person, day, 75)
    person, day, is_birth = person[keep], day[keep], is_birth[keep]
    count = len(person)

    stay_weight = np.array([row[4] for row in codes.STAYS], dtype=float)
    kind = rng.choice(len(codes.STAYS), count, p=stay_weight / stay_weight.sum())
    birth = _counts(rng, count, tuple(row[4] for row in codes.BIRTHS)) + len(codes.STAYS)
    kind = np.where(is_birth, birth, kind)
    table = codes.STAYS + codes.BIRTHS
    mean_days = np.array([row[2] for row in table])[kind]
    dollars = np.array([row[3] for row in table], dtype=float)[kind]
    drg = np.array([codes.DRGS.index(row[0]) for row in table], dtype=np.uint8)[kind]
    principal = codes.diagnoses([row[1] for row in table])[kind]
    long_stay = np.exp(rng.normal(0, 0.55, count))
    days = np.clip(np.round(mean_days * long_stay), 1, 45).astype(np.int64)
    # Heavy tail: a few stays cost many times their group's usual price.
    outlier = np.where(rng.random(count) < 0.03, rng.pareto(2.0, count) + 1.5, 1.0)
    price = (
        dollars * np.exp(rng.normal(-0.1, 0.45, count)) * long_stay**0.5 * np.minimum(outlier, 6)
    )
    hospital = world.facility("hospital", person)
    is_acute = np.isin(kind, np.arange(len(codes.STAYS) - 3))
    is_from_ed = is_acute & (rng.random(count) < 0.55)
    is_transfer = is_acute & (rng.random(count) < 0.025)
    is_interim = is_acute & ~is_transfer & (days >= 10) & (rng.random(count) < 0.35)
    draw = rng.random(count)
    status = np.select([is_transfer, draw < 0.055, draw < 0.135, draw < 0.145], [2, 3, 6, 7], 1)
    status = np.where(is_birth, 1, status).astype(np.uint8)
    admission, discharge = day, day + days
    diagnosis = world.diagnoses(principal, person, day, 0.9)
    ed_pool = codes.pool(("99285", "0450", 1900, 1))

    def facility_claims(
        rows: Numbers,
        first: Numbers,
        last: Numbers,
        share: float,
        has_ed: NDArray[np.bool_],
        frequency: int,
        state: NDArray[np.uint8] | int,
        place: Numbers,
    ) -> None:
        parts = 3 + _counts(rng, len(rows), (20, 30, 30, 20))
        world.book.add(
            person[rows],
            first,
            place,
            None,
            diagnosis[rows],
            [
                LineSpec(ed_pool, has_ed.astype(np.int64)),
                LineSpec(codes.INPATIENT_LINES, parts, factor=price[rows] * share / parts / 0.118),
            ],
            bill_type=11,
            thru=last,
            frequency=frequency,
            discharge_status=state,
            drg=drg[rows],
            lag_days=44.0,
            may_be_denied=False,
        )

    plain = np.flatnonzero(~is_interim)
    facility_claims(
        plain,
        admission[plain],
        discharge[plain],
        1.0,
        is_from_ed[plain],
        1,
        status[plain],
        hospital[plain],
    )
    split = np.flatnonzero(is_interim)
    middle = admission[split] + days[split] // 2
    facility_claims(split, admission[split], middle, 0.5, is_from_ed[split], 2, 30, hospital[split])
    facility_claims(
        split,
        middle + 1,
        discharge[split],
        0.5,
        np.zeros(len(split), dtype=bool),
        4,
        status[split],
        hospital[split],
    )
    moved = np.flatnonzero(is_transfer)
    second = _other_hospital(world, person[moved], hospital[moved])
    moved, second = moved[second != hospital[moved]], second[second != hospital[moved]]
    more = rng.integers(2, 9, len(moved))
    facility_claims(
        moved,
        discharge[moved],
        discharge[moved] + more,
        0.9,
        np.zeros(len(moved), dtype=bool),
        1,
        1,
        second,
    )

    doctors = world.facility("hospitalists", person)
    clinician = world.specialist(person)
    world.book.add(
        person,
        admission,
        doctors,
        clinician,
        diagnosis,
        [
            LineSpec(codes.INPATIENT_ADMIT, place=PLACE["21"]),
            LineSpec(
                codes.INPATIENT_VISITS, np.maximum(days - 1, 0), PLACE["21"], spread_days=days
            ),
            LineSpec(codes.INPATIENT_LEAVE, place=PLACE["21"], spread_days=days * 0),
        ],
        thru=discharge,
        lag_days=30.0,
    )
    rows = np.flatnonzero(is_from_ed)
    shift = -(rng.random(len(rows)) < 0.25).astype(np.int64)
    world.book.add(
        person[rows],
        np.maximum(admission[rows] + shift, 0),
        world.facility("emergency_group", person[rows]),
        clinician[rows],
        diagnosis[rows],
        [LineSpec(codes.ED_PROFESSIONAL, place=PLACE["23"])],
        lag_days=30.0,
        is_ed=True,
        may_be_denied=False,
    )
    rows = np.flatnonzero(status == 3)
    length = rng.integers(6, 26, len(rows))
    world.book.add(
        person[rows],
        discharge[rows],
        world.facility("snf", person[rows]),
        None,
        diagnosis[rows],
        [LineSpec(codes.SNF, 2 + _counts(rng, len(rows), (40, 40, 20)), factor=length / 3.0)],
        bill_type=21,
        thru=discharge[rows] + length,
        discharge_status=1,
        lag_days=40.0,
    )
    rows = np.flatnonzero(status == 6)
    world.book.add(
        person[rows],
        discharge[rows] + 2,
        world.facility("home_health", person[rows]),
        None,
        diagnosis[rows],
        [LineSpec(codes.HOME_HEALTH, 3 + _counts(rng, len(rows), (1, 1, 1, 1)))],
        bill_type=32,
        thru=discharge[rows] + 25,
        discharge_status=1,
        lag_days=40.0,
    )
    stays = Stays(
        np.concatenate((person, person[moved])),
        np.concatenate((admission, discharge[moved])),
        np.concatenate((discharge, discharge[moved] + more)),
        np.concatenate((is_from_ed, np.zeros(len(moved), dtype=bool))),
    )
    return stays, 2 * len(split), len(moved)


def _other_hospital(world: _World, person: Numbers, hospital: Numbers) -> Numbers:
    """Another hospital of the same market (the same one where there is only one)."""
    out = hospital.copy()
    for number, choices in enumerate(world.providers.facilities["hospital"]):
        here = np.flatnonzero(world.people.market[person] == number)
        position = np.searchsorted(choices, hospital[here])
        out[here] = choices[(position + 1) % len(choices)]
    return out


def _emergency(world: _World, stays: Stays) -> tuple[EdVisits, int]:
    """Treat-and-release visits: facility and professional claims as METHODS A.4 must join them."""
    people, rng = world.people, world.rng
    rate = (
        ED_PER_YEAR
        * ED_BY_AGE[people.age_band]
        * np.where(people.is_female, 1.06, 0.94)
        * (1 + 0.38 * people.condition_count)
        * np.where(people.is_user, 1.0, 0.62)
    )
    person, day = world.stratified_events(rate, people.ed_frailty, lambda effects: effects.ed)
    order = np.lexsort((day, person))
    person, day = person[order], day[order]
    # Visits three days apart, and away from stays, so that the true count has one answer.
    keep = _spaced(person, day, 4)
    keep &= ~_near_stay(person, day, stays)
    person, day = person[keep], day[keep]
    count = len(person)
    draw = rng.random(count)
    facility_missing = draw < ED_FACILITY_MISSING
    professional_missing = (draw >= ED_FACILITY_MISSING) & (
        draw < ED_FACILITY_MISSING + ED_PROFESSIONAL_MISSING
    )
    denied = rng.random(count) < ED_DENIED
    observed = rng.random(count) < 0.035
    over_night = (rng.random(count) < MIDNIGHT) | observed
    diagnosis = world.diagnoses(world.reason(person, codes.ED_DIAGNOSES, 0.18), person, day, 0.45)
    hospital = world.facility("hospital", person)
    rows = np.flatnonzero(~facility_missing)
    world.book.add(
        person[rows],
        day[rows],
        hospital[rows],
        None,
        diagnosis[rows],
        [
            LineSpec(codes.ED_FACILITY),
            LineSpec(codes.ED_EXTRA, _counts(rng, len(rows), (12, 22, 26, 20, 12, 8))),
            LineSpec(codes.OBSERVATION, observed[rows].astype(np.int64)),
        ],
        bill_type=13,
        thru=(day + over_night)[rows],
        discharge_status=1,
        lag_days=36.0,
        is_ed=True,
        may_be_denied=False,
        is_denied=denied[rows],
    )
    rows = np.flatnonzero(~professional_missing)
    shift = np.where(rng.random(count) < OFF_BY_A_DAY, rng.choice([-1, 1], count), 0)
    shift = np.where(facility_missing, 0, np.where(over_night & (shift == 0), 1, shift))
    clinician = world.specialist(person)
    last = people.last_service_day[person]
    billed_day = np.clip(day + shift, 0, np.maximum(last, day))
    world.book.add(
        person[rows],
        billed_day[rows],
        world.facility("emergency_group", person[rows]),
        clinician[rows],
        diagnosis[rows],
        [LineSpec(codes.ED_PROFESSIONAL, place=PLACE["23"])],
        lag_days=28.0,
        is_ed=True,
        may_be_denied=False,
        is_denied=denied[rows],
    )
    rows = np.flatnonzero((rng.random(count) < 0.32) & ~facility_missing)
    reader = world.specialist(person[rows])
    world.book.add(
        person[rows],
        day[rows],
        world.facility("imaging", person[rows]),
        reader,
        diagnosis[rows],
        [LineSpec(codes.ED_READ, place=PLACE["23"], modifier_1=MODIFIER["26"])],
        lag_days=28.0,
    )
    return EdVisits(person[~denied], day[~denied]), int(denied.sum())


def _near_stay(person: Numbers, day: Numbers, stays: Stays) -> NDArray[np.bool_]:
    """Whether a day lies within four days of one of the member's stays."""
    if not len(stays.person):
        return np.zeros(len(person), dtype=bool)
    wide = 10_000
    order = np.lexsort((stays.admission_day, stays.person))
    key = stays.person[order].astype(np.int64) * wide + stays.admission_day[order]
    owner, leaves = stays.person[order], stays.discharge_day[order]
    admitted = stays.admission_day[order]
    following = np.searchsorted(key, person.astype(np.int64) * wide + day)
    near = np.zeros(len(person), dtype=bool)
    for step in (0, -1, -2):
        index = np.clip(following + step, 0, len(key) - 1)
        near |= (owner[index] == person) & (day >= admitted[index] - 4) & (day <= leaves[index] + 4)
    return near


def _urgent_care(world: _World) -> None:
    people, rng = world.people, world.rng
    rate = 0.20 * ED_BY_AGE[people.age_band] * (0.5 + 0.5 * people.use_frailty)
    person, day = world.events(rate * np.where(people.is_user, 1.0, 0.8))
    in_hospital = rng.random(len(person)) < 0.3
    diagnosis = world.diagnoses(world.reason(person, codes.ACUTE, 0.1), person, day, 0.15)
    who = person[in_hospital]
    world.book.add(
        who,
        day[in_hospital],
        world.facility("hospital", who),
        None,
        diagnosis[in_hospital],
        [
            LineSpec(codes.URGENT_FACILITY),
            LineSpec(codes.ED_EXTRA, np.zeros(len(who), dtype=np.int64)),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )
    who, when = person[~in_hospital], day[~in_hospital]
    world.book.add(
        who,
        when,
        world.facility("urgent_care", who),
        world.specialist(who, (0,)),
        diagnosis[~in_hospital],
        [LineSpec(codes.URGENT, place=PLACE["20"])],
    )
