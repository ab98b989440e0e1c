"""Pharmacy fills: chronic therapy with gaps, acute fills, a few specialty drugs.

What spoils them (reversals, duplicates) is planted in mess.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers

Numbers = NDArray[np.int64]

DRUGS: tuple[tuple[str, float], ...] = tuple(
    drug
    for drugs in (*codes.RX_CHRONIC, codes.RX_ACUTE, codes.RX_SPECIALTY, codes.RX_PLANTED)
    for drug in drugs
)
_FIRST_CHRONIC = np.cumsum([0, *(len(drugs) for drugs in codes.RX_CHRONIC)])
_FIRST_ACUTE = int(_FIRST_CHRONIC[-1])
_FIRST_SPECIALTY = _FIRST_ACUTE + len(codes.RX_ACUTE)
TREATED_SHARE = (0.95, 0.92, 0.92, 0.75, 0.08, 0.92, 0.85, 0.78, 0.55)


@dataclass
class Fills:
    """One entry a row the payer's benefit manager sends; days count from the epoch."""

    person: NDArray[np.int32]
    drug: NDArray[np.uint8]
    day: NDArray[np.int32]
    days_supply: NDArray[np.int16]
    quantity: NDArray[np.int16]
    prescriber: NDArray[np.int64]
    pharmacy: NDArray[np.int64]
    cents: NDArray[np.int32]
    plan_share: NDArray[np.uint8]
    paid_day: NDArray[np.int32]
    number: NDArray[np.int64]
    is_reversal: NDArray[np.bool_]
    is_final: NDArray[np.bool_]
    file_period: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.person)


def simulate_fills(
    config: SimulationConfig,
    providers: Providers,
    population: Population,
    rng: np.random.Generator,
) -> Fills:
    """Draw the fills of everyone's covered days."""
    people = population
    exposure = np.maximum(people.last_service_day - people.start_day + 1, 0)
    therapies = [_chronic(people, exposure, rng), _specialty(people, exposure, rng)]
    person, drug, start, step, supply, prescriber_draw = (
        np.concatenate(parts) for parts in zip(*therapies, strict=True)
    )
    last = people.last_service_day[person]
    number = np.maximum((last - start) // np.maximum(step, 1) + 1, 0).astype(np.int64)
    therapy = np.repeat(np.arange(len(person)), number)
    position = np.arange(len(therapy)) - np.repeat(np.cumsum(number) - number, number)
    jitter = rng.integers(-3, 6, len(therapy))
    day = (start[therapy] + position * step[therapy] + jitter).astype(np.int64)
    acute_person, acute_day = _acute(people, exposure, rng)
    who = np.concatenate((person[therapy], acute_person))
    when = np.concatenate((day, acute_day))
    what = np.concatenate(
        (drug[therapy], _FIRST_ACUTE + rng.integers(0, len(codes.RX_ACUTE), len(acute_person)))
    )
    length = np.concatenate((supply[therapy], rng.choice([5, 7, 10, 14, 30], len(acute_person))))
    seed = np.concatenate((prescriber_draw[therapy], rng.random(len(acute_person))))
    keep = people.covered(who, when)
    who, when, what, length, seed = who[keep], when[keep], what[keep], length[keep], seed[keep]

    price = np.array([dollars for _, dollars in DRUGS])[what] * 100
    noise = np.exp(rng.normal(0, 0.15, len(who)))
    trend = np.exp(np.log1p(config.market_trend) * when / 365.25)
    months = np.where(what >= _FIRST_ACUTE, 1.0, length / 30)
    cents = np.maximum(price * months * noise * trend, 50).astype(np.int32)
    paid_day = when + rng.integers(0, 6, len(who))
    return Fills(
        person=who.astype(np.int32),
        drug=what.astype(np.uint8),
        day=when.astype(np.int32),
        days_supply=length.astype(np.int16),
        quantity=(length * rng.choice([1, 2, 3], len(who), p=[0.7, 0.22, 0.08])).astype(np.int16),
        prescriber=_prescriber(providers, people, who, when, seed, rng),
        pharmacy=_pharmacy(providers, people, who),
        cents=cents,
        plan_share=np.array([100, 80, 60], dtype=np.uint8)[
            rng.choice(3, len(who), p=[0.3, 0.5, 0.2])
        ],
        paid_day=paid_day.astype(np.int32),
        number=np.arange(len(who), dtype=np.int64),
        is_reversal=np.zeros(len(who), dtype=bool),
        is_final=np.ones(len(who), dtype=bool),
        file_period=(np.searchsorted(MONTH_STARTS, paid_day, side="right") - 1).astype(np.int8),
    )


def _chronic(
    people: Population, exposure: Numbers, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers, NDArray[np.float64]]:
    """Therapies (person, drug, first fill, days between fills, supply, prescriber draw)."""
    person_parts, drug_parts = [], []
    for column, share in enumerate(TREATED_SHARE):
        treated = np.flatnonzero(
            people.conditions[:, column] & (rng.random(len(people)) < share) & (exposure > 0)
        )
        choices = len(codes.RX_CHRONIC[column])
        # The first drug of a list is the cheap usual one.
        draw = np.minimum(rng.geometric(0.72, len(treated)) - 1, choices - 1)
        person_parts.append(treated)
        drug_parts.append(_FIRST_CHRONIC[column] + draw)
    person, drug = np.concatenate(person_parts), np.concatenate(drug_parts).astype(np.int64)
    supply = np.where(rng.random(len(person)) < 0.72, 30, 90).astype(np.int64)
    adherence = np.clip(rng.beta(5.0, 1.3, len(person)), 0.3, 1.0)
    step = np.ceil(supply / adherence).astype(np.int64)
    first = np.floor(rng.random(len(person)) * step).astype(np.int64)
    start = people.start_day[person] + first
    return person, drug, start.astype(np.int64), step, supply, rng.random(len(person))


def _specialty(
    people: Population, exposure: Numbers, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers, NDArray[np.float64]]:
    chance = 0.0052 * (0.4 + 0.6 * people.use_frailty) * np.where(people.is_user, 1.0, 0.3)
    chance *= np.where(people.age >= 18, 1.15, 0.25)
    person = np.flatnonzero((rng.random(len(people)) < chance) & (exposure > 0))
    count = len(person)
    drug = _FIRST_SPECIALTY + rng.integers(0, len(codes.RX_SPECIALTY), count)
    start = people.start_day[person] + rng.integers(0, 200, count)
    return person, drug, start, np.full(count, 29), np.full(count, 28), rng.random(count)


def _acute(
    people: Population, exposure: Numbers, rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    reach = np.where(people.is_user, 1.0, 0.35)
    rate = 2.6 * (0.4 + 0.6 * people.use_frailty) * (1 + 0.2 * people.condition_count) * reach
    person = np.repeat(np.arange(len(people)), rng.poisson(rate * exposure / 365.25))
    offset = np.floor(rng.random(len(person)) * exposure[person]).astype(np.int64)
    return person, people.start_day[person] + offset


def _prescriber(
    providers: Providers,
    people: Population,
    person: Numbers,
    day: Numbers,
    seed: NDArray[np.float64],
    rng: np.random.Generator,
) -> Numbers:
    """The own clinician for most, a specialist else; a therapy keeps its prescriber."""
    home = people.home(person, day)
    by_home = (home >= 0) & (seed < 0.72)
    out = providers.npi[np.maximum(home, 0)].copy()
    market = people.market[person]
    for number, specialists in enumerate(providers.specialists_by_market):
        here = np.flatnonzero(~by_home & (market == number))
        position = np.floor(seed[here] * 7919 % 1 * len(specialists)).astype(np.int64)
        out[here] = providers.npi[specialists[position]]
        # A few members without a doctor of their own get refills from some practice.
        pcps = providers.pcps_by_market[number]
        refill = here[(home[here] < 0) & (rng.random(len(here)) < 0.04)]
        out[refill] = providers.npi[pcps[people.number[person[refill]] % len(pcps)]]
    return out


def _pharmacy(providers: Providers, people: Population, person: Numbers) -> Numbers:
    out = np.zeros(len(person), dtype=np.int64)
    market = people.market[person]
    for number, pharmacies in enumerate(providers.pharmacy_npi):
        here = np.flatnonzero(market == number)
        out[here] = pharmacies[people.number[person[here]] % len(pharmacies)]
    return out
