"""What every medical service draws from: rates and days, diagnoses, clinicians, facilities.

A service is a Poisson process on the member's own rate over her covered days; planted effects thin
it from month 25 on while she truly belongs to a program's doctors. Which services there are does
not belong here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.claims import ClaimBook, LineSpec
from orchestration.simulator.config import (
    EFFECT_START_DAY,
    LAST_SERVICE_DAY,
    NON_PROGRAM,
    PlantedEffects,
    SimulationConfig,
)
from orchestration.simulator.population import Population, pick_pcp, within_practice
from orchestration.simulator.providers import SECOND_TIER, Providers

Numbers = NDArray[np.int64]
Rates = NDArray[np.float64]

USE_BY_AGE = np.array([1.6, 1.0, 0.7, 0.75, 0.85, 0.95, 1.15, 1.4, 1.7])
PRICE_LEVEL = 1.24


@dataclass(frozen=True)
class Visits:
    """Paid visits to clinicians of the directory with a code that attribution counts (B.2)."""

    person: Numbers
    day: Numbers
    clinician: Numbers
    is_primary_care: NDArray[np.bool_]


@dataclass(frozen=True)
class MemberDays:
    """Members and days of something that was done, for what is drawn after all services."""

    person: Numbers
    day: Numbers

    def since(self, day: int) -> tuple[Numbers, Numbers]:
        """Those on the day or later."""
        kept = self.day >= day
        return self.person[kept], self.day[kept]


class World:
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
        self._tests: dict[str, list[MemberDays]] = {}

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

    def note_test(self, name: str, person: Numbers, day: Numbers) -> None:
        """Remember who was tested when: results are drawn from it, no service is."""
        self._tests.setdefault(name, []).append(MemberDays(person, day))

    def tests(self, name: str) -> MemberDays:
        """Every test of that name noted so far."""
        noted = self._tests.get(name, [])
        none = np.zeros(0, dtype=np.int64)
        return MemberDays(
            np.concatenate([none, *(part.person for part in noted)]),
            np.concatenate([none, *(part.day for part in noted)]),
        )

    def visits(self) -> Visits:
        """Every visit noted so far."""
        return Visits(
            *(
                np.concatenate([getattr(part, name) for part in self._visits])
                for name in ("person", "day", "clinician", "is_primary_care")
            )
        )


def counts(rng: np.random.Generator, size: int, weights: tuple[float, ...]) -> Numbers:
    """Numbers 0, 1, 2 … drawn with the given weights."""
    edges = np.cumsum(np.array(weights) / sum(weights))
    edges[-1] = 1.0
    return np.searchsorted(edges, rng.random(size), side="right")


def spaced(person: Numbers, day: Numbers, least: int) -> NDArray[np.bool_]:
    """Events (sorted by person and day) at least `least` days after the one before."""
    keep = np.ones(len(person), dtype=bool)
    keep[1:] = (person[1:] != person[:-1]) | (day[1:] - day[:-1] >= least)
    return keep
