"""Treat-and-release visits to emergency departments, the measure the demo's programs are held to.

Each has a facility and a professional claim, mostly, as METHODS A.4 must join them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import LineSpec
from orchestration.simulator.codes import MODIFIER, PLACE
from orchestration.simulator.inpatient import Stays
from orchestration.simulator.population import ED_BY_AGE
from orchestration.simulator.world import Numbers, World, counts, spaced

ED_PER_YEAR = 0.190
MIDNIGHT, OFF_BY_A_DAY = 0.06, 0.03
ED_FACILITY_MISSING, ED_PROFESSIONAL_MISSING, ED_DENIED = 0.02, 0.04, 0.01


@dataclass(frozen=True)
class EdVisits:
    """Treat-and-release ED visits as the member had them: one entry a visit, none denied."""

    person: Numbers
    day: Numbers
    hospital: Numbers
    diagnosis: NDArray[np.uint16]


def emergency(world: World, stays: Stays) -> tuple[EdVisits, int]:
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
    keep = spaced(person, day, 4)
    keep &= ~near_stay(person, day, stays)
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
            LineSpec(codes.ED_EXTRA, counts(rng, len(rows), (12, 22, 26, 20, 12, 8))),
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
    paid = np.flatnonzero(~denied)
    visits = EdVisits(person[paid], day[paid], hospital[paid], diagnosis[paid, 0])
    return visits, int(denied.sum())


def near_stay(person: Numbers, day: Numbers, stays: Stays) -> NDArray[np.bool_]:
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
